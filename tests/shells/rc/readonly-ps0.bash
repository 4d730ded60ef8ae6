PS1='\w $ '
# middle
PS0=
readonly PS0
