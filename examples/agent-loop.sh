#!/bin/sh
# An agent whose tool can only run commands that end, working in one shell that stays: directory, variables and
# activated environments are there for the next command. Commands come on stdin, one a line; for each one JSON object
# goes to stdout: exit_code, output, timed_out, or error. A model would stand at both ends.
#
#   printf '%s\n' 'cd /src' 'make test' | agent-loop.sh work [@HOST]
set -eu
name=${1:?usage: agent-loop.sh NAME [@HOST]}
host=${2:-}

sesh ${host:+"$host"} --open "$name" >&2
while IFS= read -r command; do
    # 124 (the time ran out) and 125 (sesh could not) are in the answer too; the agent decides what to do.
    sesh ${host:+"$host"} --run "$name" --timeout "${LIMIT:-120}" --json -- "$command" </dev/null || :
done
