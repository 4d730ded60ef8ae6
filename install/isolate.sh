#!/bin/sh
# isolate.sh ENVIRONMENT: has the command sesh of an environment start its Python with -I. PYTHONHOME and PYTHONPATH are
# then for the programs of sessions alone: another Python's would keep sesh from starting. Installers write no options.
set -eu
for command in "$1/bin/sesh" "$1/bin/sesh-mux"; do
    [ -f "$command" ] || continue
    # The second line is that of a path which the kernel would not take in the first one.
    sed -e '1s|^#!\(/.*python[0-9.]*\)$|#!\1 -I|' \
        -e "2s|^\('''exec' .*[^I]\) \"\$0\" \"\$@\"|\1 -I \"\$0\" \"\$@\"|" "$command" >"$command.isolated"
    if cmp -s "$command" "$command.isolated"; then
        rm "$command.isolated"
    else
        chmod 755 "$command.isolated"
        mv "$command.isolated" "$command"
    fi
done
