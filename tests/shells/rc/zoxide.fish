function fish_prompt; echo -n (prompt_pwd)'> '; end
# middle
zoxide init fish | source
