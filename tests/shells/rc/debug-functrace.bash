PS1='\w $ '
# middle
log() { printf "%s\n" "$*" >>~/hooks; }

timer_start() { log "debug $BASH_COMMAND"; timer=${timer:-$SECONDS}; }
timer_stop() { log "stop $?"; unset timer; }
PROMPT_COMMAND=timer_stop
trap timer_start DEBUG
set -o functrace
