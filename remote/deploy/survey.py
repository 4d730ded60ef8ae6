"""The survey of a host before a deploy: its system, and the first Python that can run sesh."""

from __future__ import annotations

import re
import shlex
from typing import NamedTuple

from sesh.wording import one_line, plain

OLDEST = (3, 10)
SYSTEMS = ("Linux", "Darwin")
UNQUOTABLE = frozenset("\\!\n")
"""Characters that some login shells do not leave alone between quotes."""
_MACHINE = re.compile(r"[\w.-]{1,64}", re.ASCII)
_FIT = re.compile(r"fit (3\.\d{1,3}\.\d{1,3}) (/.*)", re.ASCII)
_LONGEST_ROW, _LONGEST_SHOWN = 8192, 200
"""Characters of a row of the answer that are read, and of a host's own words that are shown."""
_NAMES = " ".join(f"python3.{minor}" for minor in range(20, OLDEST[1] - 1, -1)) + " python3 python"
_FOLDERS = "/usr/local/bin /usr/bin /bin /opt/homebrew/bin /opt/local/bin /run/current-system/sw/bin"
"""Directories of the system, which come before those of PATH: a Python of the user's own goes sooner."""
_LAST_FOLDERS = (
    '"$HOME"/.local/bin "$HOME"/bin "$HOME"/.local/share/uv/python/*/bin "$HOME"/.pyenv/versions/*/bin '
    '"$HOME"/miniconda3/bin "$HOME"/anaconda3/bin /opt/conda/bin /opt/python*/bin /usr/local/python*/bin '
    '"$HOME"/.nix-profile/bin'
)
_PROBE = (
    "import sys,os,fcntl,termios,select,socket,zlib,hashlib,json,zipfile,pwd,tempfile,sysconfig;"
    "e=sys.executable;d=os.path.dirname(e);v='python%d.%d'%sys.version_info[:2];n=os.path.join(d,v);"
    "p=n if sys.prefix==sys.base_prefix and os.path.exists(n) else os.path.realpath(e);"
    "print('fit','%d.%d.%d'%sys.version_info[:3],p)"
)
"""Imports the modules of the standard library that sesh needs and some distributions leave out. The path it prints last
is `python3.N` beside the interpreter, outside a virtual environment and if that exists; else the real path."""


class Python(NamedTuple):
    """An interpreter on the host: `path`, `version` (`3.11.4`)."""

    path: str
    version: str


class Survey(NamedTuple):
    """A host's answer: system and machine as uname prints them, its Python if one fits, in words those that do not."""

    system: str
    machine: str
    python: Python | None
    unsuitable: list[str]


def shell_line(script: str) -> str:
    """A line that runs `script` by sh; POSIX shells, fish and csh read it alike.

    The script must be one line without backslashes and exclamation marks. Raises ValueError.
    """
    if set(script) & UNQUOTABLE:
        raise ValueError(f"login shells read this differently: {script}")
    return "exec sh -c '" + script.replace("'", "'\"'\"'") + "'"


def command(token: str) -> str:
    """Return the line to run on the host; each line of its answer begins with `token`, whatever login files print.

    The shell's variables: `d`, `n`, `p`, a directory, the name of an interpreter and its path; `v`, `r`, the version
    that it prints and the last line of the probe.
    """
    one = (
        'p="$d/$n"; [ -f "$p" ] && [ -x "$p" ] || continue; v=$("$p" -V 2>&1 | tail -n 1); r=; '
        'case "$v" in "Python 3.1"[0-9]*|"Python 3."[2-9][0-9]*) '
        f'r=$("$p" -I -c "{_PROBE}" 2>&1 | tail -n 1);; esac; '
        f'echo "{token} python $v|$r|$p"; case "$r" in "fit "*) break 2;; esac'
    )
    return shell_line(
        f'echo "{token} system $(uname -s)"; echo "{token} machine $(uname -m)"; '
        # Split PATH at colons only: directories may hold blanks.
        "IFS=:; set -f; set -- $PATH; set +f; unset IFS; "
        f'for d in {_FOLDERS} "$@" {_LAST_FOLDERS}; do for n in {_NAMES}; do {one}; done; done; echo "{token} end"'
    )


def parse(output: str, token: str) -> Survey | None:
    """The survey from what a host printed; None if it is missing or incomplete."""
    answer: dict[str, str] = {}
    python: Python | None = None
    unsuitable: list[str] = []
    for row in output.splitlines():
        key, _, value = row.partition(f"{token} ")[2][:_LONGEST_ROW].strip().partition(" ")
        if key == "python":
            version, probed, path = [*value.split("|", 2), "", ""][:3]
            python = _suitable(probed)
            if python is None:
                unsuitable.append(_described(version, probed, path))
        elif key:
            answer[key] = value.strip()
    if "end" not in answer:
        return None
    system, machine = (
        word if _MACHINE.fullmatch(word) else "" for word in map(answer.get, ("system", "machine"), ("", ""))
    )
    return Survey(system, machine, python, unsuitable)


def _suitable(probed: str) -> Python | None:
    """The interpreter that a probe's output describes, if it can run sesh."""
    match = _FIT.fullmatch(probed)
    if match is None or set(match[2]) & UNQUOTABLE or not match[2].isprintable():
        return None
    return Python(match[2], match[1])


def _described(version: str, probed: str, path: str) -> str:
    number = re.match(r"Python (\S{1,20})", version)
    description = f"{shown(path)} ({plain(number[1]) if number else 'does not run'})"
    missing = re.search(r"No module named '?(\w+)", probed)
    return f"{description}, without its module {missing[1]}" if missing else description


def shown(words: str) -> str:
    """A host's own words as they may be shown: one line without controls, not too long."""
    return one_line(words)[:_LONGEST_SHOWN]


def python_command(python: Python, program: str, *arguments: str) -> str:
    """The line that runs a Python program, without double quotes in it, by that interpreter."""
    words = " ".join(map(shlex.quote, arguments))
    return shell_line(f'exec {shlex.quote(python.path)} -I -c "{program}" {words}')
