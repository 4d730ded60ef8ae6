function fish_prompt; echo -n (prompt_pwd)'> '; end
# middle
function log; string join ' ' -- $argv >>~/hooks; end

function on_prompt --on-event fish_prompt; log prompt $status $pipestatus; end
function on_preexec --on-event fish_preexec; log preexec $argv; end
function on_postexec --on-event fish_postexec; log postexec $status $argv; end
function on_cancel --on-event fish_cancel; log cancel; end
