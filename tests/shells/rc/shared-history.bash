PS1='\w $ '
# middle
shopt -s histappend
PROMPT_COMMAND='history -a; history -c; history -r'
