"""The sessions of this machine, each asked by itself and all at once, in the form that `--json` shows.

Which session the caller is typed in: the one whose pty is the caller's controlling terminal.
"""

from __future__ import annotations

import os
import select
import stat
import time

from sesh import paths, platform, wire
from sesh.errors import Refused, SeshError, UsageError
from sesh.store import records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sesh.schema import Record, StandingFacts, Summary

PATIENCE = 1.0
"""Seconds for all daemons together; one that does not answer is shown from its record."""

KEYS = (
    "name", "host", "state", "attached", "current", "pid", "created", "last_activity", "cwd", "command", "title",
    "exit_code", "columns", "rows", "labels", "foreground", "unseen", "activity",
)  # fmt: skip


def summaries(patience: float | None = None) -> list[Summary]:
    """Every session known here, by name. Raises Refused where the directory is not to be trusted.

    `patience`: seconds for all daemons together, None for `PATIENCE`; where not all can be asked at once, for each.
    """
    inside = current()
    found: dict[str, Summary] = {}
    silent: list[str] = []
    for name, summary in _asked(paths.names(), PATIENCE if patience is None else patience):
        if summary is None:
            silent.append(name)
        else:
            found[str(summary["name"])] = summary
    for name in silent:
        try:
            summary = unanswered(name)
        except Refused:
            continue  # `refusals` names it
        if summary is not None:
            found.setdefault(name, summary)
    for summary in found.values():
        summary["current"] = inside is not None and summary["name"] == inside["name"]
    return [found[name] for name in sorted(found)]


def _asked(names: Sequence[str], patience: float) -> Iterator[tuple[str, Summary | None]]:
    """What each daemon answers, as it comes, None where none does; as many are asked at once as can be connected."""
    waiting = list(reversed(names))
    asked: dict[int, tuple[str, wire.Connection, float]] = {}
    most = wire.most_connections()
    poll = select.poll()
    while waiting or asked:
        while waiting and len(asked) < most:
            name = waiting.pop()
            try:
                connection = _ask(name)
            except OSError as error:
                if error.errno not in paths.TOO_MANY_FILES or not asked:
                    raise
                waiting.append(name)
                most = len(asked)
                break
            if connection is None:
                yield name, None
                continue
            asked[connection.inbound] = (name, connection, time.monotonic() + patience)
            poll.register(connection.inbound, select.POLLIN)
        first = min((until for _, _, until in asked.values()), default=0.0)
        ready = poll.poll(max(0.0, first - time.monotonic()) * 1000) if asked else []
        late = time.monotonic()
        for descriptor in [each for each, _ in ready] or [each for each in asked if asked[each][2] <= late]:
            name, connection, until = asked.pop(descriptor)
            poll.unregister(descriptor)
            if ready:
                yield name, _answer(connection, until)
            else:
                connection.close()
                yield name, None


def refusals() -> list[str]:
    """Why files that bear names of sessions are not believed, with the fix."""
    errors = []
    for name in paths.names():
        try:
            paths.check_file(paths.socket_path(name), stat.S_IFSOCK)
        except Refused as error:
            errors.append(str(error))
        try:
            records.read(name)
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
    summary: Summary = {**dict.fromkeys(KEYS), **session}  # type: ignore[typeddict-item]  # of any version
    return summary


def unanswered(name: str) -> Summary | None:
    """What the record tells of a session whose daemon did not answer: lost, ended unseen, another machine's, or running
    and silent.

    None where the session ended meanwhile. Raises Refused where the record is not to be believed.
    """
    record = records.read(name)
    if record is None:
        return None
    foreign = not records.here(record)
    ended = record.get("exit_code") is not None
    living = not foreign and records.alive(record) and (not ended or record.get("keep") is True)
    if living and _recovered(name, record):
        connection = _ask(name)
        summary = _answer(connection, time.monotonic() + PATIENCE) if connection is not None else None
        if summary is not None:
            return summary
    elif living and records.read(name) is None:
        return None  # it was renamed just now
    state = "running" if foreign or living else "exited" if ended else "lost"
    known: Summary = {
        "name": name,
        "host": None,
        "state": state,
        "attached": 0,
        "current": False,
        "pid": record.get("pid"),
        "created": record.get("created"),
        "last_activity": record.get("last_activity"),
        "cwd": record.get("cwd"),
        "command": record.get("command"),
        "title": None,
        "exit_code": record.get("exit_code"),
        "columns": record.get("columns"),
        "rows": record.get("rows"),
        "labels": record.get("labels") or {},
        "foreground": None,
        "unseen": None,
        "activity": _ended(record) if state == "exited" else None,
        "shell": record.get("shell") is True,
    }
    if state == "exited":
        known["ended"] = record.get("ended")
    else:
        known["responding"] = False
    if not (foreign or living):
        _add_last_moments(known, record)
    if foreign:
        known["machine"] = record.get("machine_name") or record.get("machine") or ""
    return known


def _ended(record: Record) -> StandingFacts:
    """How a session stands that has ended."""
    state = "failed" if record.get("exit_code") else "done"
    return {"state": state, "why": "exit", "since": record.get("ended"), "question": None}


def _add_last_moments(summary: Summary, record: Record) -> None:
    """Adds what the checkpoint of a session without a daemon says of its last moments, and how it was lost."""
    from sesh.store import checkpoints

    header = checkpoints.header(record.get("id"))
    summary["cwd"] = header.get("cwd") or summary["cwd"]
    summary["title"] = header.get("title") or summary["title"]
    summary["last_activity"] = header.get("last_activity") or summary["last_activity"]
    if summary["state"] == "lost":
        reason = "crash" if record.get("boot") == platform.boot_id() else "reboot"
        summary["lost"] = {"reason": reason, "saved": header.get("written")}


def _recovered(name: str, record: Record) -> bool:
    """Whether a live daemon whose socket was removed has made it again, asked by SIGUSR1."""
    if os.path.exists(paths.socket_path(name)) or not records.wake(record):
        return False
    deadline = time.monotonic() + 0.5
    while time.monotonic() < deadline:
        if os.path.exists(paths.socket_path(name)):
            return True
        if not os.path.exists(paths.record_path(name)):
            return False
        time.sleep(0.005)
    return False


def current() -> Record | None:
    """The record of the session that the caller's terminal belongs to; None outside of any.

    An inherited variable, a container with terminals of its own or another multiplexer in between never counts.
    """
    tty = platform.controlling_tty()
    every = (records.readable(name) for name in paths.names()) if tty else ()
    return next((record for record in every if record is not None and holds(record, tty)), None)


def holds(record: Record, tty: int) -> bool:
    """Whether a session's terminal is this one (see `platform.controlling_tty`)."""
    return tty != 0 and record.get("tty_number") == tty and _same_terminals(record)


def _same_terminals(record: Record) -> bool:
    """Whether the number means the same terminal here, and the daemon that holds its other end lives."""
    return record.get("terminals") == platform.terminal_filesystem() and records.here(record) and records.alive(record)


def required(verb: str) -> str:
    """The name of the session that the caller is typed in. Raises UsageError outside of any."""
    record = current()
    if record is None:
        raise UsageError(f"{verb} without a name works inside a session", hint=f"write: $sesh {verb} NAME")
    return str(record["name"])
