PROMPT='%~ %# '
# middle
RPROMPT='%?'
setopt transient_rprompt
