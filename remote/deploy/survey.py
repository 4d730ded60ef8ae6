"""The survey of a host before a deploy: its platform, and the Pythons there that could run sesh."""

from __future__ import annotations

import re
import shlex
from typing import NamedTuple

from sesh.wording import one_line, plain

OLDEST = (3, 10)
SYSTEMS = ("Linux", "Darwin")
UNQUOTABLE = frozenset("\\!\n")
"""Characters that some login shells do not leave alone between quotes."""

_WORD = re.compile(r"[\w.-]{1,64}", re.ASCII)
_RELEASE = r"\d{1,3}(?:\.\d{1,3}){0,3}"
"""A release number as uname and its like print it: whatever a host says, its parts stay small."""
_PYTHON_RELEASE = re.compile(r"3\.\d{1,3}\.\d{1,3}", re.ASCII)
_LONGEST_ROW, _LONGEST_SHOWN = 8192, 200
"""Characters of a row of the answer that are read, and of a host's own words that are shown."""
_NAMES = " ".join(f"python3.{minor}" for minor in range(20, OLDEST[1] - 1, -1)) + " python3 python"
_FOLDERS = "/usr/local/bin /usr/bin /bin /opt/homebrew/bin /opt/local/bin /run/current-system/sw/bin"
_LAST_FOLDERS = (
    '"$HOME"/.local/bin "$HOME"/bin "$HOME"/.local/share/uv/python/*/bin "$HOME"/.pyenv/versions/*/bin '
    '"$HOME"/miniconda3/bin "$HOME"/anaconda3/bin /opt/conda/bin /opt/python*/bin /usr/local/python*/bin '
    '"$HOME"/.nix-profile/bin'
)
"""Folders that are searched after PATH (a login shell that is not interactive has a short one); and those that are
searched if none of these has a Python that fits."""
_PROBE = (
    "import sys,os,fcntl,termios,select,socket,zlib,hashlib,json,tarfile,pwd,tempfile,sysconfig;"
    "e=sys.executable;d=os.path.dirname(e);v='python%d.%d'%sys.version_info[:2];n=os.path.join(d,v);"
    "p=n if sys.prefix==sys.base_prefix and os.path.exists(n) else os.path.realpath(e);"
    "print('fit','%d.%d.%d'%sys.version_info[:3],sys.implementation.name,sys.abiflags or '-',sys.maxsize>2**32,p)"
)
"""Imports the modules of the standard library that sesh needs and some distributions leave out. The path it prints last
is `python3.N` beside the interpreter, outside a virtual environment and if that exists; else the real path."""


class Python(NamedTuple):
    """An interpreter on the host: `path`, `version` (`3.11.4`); `flags` of its ABI (`t`: without the GIL)."""

    path: str
    version: str
    flags: str = ""

    @property
    def abi(self) -> str:
        """As in the tags of wheels: `cp311`, `cp313t`."""
        return "cp{}{}{}".format(*self.minor, self.flags)

    @property
    def minor(self) -> tuple[int, int]:
        """The pair (3, 11)."""
        major, minor = self.version.split(".")[:2]
        return int(major), int(minor)


class Platform:
    """`system` and `machine` as uname prints them, `libc` (glibc, musl or empty), `release` of libc or of macOS."""

    def __init__(self, system: str, machine: str, libc: str = "", version: str = "") -> None:
        self.system, self.libc = system, libc
        self.machine = {"amd64": "x86_64", "i386": "i686", "i586": "i686"}.get(machine, machine)
        self.release = tuple(int(part) for part in version.split(".")) if version else ()

    def __str__(self) -> str:
        number = ".".join(str(part) for part in self.release)
        return " ".join(filter(None, (self.system, self.machine, self.libc, number)))

    def environment(self, python: Python) -> dict[str, str]:
        """The values of environment markers (PEP 508) there, as far as they may be others than here."""
        return {
            "implementation_version": python.version,
            "platform_machine": self.machine,
            "platform_release": "",
            "platform_system": self.system,
            "platform_version": "",
            "python_full_version": python.version,
            "python_version": ".".join(str(part) for part in python.minor),
            "sys_platform": self.system.lower(),
        }


class Survey(NamedTuple):
    """A host's answer: its platform, the Pythons that can run sesh, and in words those that cannot."""

    platform: Platform
    pythons: list[Python]
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

    The variables of the shell:

        s      the folders searched so far, each between colons
        d n p  a folder, the name of an interpreter, and its path
        v r    the version that it prints, and the last line that the probe prints
        f      y once the folder has one that fits: `python3` and `python` are not tried then
        g      y once any folder has one: the last folders are not searched then
    """
    probe = f'r=$("$p" -I -c "{_PROBE}" 2>&1 | tail -n 1); case "$r" in "fit "*" cpython "*) f=y; g=y;; esac'
    probe_one = (
        'p="$d/$n"; [ -f "$p" ] && [ -x "$p" ] || continue; case "$f$n" in ypython|ypython3) continue;; esac; '
        'v=$("$p" -V 2>&1 | tail -n 1); r=; case "$v" in "Python 3.1"[0-9]*|"Python 3."[2-9][0-9]*) '
        f'{probe};; esac; echo "{token} found $v|$r|$p"'
    )
    folder = (
        'if [ "$d" = /bin ] && [ -L /bin ]; then continue; fi; case "$s" in *":$d:"*) continue;; esac; s="$s:$d:"; '
        f"f=; for n in {_NAMES}; do {probe_one}; done"
    )
    return shell_line(
        f'echo "{token} system $(uname -s)"; echo "{token} machine $(uname -m)"; '
        f'echo "{token} libc $(getconf GNU_LIBC_VERSION 2>/dev/null || ldd --version 2>&1 | head -n 2 | '
        f'tr -s "[:space:]" " ")"; '
        f'if [ -x /usr/bin/sw_vers ]; then echo "{token} macos $(/usr/bin/sw_vers -productVersion)"; fi; '
        # Split PATH at colons only: folders may hold blanks.
        f"s=; g=; IFS=:; set -f; set -- $PATH; set +f; unset IFS; "
        f'for d in "$@" {_FOLDERS}; do {folder}; done; '
        f'if [ -z "$g" ]; then for d in {_LAST_FOLDERS}; do {folder}; done; fi; echo "{token} end"'
    )


def parse(output: str, token: str) -> Survey | None:
    """The survey from what a host printed; None if it is missing or incomplete."""
    answer: dict[str, str] = {}
    pythons: dict[str, Python] = {}
    unsuitable: list[str] = []
    for row in output.splitlines():
        head, _, rest = row.partition(f"{token} ")
        key, _, value = rest[:_LONGEST_ROW].strip().partition(" ")
        if head and not rest:
            continue
        if key == "found":
            version, probed, path = [*value.split("|", 2), "", ""][:3]
            if python := _suitable(probed):
                pythons.setdefault(python.path, python)
            else:
                unsuitable.append(_why_unsuitable(version, probed, path))
        elif key:
            answer[key] = value.strip()
    if "end" not in answer:
        return None
    libc, version = _libc(answer.get("libc", ""))
    system = _one_word(answer.get("system", ""))
    if system == "Darwin":
        number = re.match(_RELEASE, answer.get("macos", ""), re.ASCII)
        version = number[0] if number else ""
    platform = Platform(system, _one_word(answer.get("machine", "")), libc, version)
    return Survey(platform, list(pythons.values()), unsuitable)


def _suitable(probed: str) -> Python | None:
    """The interpreter that a probe's output describes, if it can run sesh."""
    fields = probed.split(" ", 5)
    if len(fields) != 6 or fields[0] != "fit" or fields[2] != "cpython" or not fields[5].startswith("/"):
        return None
    if set(fields[5]) & UNQUOTABLE or not fields[5].isprintable() or not _PYTHON_RELEASE.fullmatch(fields[1]):
        return None
    python = Python(fields[5], fields[1], "t" if "t" in fields[3] else "")
    return python if python.minor >= OLDEST else None


def _why_unsuitable(version: str, probed: str, path: str) -> str:
    number = re.match(r"Python (\S{1,20})", version)
    description = f"{shown(path)} ({plain(number[1]) if number else 'does not run'})"
    if (missing := re.search(r"No module named '?(\w+)", probed)) is not None:
        return f"{description}, without its module {missing[1]}"
    if probed.startswith("fit "):
        return f"{description}, which is not CPython"
    return description


def shown(words: str) -> str:
    """A host's own words as they may be shown: one line without controls, not too long."""
    return one_line(words)[:_LONGEST_SHOWN]


def _one_word(text: str) -> str:
    return text if _WORD.fullmatch(text) else ""


_LIBCS = (
    ("musl", re.compile(rf"musl.{{0,64}}?Version ({_RELEASE})", re.ASCII)),
    ("glibc", re.compile(rf"(?:glibc|GLIBC|GNU libc)\D{{0,64}}({_RELEASE})", re.ASCII)),
)
"""The release after the name of a libc, within a bound, as a host may print anything."""


def _libc(text: str) -> tuple[str, str]:
    """(`glibc`, `musl` or nothing, its version) from the output of getconf or ldd."""
    for name, pattern in _LIBCS:
        if (match := pattern.search(text)) is not None:
            return name, match[1]
    return "", ""


def python_command(python: Python, program: str) -> str:
    """The line that runs a Python program, without double quotes in it, by that interpreter."""
    return shell_line(f'exec {shlex.quote(python.path)} -I -c "{program}"')
