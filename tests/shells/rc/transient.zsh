# A prompt that is done becomes short.
# middle
PROMPT='%~ %? %# '
transient-accept() { PROMPT='> '; zle reset-prompt; zle .accept-line }
zle -N accept-line transient-accept
restore() { PROMPT='%~ %? %# ' }
precmd_functions+=(restore)
