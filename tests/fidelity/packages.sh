#!/bin/sh
# The emulator that restores are held against: @xterm/headless and two addons, from npm, at the versions of the lock
# file. What is missing is said by name, and the tests that need it are skipped.
set -u
cd "$(dirname "$0")" || exit 1
wanted=$(cat package-lock.json)
[ "$wanted" = "$(cat node_modules/.wanted 2>/dev/null)" ] && exit 0
for tool in node npm; do
    if ! command -v $tool >/dev/null 2>&1; then
        echo "fidelity: missing: $tool, and with it @xterm/headless" >&2
        exit 0
    fi
done
if npm ci --no-audit --no-fund --loglevel=error >/dev/null; then
    printf '%s\n' "$wanted" >node_modules/.wanted
else
    echo 'fidelity: missing: @xterm/headless (npm ci failed; is registry.npmjs.org reachable?)' >&2
fi
exit 0
