PS1='\w $ '
# middle
readonly PS1
