PROMPT='%~ %# '
# middle
eval "$(direnv hook zsh)"
