PROMPT='%~ %# '
# middle
PROMPT_EOL_MARK=''
