PS1='\w $ '
log() { printf "%s\n" "$*" >>~/hooks; }
# middle
PROMPT_COMMAND=('log "one $?"' 'log "two $? ${PIPESTATUS[*]}"')
