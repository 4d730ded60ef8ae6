PS1='\w $ '
# middle
log() { printf "%s\n" "$*" >>~/hooks; }
# What the rest of this file does counts for nothing: only what comes once there is a prompt.
timer_start() { [[ -z ${prompts-} ]] || log "debug $BASH_COMMAND"; timer=${timer:-$SECONDS}; }
timer_stop() { log "stop $?"; unset timer; prompts=1; }
PROMPT_COMMAND=timer_stop
trap timer_start DEBUG
