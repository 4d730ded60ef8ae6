"""The command line that finds a Python for sesh on a host, and runs `install` with it."""

from __future__ import annotations

import base64
import functools
import json
import os
import zlib

from sesh.errors import Refused
from sesh.remote.deploy import install
from sesh.wording import one_line

OLDEST = "3.10"
_UNQUOTABLE = frozenset("\\!\n")  # characters that some login shells change even between quotes
_BOOTSTRAP = (
    "import sys,zlib,base64;sys.version_info<(3,10)and sys.exit(sys.version.split()[0]);"
    "exec(zlib.decompress(base64.b64decode(sys.argv[1])))"
)
_LONGEST_SHOWN = 200  # characters; longer text from a host is cut off
_NAMES = " ".join(f"python3.{minor}" for minor in range(20, 9, -1)) + " python3"
# Directories of the system. They come before those of PATH, because a Python of the user's own is removed sooner.
_FOLDERS = "/usr/local/bin /usr/bin /bin /opt/homebrew/bin /opt/local/bin /run/current-system/sw/bin"
_LAST_FOLDERS = (
    '"$HOME"/.local/bin "$HOME"/bin "$HOME"/.local/share/uv/python/*/bin "$HOME"/.pyenv/versions/*/bin '
    '"$HOME"/miniconda3/bin "$HOME"/anaconda3/bin /opt/conda/bin /opt/python*/bin /usr/local/python*/bin '
    '"$HOME"/.nix-profile/bin'
)


def shell_line(script: str) -> str:
    """Return a line to run `script` with sh from a POSIX shell, fish or csh. Raises Refused if it cannot be quoted."""
    if set(script) & _UNQUOTABLE:
        raise Refused("the host has a path that no shell passes on")
    return "exec sh -c '" + script.replace("'", "'\"'\"'") + "'"


def command(order: install.Order) -> str:
    """Return the line that runs an order with the first suitable Python.

    It prints the order's token and the answer in one line: `TOKEN {"python": …}`. Without a suitable Python it prints
    what each Python printed last, its version if that is too old, or the missing module: `TOKEN none; PATH: 3.8.2`.
    """
    token = order["token"]
    text = base64.b64encode(json.dumps(order).encode()).decode()
    # Shell variables. d, n, p: a directory, a name, the path; r: output of this Python; f: the Pythons that failed.
    one = (
        'p="$d/$n"; [ -f "$p" ] && [ -x "$p" ] || continue; '
        f'r=$("$p" -I -c "{_BOOTSTRAP}" {_script()} {text} 2>&1); '
        f'case "$r" in *"{token} "*) printf %s "$r"; echo; exit;; esac; '
        'f="$f; $p: $(printf %s "$r" | tail -n 1)"'
    )
    return shell_line(
        # Split PATH at colons only, as directories may have blanks.
        "IFS=:; set -f; set -- $PATH; set +f; unset IFS; f=; "
        f'for d in {_FOLDERS} "$@" {_LAST_FOLDERS}; do for n in {_NAMES}; do {one}; done; done; '
        f'echo "{token} none$f"'
    )


@functools.cache
def _script() -> str:
    """Return install.py, compressed, as a word of a command line."""
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "install.py"), "rb") as file:
        return base64.b64encode(zlib.compress(file.read(), 9)).decode()


def shown(words: str) -> str:
    """Return text from a host as one line without control characters, cut off if it is too long."""
    return one_line(words)[:_LONGEST_SHOWN]


def last_line(text: str) -> str:
    """Return the last line that is not blank, as `shown` returns it."""
    return next(filter(None, map(shown, reversed(text.splitlines()))), "")
