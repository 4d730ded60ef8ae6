PROMPT='%~ %# '
# middle
setopt print_exit_value
