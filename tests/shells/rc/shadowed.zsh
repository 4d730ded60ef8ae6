PROMPT='%~ %# '
# middle
alias print='echo alias' printf='echo alias' emulate='echo alias'
