function fish_prompt; echo -n (prompt_pwd)'> '; end
# middle
function a --on-event fish_prompt; printf '\e]133;A\a'; end
function b --on-event fish_preexec; printf '\e]133;C\a'; end
function c --on-event fish_postexec; printf '\e]133;D;%s\a' $status; end
