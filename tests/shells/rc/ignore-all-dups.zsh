PROMPT='%~ %# '
# middle
setopt hist_ignore_all_dups share_history
