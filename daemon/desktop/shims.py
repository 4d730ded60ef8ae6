"""Puts the shims into their directory when a daemon starts."""

from __future__ import annotations

import os
from collections.abc import Mapping

from sesh.about import PROGRAM
from sesh.desktop import install
from sesh.store import own


def put(variables: Mapping[str, str]) -> None:
    """Write the shims, which call the launcher in PATH, where the creator's own stands. Raises OSError, Refused."""
    folders = variables.get("PATH", "").split(os.pathsep)
    paths = (os.path.join(folder, PROGRAM) for folder in folders if os.path.isabs(folder))
    launcher = next((path for path in paths if os.access(path, os.X_OK) and own.is_program(path)), "")
    install.install(launcher or os.path.expanduser(f"~/.local/bin/{PROGRAM}"))
