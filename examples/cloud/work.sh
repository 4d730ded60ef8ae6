#!/bin/sh
# Run a job on a machine that was just launched: wait for ssh, deploy sesh, set the machine up, start a job that survives
# this script and its connection, follow it, and exit with its exit code. Works with any host that you can reach with ssh.
#
#   work.sh ubuntu@203.0.113.10 python3 train.py
#   SETUP='sudo apt-get update -qq; sudo apt-get install -y -qq python3-pip' work.sh …
set -eu
host=${1:?usage: work.sh HOST COMMAND…}
shift

tries=60
until ssh -o BatchMode=yes -o ConnectTimeout=5 -o StrictHostKeyChecking=accept-new "$host" true 2>/dev/null; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || { echo "cannot log in to $host" >&2; exit 1; }
    sleep "${PAUSE:-5}"
done

sesh deploy "@$host"
sesh "@$host" open setup
sesh "@$host" run setup --timeout 1800 -- "${SETUP:-true}"

# From here on a lost connection does no harm: wait again with `sesh @HOST wait job --exit`.
sesh "@$host" exec job -d --label kind=job -- "$@" >&2
sesh "@$host" logs job 1000 -f || echo "the job ended before its output could be followed" >&2
code=0
sesh "@$host" wait job --exit >&2 || code=$?
sesh "@$host" kill setup
exit "$code"
