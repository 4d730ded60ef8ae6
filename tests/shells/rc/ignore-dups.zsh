PROMPT='%~ %# '
# middle
setopt hist_ignore_dups hist_ignore_space hist_no_store hist_reduce_blanks
