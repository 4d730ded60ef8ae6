# bash-preexec's later way: it puts itself in place at the first prompt, when all else that this file does is done.
PS1='\w $ '
# middle
log() { printf "%s\n" "$*" >>~/hooks; }
__late_install() {
  local before=${PROMPT_COMMAND//__late_install/:}
  PROMPT_COMMAND=$'__late_precmd\n'$before
  PROMPT_COMMAND+=(__late_arm)
  trap __late_debug DEBUG
}
__late_precmd() { log "precmd $?"; }
__late_arm() { __late_armed=1; }
__late_debug() {
  [[ -n ${__late_armed-} && $BASH_COMMAND != __late_* ]] || return 0
  __late_armed=
  log "preexec $BASH_COMMAND"
}
PROMPT_COMMAND=${PROMPT_COMMAND:+$PROMPT_COMMAND$'\n'}__late_install
