PROMPT='%~ %# '
# middle
PROMPT_EOL_MARK='%K{white} %k'
