PROMPT='%~ %# '
# middle
unsetopt prompt_cr prompt_sp
