PS1='\w $ '
log() { printf "%s\n" "$*" >>~/hooks; }
PROMPT_COMMAND='log "one $?"'
# middle
PROMPT_COMMAND="${PROMPT_COMMAND:+$PROMPT_COMMAND; }"'log "two $?"'
