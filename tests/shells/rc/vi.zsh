PROMPT='%~ %# '
# middle
bindkey -v
zle-keymap-select() { RPROMPT=$KEYMAP; zle reset-prompt }
zle -N zle-keymap-select
