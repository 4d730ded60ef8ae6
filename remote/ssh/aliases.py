"""Read the host names of the user's ssh_config, for completion."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from glob import glob

from sesh.errors import UsageError
from sesh.names import check_host
from sesh.system import files

_LINE = re.compile(r"^[ \t]*(host|include)[ \t=]+([^#\n]*)", re.IGNORECASE | re.MULTILINE)
_MAX_BYTES = 1 << 20  # a larger file is ignored


def aliases() -> set[str]:
    """Return the words after `Host` that are no patterns, in ~/.ssh/config and what it includes."""
    folder = os.path.expanduser("~/.ssh")
    paths, found = [os.path.join(folder, "config")], set[str]()
    for path in paths:  # which grow by those that are included
        with suppress(OSError):
            content = files.read_regular(path, _MAX_BYTES).decode("utf-8", "replace")
            for keyword, words in _LINE.findall(content.replace('"', "")):
                if keyword.lower() == "host":
                    found |= {*words.split()}
                    continue
                for word in words.split():
                    paths += {*glob(os.path.join(folder, os.path.expanduser(word)))}.difference(paths)
    return {*filter(_is_alias, found)}


def _is_alias(word: str) -> bool:
    """Return whether a word after `Host` is a name, not a pattern or a negation."""
    try:
        return not set("*?!") & set(word) and check_host(word) == word
    except UsageError:
        return False
