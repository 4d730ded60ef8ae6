# middle
eval "$(starship init bash)"
