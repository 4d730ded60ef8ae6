"""Which session the caller is typed in: the one whose pty is the caller's controlling terminal."""

from __future__ import annotations

from sesh import kernel, paths, records
from sesh.errors import Refused, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.records import Record


def current() -> Record | None:
    """The record of the session that the caller's terminal belongs to; None outside of any.

    An inherited variable, a container with terminals of its own or another multiplexer in between never counts.
    """
    tty = kernel.controlling_tty()
    if not tty:
        return None
    for name in paths.names():
        try:
            record = records.read(name)
        except Refused:
            continue
        if record and record.get("tty_number") == tty and _same_terminals(record):
            return record
    return None


def _same_terminals(record: Record) -> bool:
    """Whether the number means the same terminal here, and the daemon that holds its other end lives."""
    return record.get("terminals") == kernel.terminal_filesystem() and records.here(record) and records.alive(record)


def required(verb: str) -> str:
    """The name of the session that the caller is typed in. Raises UsageError outside of any."""
    record = current()
    if record is None:
        raise UsageError(f"{verb} without a name works inside a session; write: sesh {verb} NAME")
    return str(record["name"])
