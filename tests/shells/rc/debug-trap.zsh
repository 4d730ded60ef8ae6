PROMPT='%~ %# '
log() { printf "%s\n" "$*" >>~/hooks; }
# middle
TRAPDEBUG() { print -r -- "debug $ZSH_DEBUG_CMD" >>~/hooks }
precmd_functions+=(one); one() { : }
