PROMPT='%~ %# '
# middle
zshaddhistory() { [[ $1 != false* ]] }
setopt hist_ignore_space
