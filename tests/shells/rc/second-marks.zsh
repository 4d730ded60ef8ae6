# middle
p() { print -n "\e]133;D;$?\a\e]133;A\a"; PROMPT=$'%~ %# %{\e]133;B\a%}' }
precmd_functions+=(p)
q() { print -n '\e]133;C;\a' }
preexec_functions+=(q)
