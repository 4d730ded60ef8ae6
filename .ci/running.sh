#!/bin/sh
# running.sh PROGRAM: says which sessions run on another version than this sesh, which was just installed.
set -eu
"$1" --local --doctor 2>/dev/null | sed -n 's/^warning  *versions  *\([^@].*\)$/note: \1; move them: sesh --reload/p'
