function fish_prompt; echo -n (prompt_pwd)'> '; end
# middle
function fish_right_prompt; echo -n (set -q X; and echo x; or echo y); end
function fish_mode_prompt; echo -n '+'; end
