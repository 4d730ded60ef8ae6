PS1='\w $ '
# middle
printf() { echo shadowed; }
history() { echo shadowed; }
test() { echo no; }
alias :='echo alias' printf='echo alias'
