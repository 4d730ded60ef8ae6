#!/bin/sh
# The emulators that restores are held against: VTE with its packages for the system's Python, where there is apt-get;
# @xterm/headless and two addons, from npm, at the versions of the lock file; pyte's source, for its own tests. What is missing is said by name, and the
# tests that need it are skipped.
set -u
cd "$(dirname "$0")" || exit 1
vte="import gi; gi.require_version('Vte', '2.91'); gi.require_version('Gtk', '3.0')"
if command -v apt-get >/dev/null 2>&1 && ! { command -v Xvfb && /usr/bin/python3 -c "$vte"; } >/dev/null 2>&1; then
    ../../.ci/packages.sh xvfb python3-gi gir1.2-vte-2.91 fonts-dejavu-core ||
        echo 'fidelity: missing: VTE for Python under Xvfb, the second emulator' >&2
fi
source=../../.venv/pyte-source
if ! [ -d $source/tests ]; then
    python=../../.venv/bin/python
    version=$($python -c "import importlib.metadata; print(importlib.metadata.version('pyte'))")
    if $python -m pip download -q --no-deps --no-build-isolation --no-binary :all: -d $source "pyte==$version" 2>/dev/null; then
        tar -xzf "$source/pyte-$version.tar.gz" -C $source --strip-components=1
    else
        echo 'fidelity: missing: the source of pyte, and with it its tests of a screen' >&2
    fi
fi
sh ../../.ci/npm.sh fidelity @xterm/headless
