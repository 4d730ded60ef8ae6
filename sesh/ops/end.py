"""Sessions ended, with a way out for each daemon that does not answer, and lost sessions forgotten."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from threading import Thread

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
    failed: dict[str, SeshError] = {}

    def end(name: str) -> None:
        try:
            end_this(name)
        except SeshError as error:
            failed[name] = error

    most = wire.most_connections()
    for first in range(0, len(others), most):
        threads = [Thread(target=end, args=(name,)) for name in others[first : first + most]]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for name in own:
        end(name)
    return failed


def end_for(name: str, act: str) -> None:
    """Ends a session for one in its place. Raises Refused if the caller types in it; `act`: a verb for the message."""
    here = listing.current()
    if here is not None and here["name"] == name:
        raise Refused(f"you are in {name}, and it cannot {act} itself; detach first")
    end_this(name)


def end_this(name: str, session_id: str = "") -> None:
    """Ends a session; one without a daemon is forgotten, and a daemon that does not answer in time is killed.

    `session_id`: only the one with this id. Raises NotFound if it no longer bears this name.
    """
    deadline = time.monotonic() + _END_TIMEOUT
    record = records.readable(name) if paths.trusted(paths.directory()) else None
    try:
        connection = find.required(name)
    except NotFound:
        if forget(name, session_id):
            return
        connection = find.required(name)  # another process has started it again, or ended it
    with connection:
        asked = wire.asking("kill", 1, begin_by=connection.not_after(deadline), session_id=session_id)
        try:
            with suppress(errors.Unreachable, errors.TimedOut):  # the answer says so too
                connection.send(wire.greeting("request") + asked, time.monotonic() + 1)
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
