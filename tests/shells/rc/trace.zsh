PROMPT='%~ %# '
# middle
setopt xtrace
