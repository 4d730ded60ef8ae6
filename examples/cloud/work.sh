#!/bin/sh
# Work on a machine that was just launched: waits until ssh lets us in, puts sesh there, prepares it, runs a job that
# outlives this script and its connection, follows it, and exits with the job's code. Any host that ssh reaches will do.
#
#   work.sh ubuntu@203.0.113.10 python3 train.py
#   SETUP='sudo apt-get update -qq; sudo apt-get install -y -qq python3-pip' work.sh …
set -eu
host=${1:?usage: work.sh HOST COMMAND…}
shift

tries=60
until ssh -o BatchMode=yes -o ConnectTimeout=5 -o StrictHostKeyChecking=accept-new "$host" true 2>/dev/null; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || { echo "$host does not let us in" >&2; exit 1; }
    sleep "${PAUSE:-5}"
done

sesh --deploy "@$host"
sesh "@$host" --open setup
sesh "@$host" --run setup --timeout 1800 -- "${SETUP:-true}"

# From here on a lost connection costs nothing: run this line again, or `sesh @HOST --wait job --exit`.
sesh "@$host" --exec job -d --label kind=job -- "$@" >&2
sesh "@$host" --logs job 1000 -f || echo "the job had ended before anybody could follow it" >&2
code=0
sesh "@$host" --wait job --exit >&2 || code=$?
sesh "@$host" --kill setup
exit "$code"
