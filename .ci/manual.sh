#!/bin/sh
# manual.sh install|uninstall: puts the manual page where man looks for it, or removes it. A file that sesh did not
# install is neither overwritten nor removed.
set -eu
data=${XDG_DATA_HOME:-$HOME/.local/share}
place=$data/man/man1/sesh.1
page=$(cd "$(dirname "$0")/../docs" && pwd)/sesh.1

case ${1-} in install | uninstall) ;; *) echo 'manual.sh install|uninstall' >&2; exit 2 ;; esac
if [ -L "$place" ] || { [ -e "$place" ] && ! head -n 1 "$place" | grep -q "written by sesh's own docs/manual.py"; }; then
    echo "manual: $place was not installed by sesh and stays" >&2
    exit 0
fi
rm -f "$place"
if [ "$1" = install ]; then
    mkdir -p "$(dirname "$place")"
    cp "$page" "$place"
    chmod 644 "$place"
else
    (cd "$data" && rmdir -p man/man1) 2>/dev/null || true  # what this leaves empty
fi
