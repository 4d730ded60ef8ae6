PROMPT='%~ %# '
# middle
log() { printf "%s\n" "$*" >>~/hooks; }

omz_precmd() { log "precmd $? $pipestatus" }
omz_preexec() { log "preexec $1|$2|$3" }
omz_title_precmd() { print -n '\e]0;idle\a' }
omz_title_preexec() { print -n '\e]0;runs\a' }
typeset -ga precmd_functions preexec_functions
precmd_functions+=(omz_precmd omz_title_precmd)
preexec_functions+=(omz_preexec omz_title_preexec)
precmd() { log "own precmd $?" }
chpwd() { log "chpwd $PWD" }
