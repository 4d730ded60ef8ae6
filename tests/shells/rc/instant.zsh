# p10k's instant prompt: it is there at once; what is printed while this file is read goes elsewhere; the first hook
# puts all right.
print -n '~ instant % '
exec 8>&1 9>&2 >~/printed 2>&1
# middle
PROMPT='%~ %# '
finish() { exec 1>&8 2>&9 8>&- 9>&-; print -n '\r\e[K'; precmd_functions=(${precmd_functions:#finish}) }
precmd_functions=(finish $precmd_functions)
