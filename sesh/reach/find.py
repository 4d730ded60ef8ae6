"""Find sessions of this machine, connect to their daemons and make requests; the errors for missing ones."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import Any

from sesh import errors, names
from sesh.about import SESH
from sesh.errors import Exists, NotFound, Refused, Unreachable
from sesh.names import is_name, printable, subject
from sesh.reach.caller import Caller
from sesh.schema.facts import JobResult, Summary
from sesh.store import listing, records, results
from sesh.system import paths
from sesh.text import describe, times
from sesh.wire import protocol
from sesh.wire.connection import Connection
from sesh.wire.connection import connect as connect_socket
from sesh.wire.messages import RequestType, Response

_EXIT_TIME = 0.5  # seconds from the close of its socket until a daemon that has not exited counts as silent


def note_damage(caller: Caller) -> None:
    """Note each untrusted session file, with the fix."""
    for reason in listing.refusals():
        caller.note(reason)


def exists(name: str) -> bool:
    """Return whether this machine has a session of this name, running or dormant."""
    # An invalid name counts as a session, so that no other machine is asked for one.
    return not is_name(name) or any(map(os.path.lexists, (paths.record_path(name), paths.socket_path(name))))


def try_connect(name: str, deadline: float | None = None) -> Connection | None:
    """Return a connection to a session's daemon; None without a daemon.

    The program may have ended. `deadline` (monotonic): for the daemon to accept. Raises Refused for another machine's
    session, Unreachable if the daemon lives but does not accept.
    """
    most = protocol.WELCOME_TIMEOUT
    timeout = most if deadline is None else min(most, max(0.0, deadline - time.monotonic()))
    until = time.monotonic() + min(timeout, _EXIT_TIME)
    while True:
        with suppress(NotFound):
            return connect_socket(name, timeout)
        if not os.path.lexists(paths.record_path(name)):
            return None
        summary = listing.from_record(name)  # wakes a live daemon, which makes its lost socket again
        if summary is None or summary["state"] != "running":
            return None
        if "machine" in summary:
            machine = printable(str(summary["machine"]))
            raise Refused(f"{name} runs on another machine, {machine}; log in there, or choose another name")
        if time.monotonic() >= until:
            hint = f"`{SESH} status {name}` shows its daemon's pid"
            message = f"{subject(name)} runs but does not answer"
            raise errors.Unreachable(message, hint=hint, reason=errors.NO_ANSWER)
        time.sleep(0.005)


def has_daemon(name: str) -> bool:
    """Return whether a session's daemon accepts connections. Raises as `try_connect`."""
    if (connection := try_connect(name)) is None:
        return False
    connection.close()
    return True


def connect(name: str, deadline: float | None = None) -> Connection:
    """Return a connection to a session's daemon. Raises NotFound without a daemon, and as `try_connect`."""
    connection = try_connect(name, deadline)
    if connection is None:
        raise _ended(name)
    return connection


def request(name: str, kind: RequestType[Response], *, timeout: float = 10.0, **keys: Any) -> tuple[Response, bytes]:
    """Make one request to a session's daemon; return the response and its DATA.

    Raises as `connect`, and NotFound if the session ends before it responds to a request that changes nothing.
    """
    deadline = time.monotonic() + timeout
    try:
        with connect(name) as connection:
            connection.handshake()
            return connection.request(kind, deadline=deadline, **keys)
    except Unreachable as error:
        if not kind.reads or error.reason == errors.NO_ANSWER or (exists(name) and dormant(name) is None):
            raise
        raise _ended(name) from None


def dormant(name: str) -> Summary | None:
    """Return the summary of a dormant session; None for any other."""
    if not os.path.lexists(paths.record_path(name)):
        return None
    summary = listing.from_record(name)
    return summary if summary is not None and summary["state"] in ("lost", "exited") else None


def last_result(name: str) -> JobResult | None:
    """Return the result of an ended session; None without one, or for a lost session."""
    session = dormant(name)
    return results.newest(name) if session is None or session["state"] == "exited" else None


def is_kept(name: str) -> bool:
    """Return whether a session is kept: its program has ended."""
    record = records.readable(name)
    return record is not None and record.get("exit_code") is not None


def describe_end(session: Summary) -> str:
    name = subject(session["name"])
    if session["state"] == "exited":
        return f"{name} {describe.presence(session)[0]}"
    if session["lost"]["reason"] == "reboot":
        return f"{name} was lost when its machine restarted"
    return f"{name} was lost: its daemon died"


def absent(name: str) -> NotFound:
    """Return the error for a missing session, with its last end or a similar name."""
    error, end = paths.absent(name), results.newest(name)
    if end is not None:
        reason = end.get("reason") or ""
        passed = time.time() - float(end.get("ended") or 0)
        code = "" if reason in errors.ENDS else f": {end.get('exit_code')}"
        message = f"{error.message}; it {errors.ENDS.get(reason, 'ended')} {times.short(passed)} ago{code}"
        return error.but(message=message, hint=f"its output: {SESH} logs {name}" if end.get("job") else None)
    if similar := names.nearest(name, paths.names()):
        return error.but(hint=f"did you mean {similar}?")
    return error


def _ended(name: str) -> NotFound:
    session = dormant(name)
    return without_daemon(session) if session is not None else absent(name)


def without_daemon(session: Summary) -> NotFound:
    return NotFound(describe_end(session), hint=_ways_on(session))


def occupied(session: Summary, *choices: str) -> Exists:
    """Return the error for a name taken by a dormant session; `choices`: options to suggest."""
    if choices:
        return Exists(f"{describe_end(session)}; choose {' or '.join(choices)}")
    return Exists(describe_end(session), hint=_ways_on(session))


def _ways_on(session: Summary) -> str:
    name = session["name"]
    return f"`{SESH} open {name}` starts it again, `{SESH} kill {name}` forgets it"


def taken(name: str) -> Exists:
    """Return the error for a name taken by a session."""
    if (summary := dormant(name)) is not None:
        return occupied(summary)
    if not is_kept(name):
        return paths.taken(name)
    return Exists(f"{subject(name)} has ended, but is kept", hint=f"`{SESH} kill {name}` frees the name")
