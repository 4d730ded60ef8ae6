PS1='\w $ '
# middle
HISTCONTROL=ignoreboth
HISTIGNORE='false:pass *'
