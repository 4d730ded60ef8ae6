# middle
eval "$(starship init zsh)"
