"""Read the host aliases of the user's ssh_config, for completion."""

from __future__ import annotations

import os
import re
from contextlib import suppress

from sesh import files
from sesh.errors import UsageError
from sesh.names import check_host

_HOSTS = re.compile(r"^[ \t]*host[ \t=]+([^#\n]*)", re.IGNORECASE | re.MULTILINE)
_MAX_BYTES = 1 << 20  # a larger file is ignored


def aliases() -> list[str]:
    """Return the `Host` names of ~/.ssh/config that are no patterns."""
    try:
        config = files.read_regular(os.path.expanduser("~/.ssh/config"), _MAX_BYTES).decode("utf-8", "replace")
    except OSError:
        return []
    found: list[str] = []
    for word in " ".join(_HOSTS.findall(config)).split():
        with suppress(UsageError):  # a pattern
            found.append(check_host(word))
    return found
