PROMPT='%~ %# '
log() { printf "%s\n" "$*" >>~/hooks; }
# middle
TRAPZERR() { print -r -- "err $?" >>~/hooks }
