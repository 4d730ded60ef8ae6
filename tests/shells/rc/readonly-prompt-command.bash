PS1='\w $ '
# middle
PROMPT_COMMAND='history -a'
readonly PROMPT_COMMAND
