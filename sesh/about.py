"""The names, the version and the files of this program."""

from __future__ import annotations

import os
import sys

__version__ = "0.2.0"
_PACKAGE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = "sesh"  # the name of the command, and of its launcher on other hosts
DISTRIBUTION = "sesh-mux"
"""The name on the package index, and a second name of the command, since other projects are called `sesh` too."""
SESH, ON_HOST = "\ufdd0", "\ufdd1"
"""Placeholders in messages. The machine that shows a message replaces them (`errors.for_host`): SESH by `sesh @HOST`,
and ON_HOST, which precedes a shell command, by `ssh HOST `. No printable text has these characters."""
ZYGOTE = f"{PROGRAM}: zygote"  # the process title of the zygote


def launcher() -> str:
    """Return the path of the command `sesh`. Raises FileNotFoundError if the current directory is gone."""
    path = sys.argv[0]
    if os.path.basename(path) not in (PROGRAM, DISTRIBUTION):  # this process is a program that calls the API
        path = os.path.join(os.path.dirname(sys.executable), PROGRAM)
    return os.path.abspath(path)


def files(package: str = _PACKAGE) -> dict[str, bytes]:
    """Return the content of a package's files by path, linked rooms included, without caches."""
    contents: dict[str, bytes] = {}
    for folder, folders, names in os.walk(package, followlinks=True):
        folders[:] = sorted(name for name in folders if name != "__pycache__" and not name.startswith("."))
        for name in sorted(names):
            path = os.path.join(folder, name)
            if name.startswith(".") or name.endswith((".pyc", "~")) or not os.path.isfile(path):
                continue
            with open(path, "rb") as file:
                contents[os.path.join("sesh", os.path.relpath(path, package))] = file.read()
    return contents
