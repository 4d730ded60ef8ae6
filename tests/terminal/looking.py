"""Looks at a session without a new process; not for tests with threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from sesh.errors import SeshError
from sesh.ops import shell, views
from sesh.reach.caller import Caller
from tests.support import Home

Value = TypeVar("Value")


def asked(home: Home, ask: Callable[[], Value], nothing: Value) -> Value:
    """Return what the daemons of this home answer; `nothing` if none answers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SESH_DIR", home.directory)
        try:
            return ask()
        except SeshError:
            return nothing


def screen(home: Home, name: str) -> str:
    """The visible rows."""
    return asked(home, lambda: views.screen(Caller(), name)["text"], "")


def logs(home: Home, name: str, lines: int = 1000) -> list[str]:
    """The last lines of scrollback and screen."""
    return asked(home, lambda: views.last_lines(name, lines)[0], [])


def history(home: Home, name: str = "work") -> list[dict[str, Any]]:
    """Return the commands that were run, as `history --json` has them."""
    return asked(home, lambda: [{**each} for each in shell.history(Caller(), name)], [])
