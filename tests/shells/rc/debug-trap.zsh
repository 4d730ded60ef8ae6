PROMPT='%~ %# '
# middle
# What the rest of this file does counts for nothing: only what comes once there is a prompt.
TRAPDEBUG() { (( ! $+prompts )) || print -r -- "debug $ZSH_DEBUG_CMD" >>~/hooks }
one() { prompts=1 }
precmd_functions+=(one)
