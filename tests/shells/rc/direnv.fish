function fish_prompt; echo -n (prompt_pwd)'> '; end
# middle
direnv hook fish | source
