#!/bin/sh
# test-in.sh SUITE: tests this checkout in a root of a Debian release (root.sh). With Python 3.10 or newer: the tour of
# `make run`, and the unit tests on each Python from python3 on. With an older one, which a host may have: deploys to it.
set -eu
cd "$(dirname "$0")/.."
suite=$1
root=$(sh .ci/root.sh "$suite")
within() { sh .ci/root.sh "$suite" "$@"; }

if ! within python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))'; then
    within python3 -V
    sh tests/packages.sh
    exec env SUITE="$suite" .venv/bin/pytest -q tests/remote/test_old_python.py
fi

if ! within sh -c 'command -v make ps ssh' >/dev/null; then
    # The mirror may be a copy of an earlier day.
    echo 'Acquire::Check-Valid-Until "false";' >"$root/etc/apt/apt.conf.d/99sesh"
    within apt-get update -q >/dev/null
    versions=$(within apt-cache search --names-only '^python3[.][0-9]+-venv$' | cut -d' ' -f1)
    # shellcheck disable=SC2086 # package names are words
    within env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
        make procps openssh-client python3-venv $versions >/dev/null
fi

# The root has a copy, with environments of its own.
mkdir -p "$root/root/sesh"
find "$root/root/sesh" -mindepth 1 -maxdepth 1 ! -name '.venv*' -exec rm -rf {} +
git ls-files -z --cached --others --exclude-standard | tar -c --null --ignore-failed-read -T - | tar -x -C "$root/root/sesh"

first=$(within python3 -c 'import sys; print(sys.version_info[1])')
within make -C /root/sesh run
code=0
for python in $(within sh -c 'ls /usr/bin | grep -xE "python3[.][0-9]+"'); do
    [ "${python#python3.}" -lt "$first" ] || within make -C /root/sesh test-on VERSION="${python#python}" || code=1
done
exit $code
