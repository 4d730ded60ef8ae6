PROMPT='%~ %# '
# middle
alias print='echo alias' printf='echo alias' emulate='echo alias'
alias -g true=alias
