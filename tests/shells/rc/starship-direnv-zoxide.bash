eval "$(starship init bash)"
# middle
eval "$(direnv hook bash)"
eval "$(zoxide init bash)"
