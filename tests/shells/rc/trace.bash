PS1='\w $ '
# middle
PROMPT_COMMAND='true hook'
set -x
