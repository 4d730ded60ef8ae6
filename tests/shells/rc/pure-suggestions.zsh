fpath+=($MODULES/pure-prompt)
autoload -U promptinit; promptinit
prompt pure
# middle
. /usr/share/zsh-autosuggestions/zsh-autosuggestions.zsh
. /usr/share/zsh-syntax-highlighting/zsh-syntax-highlighting.zsh
