"""The names of this program, its version, and its files."""

from __future__ import annotations

import os
import sys

__version__ = "0.1.0"
PROGRAM = "sesh"
"""The name of the command, and of its launcher on other hosts."""
DISTRIBUTION = "sesh-mux"
"""The name to install it by, and a second name of the command: other projects are called `sesh` too."""
CALLED = DISTRIBUTION if sys.argv[:1] and sys.argv[0].rpartition("/")[2] == DISTRIBUTION else PROGRAM
"""The name that this process was started by, so that commands in messages and in help can be typed as they stand."""
SESH, THERE = "\ufdd0", "\ufdd1"
"""Placeholders in messages, for what is typed where they are shown (`errors.for_host`): the command, and what comes
before a shell's command for the machine that a message is from. No printable text has these characters."""
ZYGOTE = f"{PROGRAM}: zygote"
"""The process title of the process that daemons are forked from."""


def launcher() -> str:
    """Return the path of the program that is sesh. Raises FileNotFoundError if it is below a directory that is gone."""
    path = sys.argv[0]
    if os.path.basename(path) not in (PROGRAM, DISTRIBUTION):  # a program that calls the API
        path = os.path.join(os.path.dirname(sys.executable), PROGRAM)
    return os.path.abspath(path)


def files(package: str = os.path.dirname(os.path.abspath(__file__))) -> dict[str, bytes]:
    """Return the files of this package, or of another copy of it, with the rooms behind its links, without caches."""
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
