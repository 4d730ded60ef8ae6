PROMPT='%~ %# '
# middle
