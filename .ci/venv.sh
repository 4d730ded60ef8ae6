#!/bin/sh
# venv.sh DIR: creates a virtual environment in DIR with $PYTHON or the first Python >= 3.10 in PATH. Keeps one that
# works. If the venv module is missing, asks the system's package manager for it.
set -eu
dir=$1

works() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 10))' </dev/null >/dev/null 2>&1; }
fail() { echo "venv.sh: $1" >&2; exit 1; }

works "$dir/bin/python" && "$dir/bin/python" -m pip --version >/dev/null 2>&1 && exit 0

if [ -e "$dir" ] && [ -n "$(ls -A "$dir")" ] && [ ! -e "$dir/pyvenv.cfg" ]; then
    fail "$dir is no environment of Python and stays: move it away"
fi
python=
for candidate in ${PYTHON:+"$PYTHON"} python3 python3.15 python3.14 python3.13 python3.12 python3.11 python3.10; do
    if works "$candidate"; then
        python=$candidate
        break
    fi
done
[ -n "$python" ] || fail "no Python 3.10 or newer was found: install python3, or say where it is with PYTHON=…"

if ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    "$(dirname "$0")/packages.sh" "python$version-venv" python3-venv || true
    "$python" -c 'import ensurepip, venv' >/dev/null 2>&1 ||
        fail "$python cannot make environments: install its venv module (Debian, Ubuntu: apt-get install python3-venv)"
fi
"$python" -m venv --clear "$dir"
