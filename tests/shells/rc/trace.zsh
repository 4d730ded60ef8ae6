# `set -x` is typed: in this file the line itself would be traced, as any other.
PROMPT='%~ %# '
# middle
one() { true hook }
precmd_functions+=(one)
