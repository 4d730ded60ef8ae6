"""Read the host aliases of ssh_config, for completion.

Source: ssh_config(5): `Host` patterns, `Include` with its globs and its relative paths, quotes, `=` after a keyword.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from glob import glob

from sesh import files
from sesh.errors import UsageError
from sesh.names import check_host

SYSTEM_CONFIG = "/etc/ssh/ssh_config"
_LINE = re.compile(r"\s*(host|include)(?:\s*=|\s)\s*(.*)", re.IGNORECASE)
_MAX_BYTES = 1 << 20  # a larger file is ignored


def aliases() -> list[str]:
    """Return the `Host` names that are not patterns, without duplicates, the user's before the system's."""
    read: set[str] = set()
    paths = (os.path.expanduser("~/.ssh/config"), SYSTEM_CONFIG)
    return list(dict.fromkeys(name for path in paths for name in _names(path, os.path.dirname(path), read)))


def _names(path: str, folder: str, read: set[str]) -> Iterator[str]:
    """Yield the names in a file and its includes, which are relative to `folder`."""
    if path in read:
        return
    read.add(path)
    try:
        lines = files.read_regular(path, _MAX_BYTES).decode("utf-8", "replace").splitlines()
    except OSError:
        return
    for parsed in filter(None, map(_LINE.match, lines)):
        try:
            words = shlex.split(parsed[2], comments=True)
        except ValueError:
            continue  # an unclosed quote
        if parsed[1].lower() == "host":
            yield from filter(_is_alias, words)
            continue
        for word in words:
            for included in sorted(glob(os.path.join(folder, os.path.expanduser(word)))):  # in ssh's order
                yield from _names(included, folder, read)


def _is_alias(name: str) -> bool:
    """Return whether a word after `Host` is a name, not a pattern or a negation."""
    try:
        return not set("*?!") & set(name) and check_host(name) == name
    except UsageError:
        return False
