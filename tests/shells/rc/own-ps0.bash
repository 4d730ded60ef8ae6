PS1='\w $ '
# middle
PS0='\e]0;running\a'
