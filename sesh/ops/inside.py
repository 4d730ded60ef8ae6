"""The state that a program inside a session tells its daemon."""

from __future__ import annotations

import os

from sesh import identity, paths, wire
from sesh.about import SESH
from sesh.errors import Refused, UsageError
from sesh.names import printable
from sesh.protocol import STATES
from sesh.store import listing, records
from sesh.stored import Record


def state(state: str, question: str) -> str:
    """Tells the daemon the state of the program that called; returns the session's name.

    Raises UsageError, and Refused outside of any session.
    """
    if state not in STATES:
        raise UsageError(f"unknown state {printable(state)}; use {', '.join(STATES)}")
    name = session("--state", " …")
    wire.ask(name, "state", state=state, question=question)
    return name


def session(verb: str, words: str) -> str:
    """The name of the session that the caller runs in. Raises Refused outside of any."""
    if (record := _session()) is None:
        raise Refused(
            f"{verb} works only inside a session",
            hint=f'in a hook write: [ -z "$SESH_SESSION" ] || {SESH} {verb}{words}',
        )
    return str(record["name"])


def _session() -> Record | None:
    """The record of the session that the caller runs in: that of its terminal, or by `SESH_ENV_FILE` if it has none.

    An agent runs its hooks without a terminal.
    """
    if tty := identity.controlling_tty():
        return listing.current(tty)
    path = os.environ.get("SESH_ENV_FILE", "")
    every = (records.readable(name) for name in paths.names()) if path else ()
    return next(
        (record for record in every if record and records.environment_path(str(record.get("id"))) == path), None
    )
