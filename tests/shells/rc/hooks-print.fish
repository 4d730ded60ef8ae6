function fish_prompt; echo -n (prompt_pwd)'> '; end
# middle
function a --on-event fish_prompt; echo at prompt; end
function b --on-event fish_preexec; echo runs; end
function c --on-event fish_postexec; echo ended; end
