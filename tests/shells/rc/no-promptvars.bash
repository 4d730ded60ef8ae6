PS1='\w $ '
# middle
shopt -u promptvars
