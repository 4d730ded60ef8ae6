#!/bin/sh
# npm.sh NAME WHAT [OPTION…]: in this directory, what the lock file names, unless it is there. What cannot be had is
# said, with the NAME of the tests, and nothing fails: the tests that need it are skipped.
set -u
name=$1 what=$2
shift 2
wanted=$(cat package-lock.json)
[ "$wanted" = "$(cat node_modules/.wanted 2>/dev/null)" ] && exit 0
for tool in node npm; do
    if ! command -v $tool >/dev/null 2>&1; then
        echo "$name: missing: $tool, and with it $what" >&2
        exit 0
    fi
done
# With a cache of its own, ~/.npm stays as it is; `make clean` removes it.
if npm ci "$@" --no-audit --no-fund --no-update-notifier --loglevel=error --cache=../../.venv/npm >/dev/null; then
    printf '%s\n' "$wanted" >node_modules/.wanted
else
    echo "$name: missing: $what (npm ci failed; is registry.npmjs.org reachable?)" >&2
fi
exit 0
