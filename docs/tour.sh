#!/bin/sh
# What sesh is for, shown by itself: no terminal needed, nothing touched outside of a directory of its own.
set -eu
PATH=$(cd "$(dirname "$0")/.." && pwd)/.venv/bin:$PATH
home=$(mktemp -d "${TMPDIR:-/tmp}/sesh-tour-XXXXXX")
for name in $(env | sed -n 's/^\(SESH_[A-Z_]*\)=.*/\1/p'); do unset "$name"; done
HOME=$home SESH_DIR=$home/.sesh SHELL=/bin/sh PS1='$ ' TERM=xterm-256color
export PATH HOME SESH_DIR SHELL PS1 TERM
unset ENV
cd "$home"
trap 'sesh --kill-all -y >/dev/null 2>&1 || true; cd /; rm -rf "$home"' EXIT
trap 'exit 130' INT TERM HUP

say() { printf '\n# %s\n' "$*"; }
run() { # one line, shown and then run as it stands
    printf '$ %s\n' "$1"
    eval "$1"
}

say "A session is a shell that stays. Nobody need look at it."
run 'sesh --open demo'
say "Type into it, as a person would."
run "sesh --send demo 'answer=42; echo \"the answer is \$answer\"' --enter"
for _ in $(seq 100); do # the shell answers in its own time
    sesh --screen demo | grep -q '^the answer is 42' && break
    sleep 0.05
done
say "Its screen, as whoever attaches with \`sesh demo\` finds it:"
run "sesh --screen demo | sed '/^\$/d'"
say "A job in a session of its own: its output, and its very exit code."
code=0
run "sesh --exec build --print -- sh -c 'echo compiling; exit 3'" || code=$?
echo "(exit code $code)"
say "What runs here:"
run 'sesh'
say "Enough."
run 'sesh --kill demo'
run 'sesh'
[ "$code" = 3 ]
