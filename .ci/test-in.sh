#!/bin/sh
# test-in.sh SUITE: tests this checkout in a root of a Debian release (root.sh). With Python 3.10 or newer: the tour of
# `make run`, the unit tests on each Python from python3 on, and the table of set-ups of shells, with the shells and
# prompts of that release. With an older one, which a host may have: deploys to it.
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
# The emulator and the prompts that come from npm need no npm there.
sh tests/fidelity/packages.sh
sh tests/shells/packages.sh
tar -c --ignore-failed-read tests/*/node_modules | tar -x -C "$root/root/sesh"

first=$(within python3 -c 'import sys; print(sys.version_info[1])')
within make -C /root/sesh run
code=0
for python in $(within sh -c 'ls /usr/bin | grep -xE "python3[.][0-9]+"'); do
    [ "${python#python3.}" -ge "$first" ] || continue
    within make -C /root/sesh test-on VERSION="${python#python}" || code=1
    tested=${python#python}
done
within sh -c 'command -v zsh fish node' >/dev/null ||
    within env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends zsh fish nodejs >/dev/null
within sh /root/sesh/tests/shells/packages.sh
within sh -c "cd /root/sesh && .venv-$tested/bin/python -m tests.shells --jobs 2" || code=1
exit $code
