PS1='\w $ '
PROMPT_COMMAND='history -a'
# middle
PROMPT_COMMAND='history -a'
