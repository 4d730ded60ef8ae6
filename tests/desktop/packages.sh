#!/bin/sh
# The programs that reach a person's desktop, and the tools of desktops: packages of Debian; agents and `open` from npm,
# at the versions of the lock file (1 GB); pyperclip and Pillow from PyPI, at fixed versions, in .venv. What is missing
# is said by name, and the tests that need it are skipped.
set -u
cd "$(dirname "$0")" || exit 1
own=../../.venv/desktop

missing=
if command -v apt-get >/dev/null 2>&1; then
    for pair in Xvfb:xvfb xclip:xclip xsel:xsel wl-copy:wl-clipboard sway:sway chromium:chromium gh:gh xdg-open:xdg-utils; do
        command -v "${pair%%:*}" >/dev/null 2>&1 || missing="$missing ${pair#*:}"
    done
fi
# shellcheck disable=SC2086 # package names are words
[ -z "$missing" ] || ../../.ci/packages.sh $missing || true

wanted="pyperclip==1.11.0 pillow==13.0.0"
if [ "$wanted" != "$(cat $own/.wanted 2>/dev/null)" ]; then
    rm -rf "$own" # pip leaves a folder that is there as it is
    # shellcheck disable=SC2086 # requirements are words
    if ../../.venv/bin/python -m pip --disable-pip-version-check --no-input install -q --no-deps --target "$own" $wanted; then
        echo "$wanted" >"$own/.wanted"
    else
        echo "desktop: missing: $wanted" >&2
    fi
fi

sh ../../.ci/npm.sh desktop "Claude Code, Gemini CLI, OpenCode, codex and open"
