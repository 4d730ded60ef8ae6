function fish_prompt; echo -n (prompt_pwd)'> '; end
# middle
fzf_key_bindings
