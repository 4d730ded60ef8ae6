SPACESHIP_TIME_SHOW=false
SPACESHIP_PROMPT_ASYNC=false
SPACESHIP_EXEC_TIME_SHOW=false
# middle
. $MODULES/spaceship-prompt/spaceship.zsh
