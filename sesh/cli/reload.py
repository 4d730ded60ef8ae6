"""`--reload`: running daemons go on as the sesh that this command line is typed with."""

from __future__ import annotations

import os
import sys

from sesh.errors import SeshError, UsageError
from sesh.ops import find, sessions
from sesh.store import listing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sesh.cli.parser import Line

_PATIENCE = 30.0
"""Seconds for a daemon to try the new sesh and to become it."""


def reload(line: Line, names: Sequence[str] = ()) -> int:
    """`--reload [NAME…]`: without names all that run here; each is tried, 1 where any could not."""
    chosen = [find.checked(name, "--reload") for name in dict.fromkeys(names)]
    failed: dict[str, SeshError] = {}
    done: list[str] = []
    for name in chosen or _running():
        try:
            _reloaded(name)
        except SeshError as error:
            failed[name] = error
        else:
            done.append(name)
    return sessions.told(line, [*done, *failed], failed, key="reloaded")


def _running() -> list[str]:
    """The sessions of this machine that have a daemon."""
    return [str(each["name"]) for each in listing.summaries() if each["state"] != "lost" and "machine" not in each]


def _reloaded(name: str) -> None:
    """Has one daemon go on as this sesh."""
    path = [os.path.abspath(each) for each in sys.path]
    try:
        find.ask(name, "reload", timeout=_PATIENCE, python=sys.executable, path=path)
    except UsageError as error:
        raise UsageError(f"{error}; it cannot be reloaded: end it, and start it anew", exit_code=1) from error
