PS1='\w $ '
# middle
