PS1='\w $ '
# middle
eval "$(zoxide init bash)"
