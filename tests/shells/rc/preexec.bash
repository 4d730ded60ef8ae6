# bash-preexec's way: the last PROMPT_COMMAND arms it, and the first DEBUG trap after that is the command's.
PS1='\w $ '
# middle
log() { printf "%s\n" "$*" >>~/hooks; }
__bp_precmd_ran=
__bp_set() { return "${1:-0}"; }
__bp_precmd() {
  local code=$? pipes="${PIPESTATUS[*]}"
  local each
  for each in precmd "${precmd_functions[@]}"; do
    if declare -F "$each" >/dev/null; then __bp_set "$code"; "$each"; fi
  done
  __bp_set "$code"
}
__bp_arm() { __bp_interactive=on; }
__bp_preexec() {
  local code=$? each
  [[ -n ${__bp_interactive-} ]] || return 0
  [[ -z ${COMP_LINE-} ]] || return 0
  if [[ $BASH_COMMAND == __bp_* ]]; then return 0; fi
  __bp_interactive=
  local this
  this=$(HISTTIMEFORMAT='' builtin history 1 | sed '1 s/^ *[0-9][0-9]*[* ] //')
  for each in preexec "${preexec_functions[@]}"; do
    if declare -F "$each" >/dev/null; then __bp_set "$code"; "$each" "$this"; fi
  done
  __bp_set "$code"
}
precmd() { log "precmd $?"; }
preexec() { log "preexec $1"; }
PROMPT_COMMAND=$'__bp_precmd\n'${PROMPT_COMMAND:+$PROMPT_COMMAND$'\n'}__bp_arm
trap '__bp_preexec' DEBUG
