# `$_` counts from the second prompt on: at the first it is what the rc file has done last.
PS1='\w $ '
log() { printf "%s\n" "$*" >>~/hooks; }
PROMPT_COMMAND='log "one $? ${again:+$_}"'
# middle
PROMPT_COMMAND+=('log "two $? ${again:+$_}"' 'again=1')
