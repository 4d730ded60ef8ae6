"""List this machine's sessions, as `--json` shows them, from daemons, records and results.

`current` finds the caller's own session: the one whose pty is the caller's controlling terminal. An inherited variable
does not count, nor the terminal of a container or of another multiplexer inside the session.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, nullcontext, suppress
from typing import Any

from sesh.about import PROGRAM, SESH
from sesh.errors import Refused, SeshError, UsageError
from sesh.names import is_id, is_name, natural
from sesh.schema.facts import Record, Summary
from sesh.store import checkpoints, records, results
from sesh.system import files, paths, processes, programs
from sesh.system.descriptors import most_connections
from sesh.system.platforms import boot_id, terminal_filesystem
from sesh.text.times import stamp
from sesh.wire.connection import Connection, connect, hello_frame, request_frames
from sesh.wire.messages import SUMMARY

SUMMARIES_TIMEOUT = 1.0  # seconds for all daemons to respond, then the records of the silent ones are shown
_CONNECT_TIMEOUT = 0.2
_WAKING = 0.5  # seconds for a live daemon to make its socket again
_ANCESTORS = 64  # processes above a caller whose terminals are looked at
_LOOK = 0.005  # seconds between two looks for a file


def summaries(timeout: float = SUMMARIES_TIMEOUT, latest: Sequence[Summary] = ()) -> list[Summary]:
    """Return all sessions, sorted by name. Raises Refused for an untrusted directory.

    `latest`: rows of sessions whose daemons are not asked.
    """
    tty, leader = processes.controlling_tty(), os.getsid(0)
    rows = dict[str, Summary]()
    known: dict[str, Summary | None] = {row["name"]: row for row in latest}
    others = [name for name in paths.names() if name not in known]
    for name, found in [*known.items(), *_query(others, timeout)]:
        with suppress(Refused):  # `refusals` reports it
            row = found or from_record(name)
            if row is not None and row["name"] not in rows:  # a session that was just renamed may have both names
                # The program leads the terminal's processes; to read all records would take most of a list's time.
                row["current"] = row.get("pid") == leader and holds(records.readable(name) or {}, tty)
                rows[row["name"]] = row
    return [rows[name] for name in sorted(rows, key=natural)]


def refusals() -> list[str]:
    """Return the errors for untrusted sockets and records, with the fix."""
    names = paths.names()
    sockets = files.refusals(lambda name: paths.check_socket(paths.socket_path(name)), names)
    return sockets + files.refusals(records.read, names)


def _query(names: Sequence[str], timeout: float) -> Iterator[tuple[str, Summary | None]]:
    """Yield each name and the summary from its daemon, None without one."""
    most = most_connections()  # so many leave this process some descriptors
    for first in range(0, len(names), most):
        with ExitStack() as opened:  # closes the connections if there are no descriptors left all the same
            batch = names[first : first + most]
            begun = [opened.enter_context(_begin_request(name) or nullcontext()) for name in batch]
            deadline = time.monotonic() + timeout
            for name, connection in zip(batch, begun):
                yield name, _await_summary(connection, deadline)


def _begin_request(name: str) -> Connection | None:
    """Send HELLO and the request for a summary; None if no daemon listens. Raises OSError."""
    try:
        connection = connect(name, _CONNECT_TIMEOUT)
    except SeshError:
        return None
    try:
        connection.send(hello_frame("request") + request_frames(SUMMARY, 1))
    except SeshError:
        connection.close()
        return None
    return connection


def _await_summary(connection: Connection | None, deadline: float) -> Summary | None:
    """Return a daemon's summary; None if it is silent or has another protocol number."""
    if connection is None:
        return None
    with connection:
        try:
            connection.expect_welcome(deadline)
            return connection.await_response(SUMMARY, 1, deadline)[0]
        except (SeshError, OSError):
            return None


# -- a session whose daemon does not respond


def from_record(name: str) -> Summary | None:
    """Return the summary of a session whose daemon does not respond, from its record.

    If a live daemon has lost its socket, wake it and request the summary again. Return None if the session has just
    ended or was renamed. Raises Refused if its record is not trusted.
    """
    record = records.read(name)
    if record is None:
        return None
    if not records.here(record):
        other = record.get("machine_name") or record.get("machine") or ""
        return {**records.summary(name, record, "running"), "responding": False, "machine": other}
    needs_daemon = record.get("exit_code") is None or record.get("keep") is True  # a kept session has one after its end
    if not (needs_daemon and records.alive(record)):
        return _dormant(name, record)
    if _recovered(name, record):
        summary = _await_summary(_begin_request(name), time.monotonic() + SUMMARIES_TIMEOUT)
        if summary is not None:
            return summary
    elif records.read(name) is None:
        return None
    return {**records.summary(name, record, "running"), "responding": False}


def _recovered(name: str, record: Record) -> bool:
    """Wake a live daemon to make its lost socket again; return whether it did."""
    socket = paths.socket_path(name)
    if os.path.exists(socket) or not records.wake(record):
        return False
    deadline = time.monotonic() + _WAKING
    while time.monotonic() < deadline and os.path.exists(paths.record_path(name)) and not os.path.exists(socket):
        time.sleep(_LOOK)
    return os.path.exists(socket)


def _dormant(name: str, record: Record) -> Summary:
    ended = record.get("exit_code") is not None
    summary = _ended(name, record) if ended else records.summary(name, record, "lost")
    facts = checkpoints.facts(record.get("id"))
    summary["cwd"] = facts.get("cwd") or summary["cwd"]
    summary["title"] = facts.get("title") or None
    summary["last_activity"] = facts.get("last_activity") or summary["last_activity"]
    if not ended:
        summary["responding"] = False
        reason = "crash" if record.get("boot") == boot_id() else "reboot"
        summary["lost"] = {"reason": reason, "saved": facts.get("written")}
    return summary


def _ended(name: str, record: Record) -> Summary:
    ended, state = record.get("ended"), record.get("state") or "done"
    summary = records.summary(name, record, "exited")
    summary["activity"] = {"state": state, "why": "exit", "since": ended, "question": None, "kind": None}
    return summary


def of_job(name: str) -> Summary | None:
    """Return the summary of the last job of this name; None without a result."""
    job = results.newest(name, is_job=True)
    if job is None:
        return None
    at = float(job.get("ended") or 0)
    began, ended = stamp(max(0.0, at - float(job.get("duration") or 0))), stamp(at)
    times = {"created": began, "last_activity": ended, "ended": ended}
    record: Any = {**job, **times, "cwd": job.get("directory")}  # as the job's daemon would have left it
    return _ended(name, record)


# -- the session of a terminal


def current(tty: int | None = None) -> Record | None:
    """Return the record of the session that has a terminal, or None.

    `tty`: the number of the terminal (`processes.controlling_tty`), by default the caller's.
    """
    tty = processes.controlling_tty() if tty is None else tty
    if not tty:
        return None
    deadline = time.monotonic() + SUMMARIES_TIMEOUT
    while True:
        is_starting = False
        for record in filter(None, map(records.readable, paths.names())):
            if holds(record, tty):
                return record
            is_starting |= record.get("pid") == 0 and records.here(record) and records.alive(record)
        if not is_starting or time.monotonic() > deadline:
            return None
        time.sleep(_LOOK)  # the program may run before its daemon adds the terminal to the record


def of_asker(*, elsewhere: bool = True) -> Record | None:
    """Return the record of the session from which this process came, by its terminal or an ancestor's, or None.

    Agents start helpers without a terminal, and whose parent may have ended: then the variables of the session count.
    They name its directory, too. `elsewhere`: if that is another one, it becomes this process's `SESH_DIR`.
    """
    seen = {0}
    pid = os.getpid()
    for _ in range(_ANCESTORS):
        tty = processes.controlling_tty(pid)
        if tty not in seen and (record := current(tty)) is not None:
            return record
        seen.add(tty)
        pid = processes.parent_of(pid)
        if pid <= 1:
            break
    directory, _, session_id = os.environ.get("SESH_ENV_FILE", "").rpartition(f"{os.sep}.env.")
    name = os.environ.get("SESH_SESSION", "")
    if not (os.path.isabs(directory) and is_id(session_id) and is_name(name)):
        return None
    if os.path.abspath(directory) != paths.directory():
        if not elsewhere:
            return None
        os.environ["SESH_DIR"] = directory
    names = (name, *paths.names())  # it may have been renamed since
    return next((record for record in map(records.readable, names) if record and record.get("id") == session_id), None)


def required(verb: str) -> str:
    """Return the name of the caller's own session. Raises UsageError outside a session."""
    record = current()
    if record is None:
        raise UsageError(f"{PROGRAM} {verb} without a name works inside a session", hint=f"write: {SESH} {verb} NAME")
    return str(record["name"])


def in_front(name: str) -> bool:
    """Return whether the caller's process group is in the foreground of a session's terminal."""
    record = records.readable(name)
    if record is None or not holds(record, processes.controlling_tty()):
        return False
    try:
        with open("/dev/tty", "rb", buffering=0) as terminal:
            return os.tcgetpgrp(terminal.fileno()) == os.getpgrp()
    except OSError:
        return False


def contains_this_terminal(name: str) -> bool:
    """Return whether this terminal is in a session, also through tmux or script.

    The terminals of all ancestors count. Those of tmux's clients count too, because tmux's server has no terminal.
    """
    record = records.readable(name)
    for pid in (os.getpid(), *_tmux_clients()):
        ancestor = pid
        while record is not None and ancestor > 1:
            if holds(record, processes.controlling_tty(ancestor)):
                return True
            ancestor = processes.parent_of(ancestor)
    return False


def _tmux_clients() -> list[int]:
    """Return the pids of the clients that show this pane of tmux."""
    pane = os.environ.get("TMUX_PANE")
    if not pane:
        return []
    printed = programs.printed("tmux", "list-clients", "-t", pane, "-F", "#{client_pid}", timeout=5.0)
    return [int(word) for word in (printed or "").split() if word.isdecimal()]


def holds(record: Record, tty: int) -> bool:
    return (
        tty != 0
        and record.get("tty_number") == tty
        and record.get("terminals") == terminal_filesystem()  # a container reuses the numbers for its own terminals
        and records.here(record)
        and records.alive(record)
    )
