PROMPT='%~ %# '
# middle
eval "$(zoxide init zsh)"
