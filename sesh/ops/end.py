"""Sessions ended, with a way out for each daemon that does not answer, and lost sessions forgotten."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence

from sesh import errors, paths, proc, wire, writing
from sesh.errors import NotFound, Refused, SeshError
from sesh.reach import find
from sesh.store import listing, records
from sesh.stored import Record

_END_TIMEOUT = 5.0
"""Seconds for a daemon to end its session: two until SIGKILL, and some for a busy machine."""
_KILL_TIMEOUT = 2.0
"""Seconds for a daemon to die of SIGKILL."""


def end_all(names: Sequence[str]) -> dict[str, SeshError]:
    """Ends sessions, all at the same time; errors by name. The session that the caller types in comes last."""
    here = listing.current()
    own = [name for name in names if here is not None and name == here["name"]]
    others = [name for name in names if name not in own]
    return {**_end(others), **_end(own)}


def end_this(name: str, session_id: str = "") -> None:
    """Ends a session. Raises NotFound if it no longer bears this name; `session_id`: only the one with this id."""
    for error in _end([name], session_id).values():
        raise error


def end_for(name: str, act: str) -> None:
    """Ends a session for one in its place. Raises Refused if the caller types in it; `act`: a verb for the message."""
    here = listing.current()
    if here is not None and here["name"] == name:
        raise Refused(f"you are in {name}, and it cannot {act} itself; detach first")
    end_this(name)


def _end(names: Sequence[str], session_id: str = "") -> dict[str, SeshError]:
    """Ends sessions at the same time, as many as can be connected to; the next ones after them."""
    failed: dict[str, SeshError] = {}
    asked: dict[str, tuple[Record | None, wire.Connection]] = {}
    most, deadline = wire.most_connections(), time.monotonic() + _END_TIMEOUT
    for name in names[:most]:
        try:
            record = records.readable(name) if paths.trusted(paths.directory()) else None
            connection = _request_end(name, session_id, deadline)
        except SeshError as error:
            failed[name] = error
            continue
        if connection is not None:
            asked[name] = record, connection
    for name, (record, connection) in asked.items():
        try:
            _await_end(name, record, connection, deadline)
        except SeshError as error:
            failed[name] = error
    return {**failed, **_end(names[most:])} if names[most:] else failed


def _request_end(name: str, session_id: str, deadline: float) -> wire.Connection | None:
    """Asks a daemon to end its session, if an id is given only the one with it; returns the connection.

    None if the session had no daemon, and was forgotten.
    """
    try:
        connection = find.required(name)
    except NotFound:
        if forget(name, session_id):
            return None
        connection = find.required(name)  # another process has started it again, or ended it
    asked = wire.asking("kill", 1, begin_by=connection.not_after(deadline), session_id=session_id)
    try:
        connection.send(wire.greeting("request") + asked, time.monotonic() + 1)
    except (errors.Unreachable, errors.TimedOut):
        pass  # it ended just now, or does not read: waiting for the answer says so
    return connection


def _await_end(name: str, record: Record | None, connection: wire.Connection, deadline: float) -> None:
    """Waits until the session has ended; a daemon that does not answer in time is killed.

    `record`: the session's, read before the daemon was asked. Another one may get the name meanwhile.
    """
    with connection:
        try:
            connection.expect_welcome(deadline)
            connection.answer(1, deadline)
        except errors.Unreachable:
            if record is not None and records.here(record) and not _await_death(record, deadline):
                raise
            forget(name)  # the files that a daemon leaves when it dies
        except errors.TimedOut:
            if not _kill_daemon(name, record):
                raise


def _await_death(record: Record, deadline: float) -> bool:
    """Waits for the death of a daemon; False if it lives past the deadline (monotonic)."""
    while records.alive(record):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)  # no event tells of its end
    return True


def _kill_daemon(name: str, record: Record | None) -> bool:
    """Kills a daemon that does not answer; the terminal's hangup, then SIGKILL, ends the programs of its session.

    Returns whether the session is gone.
    """
    if record is None or not records.here(record):
        return records.read(name) is None
    groups = proc.groups_of_session(int(record.get("pid") or 0)) if records.alive(record) else []
    try:
        if records.alive(record):
            os.kill(int(record["daemon_pid"]), signal.SIGKILL)
    except ProcessLookupError:
        pass
    _await_death(record, time.monotonic() + _KILL_TIMEOUT)
    for group in groups:
        try:
            os.killpg(group, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue
    return forget(name)


def forget(name: str, session_id: str = "") -> bool:
    """Removes the files of a dormant session; False for another state, another machine's session, or another id.

    Raises Refused if they cannot be removed.
    """
    folder = paths.directory()
    try:
        if not paths.trusted(folder) or find.dormant(name) is None:
            return False
        with writing.locked(folder):
            if find.dormant(name) is None or (session_id and (records.read(name) or {}).get("id") != session_id):
                return False
            records.remove(name)
    except FileNotFoundError:
        return False  # the whole directory is gone
    except OSError as error:
        raise Refused(f"cannot remove the files of {name}: {error.strerror}", hint=writing.remedy(error)) from error
    return True
