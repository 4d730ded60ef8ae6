PS1='\w $ '
# middle
PROMPT_COMMAND='echo "code $?"'
