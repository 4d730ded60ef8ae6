function fish_prompt; echo -n (prompt_pwd)'> '; end
# middle
atuin init fish | source
