# Sections that it looks up in the background would come at any time.
SPACESHIP_PROMPT_ORDER=(dir exec_time line_sep exit_code char)
SPACESHIP_EXEC_TIME_SHOW=false
SPACESHIP_EXIT_CODE_SHOW=true
# middle
. $MODULES/spaceship-prompt/spaceship.zsh
