"""The hosts that the user's ssh_config names, for completion. ssh itself decides what they mean.

Source: ssh_config(5): `Host` patterns, `Include` with its globs and its relative paths, quotes, `=` after a keyword.
"""

from __future__ import annotations

import os

from sesh.errors import InvalidHost
from sesh.names import check_host

SYSTEM = "/etc/ssh/ssh_config"
_DEEPEST = 16
"""Files that include each other; ssh's own bound."""
_MOST_BYTES = 1 << 20
_MOST_FILES = 200


def aliases() -> list[str]:
    """The `Host` words without patterns, each once, the user's file before the system's."""
    found: dict[str, None] = {}
    read: set[str] = set()
    own = os.path.expanduser("~/.ssh")
    _file(os.path.join(own, "config"), own, found, read, 0)
    _file(SYSTEM, os.path.dirname(SYSTEM), found, read, 0)
    return list(found)


def _file(path: str, folder: str, found: dict[str, None], read: set[str], depth: int) -> None:
    """Takes in one file and those that it includes; `folder` is what relative ones are relative to."""
    if depth > _DEEPEST or path in read or len(read) >= _MOST_FILES:
        return
    read.add(path)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with open(descriptor, encoding="utf-8", errors="replace") as file:
            lines = file.read(_MOST_BYTES).splitlines()
    except OSError:
        return
    for line in lines:
        keyword, words = _words(line)
        if keyword == "host":
            found.update((word, None) for word in words if _plain(word))
        elif keyword == "include":
            for word in words:
                for included in _matching(os.path.join(folder, os.path.expanduser(word))):
                    _file(included, folder, found, read, depth + 1)


def _words(line: str) -> tuple[str, list[str]]:
    """The keyword, in small letters, and its arguments."""
    line = line.strip()
    end = next((at for at, character in enumerate(line) if character in " \t="), len(line))
    keyword, rest = line[:end].lower(), line[end:].strip().removeprefix("=").strip()
    if keyword not in ("host", "include"):
        return "", []
    if '"' not in rest:
        return keyword, rest.partition("#")[0].split()
    import shlex

    try:
        return keyword, shlex.split(rest, comments=True)
    except ValueError:
        return "", []


def _plain(word: str) -> bool:
    """Whether a word of `Host` is a name, and no pattern or exception."""
    try:
        return not set("*?!") & set(word) and check_host(word) == word
    except InvalidHost:
        return False


def _matching(path: str) -> list[str]:
    """The files that a path with `*`, `?` or `[…]` in it means, sorted as ssh reads them."""
    if not set("*?[") & set(path):
        return [path]
    from glob import glob

    return sorted(glob(path))
