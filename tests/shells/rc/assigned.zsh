PROMPT='%~ %# '
log() { printf "%s\n" "$*" >>~/hooks; }
# middle
precmd_functions=(one)
one() { log "one $?" }
preexec_functions=()
