PS1='\w $ '
log() { printf "%s\n" "$*" >>~/hooks; }
# middle
PROMPT_COMMAND="history -a; log \"prompt \$?\"; $PROMPT_COMMAND"
