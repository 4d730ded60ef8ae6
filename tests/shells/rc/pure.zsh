fpath+=($MODULES/pure-prompt)
# middle
autoload -U promptinit; promptinit
prompt pure
