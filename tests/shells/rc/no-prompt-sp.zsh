PROMPT='%~ %# '
# middle
unsetopt prompt_sp
