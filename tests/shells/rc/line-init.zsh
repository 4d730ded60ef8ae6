PROMPT='%~ %# '
log() { printf "%s\n" "$*" >>~/hooks; }
# middle
zle-line-init() { log init }
zle -N zle-line-init
zle-line-finish() { log finish }
zle -N zle-line-finish
