"""The command line that finds a Python on a host, and runs `install` with it."""

from __future__ import annotations

import base64
import functools
import json
import zlib
from pathlib import Path

from sesh.remote.deploy import install

_BOOTSTRAP = (
    "import sys,zlib,base64;sys.version_info<(3,10)and sys.exit(sys.version.split()[0]);"
    "exec(zlib.decompress(base64.b64decode(sys.argv[1])))"
)
_NAMES = " ".join(f"python3.{minor}" for minor in range(20, 9, -1)) + " python3"
# The system's directories come before those of PATH, because a Python of the user's own is removed sooner.
_FOLDERS = (
    "/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin:/opt/local/bin:/run/current-system/sw/bin:$PATH:"
    "$HOME/.local/bin:$HOME/bin:$HOME/.local/share/uv/python/*/bin:$HOME/.pyenv/versions/*/bin:$HOME/miniconda3/bin:"
    "$HOME/anaconda3/bin:/opt/conda/bin:/opt/python*/bin:/usr/local/python*/bin:$HOME/.nix-profile/bin"
)


def command(order: install.Order) -> str:
    """Return the line that runs an order with the first suitable Python.

    POSIX shells, fish and csh read it alike. It prints the order's token and the report: `TOKEN {"python": …}`. Without
    a suitable Python it prints each Python's last line, its version or a missing module: `TOKEN none; PATH: 3.8.2`.
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
    search = f'IFS=:; d="{_FOLDERS}"; f=; for d in $d; do for n in {_NAMES}; do {one}; done; done'
    return f"exec sh -c '{search}; echo \"{token} none$f\"'"


@functools.cache
def _script() -> str:
    return base64.b64encode(zlib.compress(Path(install.__file__).read_bytes(), 9)).decode()
