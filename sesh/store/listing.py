"""The sessions of this machine, each asked by itself and all at once, in the form that `--json` shows.

Which session the caller is typed in: the one whose pty is the caller's controlling terminal.
"""

from __future__ import annotations

import os
import select
import stat
import time
from collections.abc import Collection, Iterator, Sequence

from sesh import identity, paths, wire
from sesh.about import SESH
from sesh.errors import Refused, SeshError, UsageError
from sesh.moments import stamp
from sesh.names import natural
from sesh.schema import Summary
from sesh.store import checkpoints, records, results
from sesh.stored import Record

_ANSWER = 1 << 14
"""Bytes of one read: an answer is shorter, mostly, and the memory for many would come from the system each time."""
PATIENCE = 1.0
"""Seconds for all daemons together; one that does not answer is shown from its record."""

KEYS = (
    "name", "host", "state", "attached", "current", "pid", "created", "last_activity", "cwd", "command", "title",
    "exit_code", "columns", "rows", "labels", "foreground", "unseen", "activity",
    "last_line",
)  # fmt: skip
_RECORD_KEYS = ("pid", "created", "last_activity", "cwd", "command", "resume", "exit_code", "columns", "rows")


def summaries(patience: float | None = None, known: Collection[Summary] = ()) -> list[Summary]:
    """Every session known here, in the order of their names. Raises Refused if the directory is not to be trusted.

    `patience`: seconds for all daemons together, None for `PATIENCE`; if not all can be asked at once, for each.
    `known`: the summaries of sessions that are not asked if they are still there.
    """
    names = paths.names()
    resting = {session["name"]: session for session in known}
    answers: dict[str, Summary | None] = {name: resting[name] for name in names if name in resting}
    asked = [name for name in names if name not in answers]
    answers |= _asked(asked, PATIENCE if patience is None else patience)
    leader, front = os.getsid(0), _front()  # 0: not seen from here, in a namespace of pids
    others = {
        name
        for name, answer in answers.items()
        if answer is not None
        and answer["pid"] not in (leader, None)
        and (front_there := answer["foreground"]) is not None
        and front_there.get("pid") != front != 0
    }
    inside = current(others=others if leader else ())
    by_name = {str(answer["name"]): answer for answer in answers.values() if answer is not None}
    for name in [name for name, answer in answers.items() if answer is None]:
        try:
            summary = unanswered(name)
        except Refused:
            continue  # `refusals` names it
        if summary is not None:
            by_name.setdefault(name, summary)
    for name, summary in by_name.items():
        summary["current"] = inside is not None and name == inside["name"]
    return [by_name[name] for name in sorted(by_name, key=natural)]


def _serves(record: Record) -> bool:
    """Returns whether the session of a record has a daemon, which also shows a kept one after its end."""
    return (record.get("exit_code") is None or record.get("keep") is True) and records.alive(record)


def _asked(names: Sequence[str], patience: float) -> Iterator[tuple[str, Summary | None]]:
    """Yields each name and its daemon's answer as it comes, None if there is none; asks as many at once as it can."""
    unasked = list(reversed(names))
    asked: dict[int, tuple[str, wire.Connection, float]] = {}
    folder, asking = paths.directory(), wire.greeting("request") + wire.asking("summary", 1)
    most = wire.most_connections()
    poll = select.poll()
    while unasked or asked:
        while unasked and len(asked) < most:
            name = unasked.pop()
            try:
                connection = _ask(name, asking, folder)
            except OSError as error:
                if not paths.lacks_descriptors(error) or not asked:
                    raise
                unasked.append(name)  # no descriptor is left: it is asked when an answer has come
                most = len(asked)
                break
            if connection is None:
                yield name, None
                continue
            asked[connection.inbound] = (name, connection, time.monotonic() + patience)
            poll.register(connection.inbound, select.POLLIN)
        first = next(iter(asked.values()))[2] if asked else 0.0  # who was asked first is given up first
        ready = [event[0] for event in poll.poll(max(0.0, first - time.monotonic()) * 1000)] if asked else []
        now = time.monotonic()
        # Answers that have come are taken before anybody is given up.
        for descriptor in ready or [descriptor for descriptor, (*_, deadline) in asked.items() if deadline <= now]:
            name, connection, deadline = asked.pop(descriptor)
            poll.unregister(descriptor)
            if ready:
                yield name, _answer(connection, deadline, ready=True)
            else:
                connection.close()
                yield name, None


def refusals() -> list[str]:
    """The errors of files that bear names of sessions and are not believed, with the fix."""
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


def _ask(name: str, asking: bytes, folder: str = "") -> wire.Connection | None:
    """A connection on which the summary has been asked for, by these bytes; None if nobody listens. `folder`: as for
    `wire.connect`."""
    try:
        connection = wire.connect(name, 0.2, folder)
    except SeshError:
        return None
    try:
        connection.send(asking)
    except SeshError:
        connection.close()
        return None
    return connection


def _answer(connection: wire.Connection | None, deadline: float, *, ready: bool = False) -> Summary | None:
    """The summary that a daemon answers; None if there is none, it closes, or speaks another version.

    `ready`: True if something has come, so that there is nothing to wait for.
    """
    if connection is None:
        return None
    with connection:
        try:
            if ready:
                connection.put_back(connection.decoder.feed(os.read(connection.inbound, _ANSWER)))
            connection.expect_welcome(deadline)
            response, _ = connection.answer(1, deadline)
        except (SeshError, OSError):
            return None
    session = response.get("session")
    return session if isinstance(session, dict) and isinstance(session.get("name"), str) else None


def unanswered(name: str) -> Summary | None:
    """The summary of a session whose daemon did not answer, by its record. Raises Refused if that is not to be
    believed.

    None if the session ended, or was renamed, meanwhile.
    """
    record = records.read(name)
    if record is None:
        return None
    if not records.here(record):
        return _elsewhere(name, record)
    if not _serves(record):
        return _dormant(name, record)
    if _recovered(name, record):
        asking = wire.greeting("request") + wire.asking("summary", 1)
        answer = _answer(_ask(name, asking), time.monotonic() + PATIENCE)
        if answer is not None:
            return answer
    elif records.read(name) is None:
        return None
    return {**_recorded(name, record, "running"), "responding": False}


def _elsewhere(name: str, record: Record) -> Summary:
    """The summary of a session of another machine, which shares this directory."""
    machine = record.get("machine_name") or record.get("machine") or ""
    return {**_recorded(name, record, "running"), "responding": False, "machine": machine}


def _dormant(name: str, record: Record) -> Summary:
    """The summary of a session without a daemon, by its record and its checkpoint: it has ended, or is lost."""
    ended = record.get("exit_code") is not None
    summary = _recorded(name, record, "exited" if ended else "lost")
    header = checkpoints.header(record.get("id"))
    summary["cwd"] = header.get("cwd") or summary["cwd"]
    summary["title"] = header.get("title") or None
    summary["last_activity"] = header.get("last_activity") or summary["last_activity"]
    if ended:
        state, since = record.get("state") or "done", record.get("ended")
        summary["activity"] = {"state": state, "why": "exit", "since": since, "question": None, "kind": None}
        summary["ended"], summary["reason"] = record.get("ended"), record.get("reason")
    else:
        summary["responding"] = False
        reason = "reboot" if _restarted(record) else "crash"
        summary["lost"] = {"reason": reason, "saved": header.get("written")}
    return summary


def of_job(name: str) -> Summary | None:
    """The summary of the last job of a name, which has ended and is gone, by its result; None if none is kept."""
    job = results.of_job(name)
    if job is None:
        return None
    at, duration = float(job.get("ended") or 0), float(job.get("duration") or 0)
    ended = stamp(at)
    summary: Summary = {**dict.fromkeys(KEYS)}  # type: ignore[typeddict-item]  # most is not known any more
    return {
        **summary, "name": name, "state": "exited", "attached": 0, "current": False, "labels": job.get("labels") or {},
        "shell": False, "created": stamp(max(0.0, at - duration)), "last_activity": ended, "ended": ended,
        "cwd": job.get("directory"), "command": job.get("command"), "exit_code": job.get("exit_code"),
        "reason": job.get("reason"), "columns": job.get("columns"), "rows": job.get("rows"),
        "activity": {
            "state": job.get("state") or "done", "why": "exit", "since": ended, "question": None, "kind": None,
        },
    }  # fmt: skip


def _restarted(record: Record) -> bool:
    """Returns whether this machine, or the container that it is, has been started again since a daemon was."""
    began, daemon = identity.start_time(1), str(record.get("daemon_start"))
    newer = began.isdecimal() and daemon.isdecimal() and int(began) > int(daemon)  # ticks since the boot, on Linux
    return newer or record.get("boot") != identity.boot_id()


def _recorded(name: str, record: Record, state: str) -> Summary:
    return {
        **dict.fromkeys(KEYS), **{key: record.get(key) for key in _RECORD_KEYS},  # type: ignore[typeddict-item]
        "name": name, "state": state, "attached": 0, "current": False, "labels": record.get("labels") or {},
        "shell": record.get("shell") is True, **({"id": record["id"]} if record.get("id") else {}),
    }  # fmt: skip


def _recovered(name: str, record: Record) -> bool:
    """Returns whether a live daemon whose socket was removed has made it again; SIGUSR1 asks it to."""
    if os.path.exists(paths.socket_path(name)) or not records.wake(record):
        return False
    return _appears(paths.socket_path(name), beside=paths.record_path(name), seconds=0.5)


def _appears(path: str, *, beside: str, seconds: float) -> bool:
    """Waits for a file of a session while its other one, `beside`, is there; returns whether it has come."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if os.path.exists(path):
            return True
        if not os.path.exists(beside):
            return False
        time.sleep(0.005)
    return False


def _front() -> int:
    """The process group in front of the caller's terminal; 0 without one. A program of a session may have given its
    terminal to another process session, which then has it in front."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return 0
    try:
        return os.tcgetpgrp(terminal)
    except OSError:
        return 0
    finally:
        os.close(terminal)


def current(tty: int | None = None, others: Collection[str] = ()) -> Record | None:
    """The record of the session that a terminal belongs to, by default the caller's; None outside of any. `others`: the
    names of sessions that need not be looked at, as neither their program leads the caller's process session nor what
    is in front there is in front of the caller.

    An inherited variable, a container with terminals of its own or another multiplexer in between never counts.
    """
    tty = identity.controlling_tty() if tty is None else tty
    if not tty:
        return None
    deadline = time.monotonic() + PATIENCE
    while True:
        begins = False
        for record in filter(None, (records.readable(name) for name in paths.names() if name not in others)):
            if holds(record, tty):
                return record
            begins |= record.get("pid") == 0 and records.here(record) and records.alive(record)
        if not begins or time.monotonic() > deadline:
            return None
        time.sleep(0.005)  # a program may be faster than its daemon, which adds the terminal to its record then


def in_front(name: str) -> bool:
    """Returns whether the caller is part of what runs in front in a session, so that its shell is not at its prompt."""
    record = records.readable(name)
    return record is not None and holds(record, identity.controlling_tty()) and os.getpgrp() == _front()


def holds(record: Record, tty: int) -> bool:
    """Returns whether a session's terminal is this one (see `identity.controlling_tty`), and its daemon lives."""
    return (
        tty != 0
        and record.get("tty_number") == tty
        and record.get("terminals") == identity.terminal_filesystem()  # in a container the number may mean another
        and records.here(record)
        and records.alive(record)
    )


def required(verb: str) -> str:
    """The name of the session that the caller is typed in. Raises UsageError outside of any."""
    record = current()
    if record is None:
        raise UsageError(f"{verb} without a name works inside a session", hint=f"write: {SESH} {verb} NAME")
    return str(record["name"])
