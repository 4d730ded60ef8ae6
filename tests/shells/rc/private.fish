function fish_prompt; echo -n (prompt_pwd)'> '; end
# middle
set -g fish_private_mode 1
