"""The first line of a deploy: it finds a Python on the host that can run sesh, and has it look what is missing."""

from __future__ import annotations

import re
import shlex

from sesh.wording import one_line, plain

OLDEST = "3.10"
UNQUOTABLE = frozenset("\\!\n")
"""Characters that some login shells do not leave alone between quotes."""
_BOOTSTRAP = "import sys,zlib,base64;exec(zlib.decompress(base64.b64decode(sys.argv[1])))"
_LONGEST_ROW, _LONGEST_SHOWN, _MOST_SHOWN = 8192, 200, 4
"""Characters of a row that are read, of a host's own words that are shown; the number of Pythons that are named."""
_NAMES = " ".join(f"python3.{minor}" for minor in range(20, 9, -1)) + " python3 python"
_FOLDERS = "/usr/local/bin /usr/bin /bin /opt/homebrew/bin /opt/local/bin /run/current-system/sw/bin"
"""Directories of the system, which come before those of PATH: a Python of the user's own goes sooner."""
_LAST_FOLDERS = (
    '"$HOME"/.local/bin "$HOME"/bin "$HOME"/.local/share/uv/python/*/bin "$HOME"/.pyenv/versions/*/bin '
    '"$HOME"/miniconda3/bin "$HOME"/anaconda3/bin /opt/conda/bin /opt/python*/bin /usr/local/python*/bin '
    '"$HOME"/.nix-profile/bin'
)


def shell_line(script: str) -> str:
    """A line that runs `script` by sh; POSIX shells, fish and csh read it alike.

    The script must be one line without backslashes and exclamation marks. Raises ValueError.
    """
    if set(script) & UNQUOTABLE:
        raise ValueError(f"login shells read this differently: {script}")
    return "exec sh -c '" + script.replace("'", "'\"'\"'") + "'"


def command(token: str, script: str, order: str) -> str:
    """Return the line that has the first Python that can carry out the script's order.

    Before the script's answer it prints a row that begins with `token` for each Python that cannot, and `token` and
    `end` without any. The shell's variables: `d`, `n`, `p`, a directory, the name of an interpreter and its path; `v`,
    `r`, the version that it prints and what the script prints.
    """
    one = (
        'p="$d/$n"; [ -f "$p" ] && [ -x "$p" ] || continue; v=$("$p" -V 2>&1 | tail -n 1); r=; '
        'case "$v" in "Python 3.1"[0-9]*|"Python 3."[2-9][0-9]*) '
        f'r=$("$p" -I -c "{_BOOTSTRAP}" {script} {order} 2>&1);; esac; '
        f'case "$r" in *"{token} "*) printf %s "$r"; echo; exit;; esac; '
        f'echo "{token} found $v|$p|$(printf %s "$r" | tail -n 1)"'
    )
    return shell_line(
        # Split PATH at colons only: directories may hold blanks.
        "IFS=:; set -f; set -- $PATH; set +f; unset IFS; "
        f'for d in {_FOLDERS} "$@" {_LAST_FOLDERS}; do for n in {_NAMES}; do {one}; done; done; echo "{token} end"'
    )


def python_command(python: str, script: str, order: str) -> str:
    """The line by which that Python carries out the script's order."""
    return shell_line(f'exec {shlex.quote(python)} -I -c "{_BOOTSTRAP}" {script} {order}')


def unsuitable(rows: list[str]) -> str:
    """Name the Pythons that cannot run sesh, with the reason; empty if there are none."""
    found = [row[:_LONGEST_ROW].removeprefix("found ") for row in rows if row.startswith("found ")]
    return "; ".join(_described(*[*row.split("|", 2), "", ""][:3]) for row in found[:_MOST_SHOWN])


def _described(version: str, path: str, printed: str) -> str:
    number = re.match(r"Python (\S{1,20})", version)
    missing = re.search(r"No module named '?(\w+)", printed)
    description = f"{shown(path)} ({plain(number[1]) if number else 'does not run'})"
    return f"{description}, without its module {missing[1]}" if missing else description


def shown(words: str) -> str:
    """A host's own words as they may be shown: one line without controls, not too long."""
    return one_line(words)[:_LONGEST_SHOWN]


def last_line(text: str) -> str:
    """The last line that is not blank, as it may be shown."""
    return next(filter(None, map(shown, reversed(text.splitlines()))), "")
