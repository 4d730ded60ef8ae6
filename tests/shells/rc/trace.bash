# `set -x` is typed: in this file the line itself would be traced, as any other.
PS1='\w $ '
# middle
PROMPT_COMMAND='true hook'
