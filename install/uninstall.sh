#!/bin/sh
# Removes what install.sh has installed. Refuses while a session runs from it, unless FORCE=1. Says what else stays.
set -eu
cd "$(dirname "$0")/.."
. install/places.sh

environment=$(installed "$program")
[ -n "$environment" ] || environment=$(installed "$program-mux")
# The link may have gone, or be another program's, while the environment is still here.
[ -n "$environment" ] || [ ! -e "$own/pyvenv.cfg" ] || environment=$own
if [ -z "$environment" ]; then
    echo "sesh is not installed as $program"
    exit 0
fi
if "$environment/bin/python" -c '' 2>/dev/null; then
    "$environment/bin/python" -I install/uninstall.py "$environment" ${FORCE-}
fi
share unlink "$environment"
case $(method "$environment") in
    pipx) pipx uninstall sesh-mux ;;
    uv)
        # uv removes whatever has the names of its links by now: other programs step aside.
        for link in "$program" "$program-mux"; do
            [ -n "$(installed "$link")" ] || { [ ! -e "$link" ] && [ ! -L "$link" ]; } || mv "$link" "$link.$$"
        done
        uv tool uninstall sesh-mux || failed=$?
        for link in "$program" "$program-mux"; do
            { [ ! -e "$link.$$" ] && [ ! -L "$link.$$" ]; } || mv "$link.$$" "$link"
        done
        [ -z "${failed-}" ] || exit "$failed"
        ;;
    own)
        for link in "$program" "$program-mux"; do
            [ "$(readlink "$link")" != "$own/bin/sesh" ] || rm "$link"
        done
        rm -rf "$own"
        rmdir "$data/sesh" 2>/dev/null || true
        ;;
esac
echo "removed: $environment and its link"
