"""Read the host aliases of ssh_config, for completion.

Source: ssh_config(5): `Host` patterns, `Include` with its globs and its relative paths, quotes, `=` after a keyword.
"""

from __future__ import annotations

import os
import re
import shlex
from glob import glob

from sesh import files
from sesh.errors import InvalidHost
from sesh.names import check_host

SYSTEM_CONFIG = "/etc/ssh/ssh_config"
_LINE = re.compile(r"\s*(host|include)(?:\s*=|\s)\s*(.*)", re.IGNORECASE)
_MAX_BYTES = 1 << 20  # a larger file is ignored


def aliases() -> list[str]:
    """Return the `Host` names that are not patterns, without duplicates, the user's before the system's."""
    names = dict[str, None]()
    read = set[str]()
    for path in (os.path.expanduser("~/.ssh/config"), SYSTEM_CONFIG):
        _add_aliases(names, path, os.path.dirname(path), read)
    return list(names)


def _add_aliases(names: dict[str, None], path: str, folder: str, read: set[str]) -> None:
    """Add the names in a file and in its includes, whose paths are relative to `folder`."""
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
            names.update(dict.fromkeys(filter(_is_alias, words)))
            continue
        for word in words:
            for included in sorted(glob(os.path.join(folder, os.path.expanduser(word)))):  # in ssh's order
                _add_aliases(names, included, folder, read)


def _is_alias(name: str) -> bool:
    """Return whether a word after `Host` is a name, not a pattern or a negation."""
    try:
        return not set("*?!") & set(name) and check_host(name) == name
    except InvalidHost:
        return False
