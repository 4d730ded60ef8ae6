function fish_prompt; echo -n (prompt_pwd)'> '; end
# middle
fish_vi_key_bindings
