#!/bin/sh
# A demonstration of sesh. It needs no terminal, and touches nothing outside its own temporary directory.
set -eu
PATH=$(cd "$(dirname "$0")/.." && pwd)/.venv/bin:$PATH
home=$(mktemp -d "${TMPDIR:-/tmp}/sesh-tour-XXXXXX")
for name in $(env | sed -n 's/^\(SESH_[A-Z_]*\)=.*/\1/p'); do unset "$name"; done
HOME=$home SESH_DIR=$home/.sesh SHELL=/bin/sh PS1='$ ' TERM=xterm-256color
export PATH HOME SESH_DIR SHELL PS1 TERM
unset ENV
cd "$home"
trap 'sesh kill-all -y >/dev/null 2>&1 || true; cd /; rm -rf "$home"' EXIT
trap 'exit 130' INT TERM HUP

say() { printf '\n# %s\n' "$*"; }
run() { # print a command line, then run it
    printf '$ %s\n' "$1"
    eval "$1"
}

say "A session is a shell that stays, whether or not anyone is attached."
run 'sesh open demo'
say "Type into it, as you would at the keyboard."
run "sesh send demo 'answer=42; echo \"the answer is \$answer\"' --enter"
for _ in $(seq 100); do # wait for the answer
    sesh screen demo | grep -q '^the answer is 42' && break
    sleep 0.05
done
say "Its screen, as you would see it with \`sesh demo\`:"
run "sesh screen demo | sed '/^\$/d'"
say "A job in its own session: its output, and its exit code."
code=0
run "sesh exec build --print -- sh -c 'echo compiling; exit 3'" || code=$?
echo "(exit code $code)"
say "List the sessions:"
run 'sesh'
say "End it:"
run 'sesh kill demo'
run 'sesh'
[ "$code" = 3 ]
