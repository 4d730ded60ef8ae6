PS1='\w $ '
# middle
eval "$(direnv hook bash)"
