"""What a session shows, asked for without a process: for what is waited for, and so looked at again and again."""

from __future__ import annotations

import pytest

from sesh.errors import SeshError
from sesh.ops import views
from sesh.reach.caller import Caller
from tests.support import Home


def screen(home: Home, name: str) -> str:
    """The visible rows; empty where nobody answers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SESH_DIR", home.directory)
        try:
            return str(views.screen(Caller(), name)["text"])  # type: ignore[typeddict-item]  # in the usual form
        except SeshError:
            return ""


def logs(home: Home, name: str, lines: int = 1000) -> list[str]:
    """The last lines of scrollback and screen; none where nobody answers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SESH_DIR", home.directory)
        try:
            return views.last_lines(name, lines)[0]
        except SeshError:
            return []
