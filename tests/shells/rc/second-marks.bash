PS1='\w $ '
# middle
__their_prompt() { local code=$?; printf '\e]133;D;%s\a' "$code"; PS1='\[\e]133;A\a\]\w $ \[\e]133;B\a\]'; return "$code"; }
PROMPT_COMMAND=__their_prompt
PS0='\e]133;C;\a'
