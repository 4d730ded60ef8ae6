PS1='\w $ '
# middle
HISTCONTROL=erasedups
