#!/bin/sh
# Looks after the sessions with a label, in a session of its own: sesh keeper -- ./look-after.sh team=mine
# It answers y to questions that match ALLOWED, and shows you the others. Any program can print such a question, whatever
# it does with the answer: allow only what you would allow every program in these sessions.
: "${ALLOWED:=^may I run: (make|npm|cargo) test}"
rows='.[] | select(.activity.state == "waiting") | "\(.name)\t\(.activity.question // "")"'
tab=$(printf '\t')

while found=$(sesh list --json --label "$1") && [ "$found" != "[]" ]; do
    asked=$(printf '%s\n' "$found" | jq -r "$rows" | while IFS=$tab read -r name question; do
        if printf '%s\n' "$question" | grep -Eq "$ALLOWED"; then
            # It may ask something else by now: then nothing is typed, and the next turn sees what.
            sesh send "$name" y --enter --question "$ALLOWED"
        else
            printf '%s: %s  ' "$name" "$question"
        fi
    done)
    if [ "$asked" ]; then sesh state waiting -- "$asked"; else sesh state working; fi
    sleep "${PAUSE:-3}"
done
sesh state done "no session with $1 is left"
