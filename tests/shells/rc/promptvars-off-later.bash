PS1='\w $ '
# middle
PROMPT_COMMAND='shopt -u promptvars'
