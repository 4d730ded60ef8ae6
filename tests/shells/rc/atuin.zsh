PROMPT='%~ %# '
# middle
eval "$(atuin init zsh)"
