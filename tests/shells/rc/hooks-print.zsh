PROMPT='%~ %# '
# middle
precmd_functions+=(a); a() { print code $? }
preexec_functions+=(b); b() { print -- runs }
