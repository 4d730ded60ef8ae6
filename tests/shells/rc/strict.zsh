PROMPT='%~ %# '
# middle
setopt no_unset no_clobber warn_create_global sh_word_split ksh_arrays
