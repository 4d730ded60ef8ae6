"""The sessions of this machine, each asked by itself and all at once, in the form that `--json` shows.

Which session the caller is typed in: the one whose pty is the caller's controlling terminal.
"""

from __future__ import annotations

import select
import stat
import time

from sesh import paths, platform, wire
from sesh.errors import Refused, SeshError, UsageError
from sesh.store import records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from sesh.store.records import Record

    Summary = dict[str, Any]

PATIENCE = 1.0
"""Seconds for all daemons together; one that does not answer is shown from its record."""

KEYS = (
    "name", "host", "state", "attached", "current", "pid", "created", "last_activity", "cwd", "command", "title",
    "exit_code", "columns", "rows", "labels",
)  # fmt: skip


def summaries(patience: float | None = None) -> list[Summary]:
    """Every session known here, by name. Raises Refused where the directory is not to be trusted.

    `patience`: seconds for all daemons together, None for `PATIENCE`.
    """
    asked: dict[int, tuple[str, wire.Connection]] = {}
    silent: list[str] = []
    found: dict[str, Summary] = {}
    inside = current()
    for name in paths.names():
        connection = _ask(name)
        if connection is None:
            silent.append(name)
        else:
            asked[connection.inbound] = (name, connection)
    poll = select.poll()
    for descriptor in asked:
        poll.register(descriptor, select.POLLIN)
    deadline = time.monotonic() + (PATIENCE if patience is None else patience)
    while asked:
        ready = poll.poll(max(0.0, deadline - time.monotonic()) * 1000)
        if not ready:
            break
        for descriptor, _ in ready:
            name, connection = asked.pop(descriptor)
            poll.unregister(descriptor)
            summary = _answer(connection, deadline)
            if summary is None:
                silent.append(name)
            else:
                found[str(summary["name"])] = summary
    for name, connection in asked.values():
        connection.close()
        silent.append(name)
    for name in silent:
        summary = unanswered(name)
        if summary is not None:
            found.setdefault(name, summary)
    for summary in found.values():
        summary["current"] = inside is not None and summary["name"] == inside["name"]
    return [found[name] for name in sorted(found)]


def refusals(shown: Sequence[Summary]) -> list[str]:
    """Why files that bear names of sessions are not believed, with the fix; `shown`: what `summaries` found."""
    answered = {each["name"] for each in shown if each.get("responding") is not False}
    errors = []
    for name in paths.names():
        if name in answered:
            continue
        for path, kind in ((paths.socket_path(name), stat.S_IFSOCK), (paths.record_path(name), stat.S_IFREG)):
            try:
                paths.check_file(path, kind)
            except Refused as error:
                errors.append(str(error))
    return errors


def _ask(name: str) -> wire.Connection | None:
    """A connection on which the question has been put; None where nobody listens."""
    try:
        connection = wire.connect(name, timeout=0.2)
    except SeshError:
        return None
    try:
        connection.send(wire.greeting("request") + wire.asking("summary", 1))
    except SeshError:
        connection.close()
        return None
    return connection


def _answer(connection: wire.Connection, deadline: float) -> Summary | None:
    """The summary that a daemon answers; None where it closes or speaks another version."""
    with connection:
        try:
            connection.expect_welcome(deadline)
            response, _ = connection.answer(1, deadline)
        except SeshError:
            return None
    session = response.get("session")
    if not isinstance(session, dict) or not isinstance(session.get("name"), str):
        return None
    return {key: session.get(key) for key in KEYS} | _more(session)


def _more(session: Summary) -> Summary:
    """The keys that a newer daemon adds."""
    return {key: value for key, value in session.items() if key not in KEYS}


def unanswered(name: str) -> Summary | None:
    """What the record tells of a session whose daemon did not answer: lost, another machine's, or running and silent.

    None where the session ended meanwhile.
    """
    try:
        record = records.read(name)
    except Refused:
        return None
    if record is None:
        return None
    foreign = not records.here(record)
    living = not foreign and records.alive(record)
    if living and _recovered(name, record):
        connection = _ask(name)
        summary = _answer(connection, time.monotonic() + PATIENCE) if connection is not None else None
        if summary is not None:
            return summary
    summary = {key: record.get(key) for key in KEYS}
    labels = record.get("labels")
    summary |= {
        "name": name,
        "state": "running" if foreign or living else "lost",
        "attached": 0,
        "current": False,
        "labels": labels if isinstance(labels, dict) else {},
        "responding": False,
    }
    if summary["state"] == "lost":
        summary |= _kept(record)
    if foreign:
        summary["machine"] = record.get("machine_name") or record.get("machine")
    return summary


def _kept(record: Record) -> Summary:
    """What is known of a session's last moments, and how it was lost: `reboot` or `crash`; `saved`: its checkpoint's
    time, None where there is no checkpoint.
    """
    from sesh import platform
    from sesh.store import checkpoints

    header = checkpoints.header(record.get("id"))
    known = {key: header[key] for key in ("cwd", "title", "last_activity") if header.get(key)}
    reason = "crash" if record.get("boot") == platform.boot_id() else "reboot"
    return {**known, "lost": {"reason": reason, "saved": header.get("written")}}


def _recovered(name: str, record: Record) -> bool:
    """Whether a live daemon whose socket was removed has made it again, asked by SIGUSR1."""
    import os

    if os.path.exists(paths.socket_path(name)) or not records.wake(record):
        return False
    deadline = time.monotonic() + 0.5
    while time.monotonic() < deadline:
        if os.path.exists(paths.socket_path(name)):
            return True
        time.sleep(0.005)
    return False


def current() -> Record | None:
    """The record of the session that the caller's terminal belongs to; None outside of any.

    An inherited variable, a container with terminals of its own or another multiplexer in between never counts.
    """
    tty = platform.controlling_tty()
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
    return record.get("terminals") == platform.terminal_filesystem() and records.here(record) and records.alive(record)


def required(verb: str) -> str:
    """The name of the session that the caller is typed in. Raises UsageError outside of any."""
    record = current()
    if record is None:
        raise UsageError(f"{verb} without a name works inside a session", hint=f"write: $sesh {verb} NAME")
    return str(record["name"])
