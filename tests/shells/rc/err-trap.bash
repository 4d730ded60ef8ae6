PS1='\w $ '
log() { printf "%s\n" "$*" >>~/hooks; }
# middle
trap 'log "err $? $BASH_COMMAND"' ERR
set -E
PROMPT_COMMAND='log "prompt $?"'
