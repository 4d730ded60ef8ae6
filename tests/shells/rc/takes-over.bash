# Each prompt and each line is this editor's: to bash all of it is one command of PROMPT_COMMAND that does not end.
PS1='\w $ '
log() { printf "%s\n" "$*" >>~/hooks; }
editor() {
  local line each
  while :; do
    for each in "${PROMPT_COMMAND[@]}"; do
      [[ $each == *editor* ]] || eval -- "$each"
    done
    IFS= read -r -e -p "${PS1@P}" line || exit
    [[ -n $line ]] || continue
    history -s -- "$line"
    log "editor $line"
    eval -- "$line"
  done
}
# middle
PROMPT_COMMAND+=(editor)
