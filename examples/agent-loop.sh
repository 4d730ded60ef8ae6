#!/bin/sh
# An agent that can only run commands that end works in one shell that stays: the next command finds its directory,
# variables and activated environments. Reads commands from stdin, one per line, and prints one JSON object for each:
# exit_code, output, timed_out, or error. A model would write the commands and read the answers.
#
#   printf '%s\n' 'cd /src' 'make test' | agent-loop.sh work [@HOST]
set -eu
name=${1:?usage: agent-loop.sh NAME [@HOST]}
host=${2:-}

sesh ${host:+"$host"} open "$name" >&2
while IFS= read -r command; do
    # The answer also says if it was 124 (timed out), 125 (it did not run) or 255 (not known); the agent decides what to do.
    sesh ${host:+"$host"} run "$name" --timeout "${LIMIT:-120}" --json -- "$command" </dev/null || :
done
