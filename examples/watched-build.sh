#!/bin/sh
# Run a build as a job that you can watch: `sesh build` shows it at work, and Ctrl-\ leaves it running.
# What you type there reaches the build, so it may ask questions. The exit code is the build's own.
#
#   watched-build.sh make -j8              here
#   HOST=@ci watched-build.sh make -j8     on the host ci, in the same directory under HOME
set -u
[ $# -gt 0 ] || { echo "usage: watched-build.sh COMMAND…" >&2; exit 2; }
name=${NAME:-build}

echo "to watch: sesh ${HOST:+$HOST }$name" >&2
sesh ${HOST:+"$HOST"} exec "$name" -C "$PWD" --label kind=build --timeout "${LIMIT:-3600}" --print -- "$@"
code=$?

case $code in
    0) ;;
    124) echo "$name was ended: it took longer than ${LIMIT:-3600} s" >&2 ;;
    125) echo "$name did not run" >&2 ;;
    255) echo "$name may have run; how it ended is not known" >&2 ;;
    *) echo "$name failed ($code)" >&2 ;;
esac
exit "$code"
