"""Describes a session: its row in lists, its status, its outcome, and its record."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from functools import cache

from sesh.about import __version__
from sesh.daemon.base.facts import Facts
from sesh.daemon.clients.events import Missed, shorten
from sesh.daemon.pty.program import is_gate
from sesh.daemon.session import Session
from sesh.errors import BY_TIMEOUT, Refused
from sesh.schema.facts import EndFacts, Foreground, JobResult, Record, Status
from sesh.store import records
from sesh.system import paths, platforms, processes
from sesh.system.clock import STEADY
from sesh.text.times import stamp
from sesh.vt.modes import BRACKETED_PASTE

EVENTS = 20  # events in the result of an ended session
_TIMES = 512  # seconds of a job's output that its result knows: a list reads all results


def summary(session: Session) -> Status:
    facts = session.facts
    written = record(session)
    state = "running" if session.life.running else "exited"
    return {
        **records.summary(session.name, written, state),  # type: ignore[typeddict-item]  # no more keys than these
        "attached": len(session.clients),
        "cwd": facts.named(processes.directory_of(facts.pid) if session.life.running else "") or facts.directory,
        "command": shorten(facts.command),
        "title": session.findings.title,
        "foreground": _foreground(session),
        "unseen": (Missed() if session.clients else session.events.missed).unseen(),  # an attached client sees it all
        "activity": session.activity.observe().as_json(),
        "last_line": session.activity.last_line() or None,
    }


def _foreground(session: Session) -> Foreground | None:
    """Return the foreground program, with the title that it has set."""
    # The title of the session's own shell names user, host and directory, not a program.
    facts = session.facts
    findings = session.findings
    shell = facts.pid
    group = session.pump.foreground
    if not group:
        return None
    titled = findings.title and group == findings.titled_by and not (group == shell and facts.shell)
    command = processes.command_of_group(group, shell)
    shown = shorten(facts.command if is_gate(command) else command)
    return {"pid": group, "command": shown, "title": findings.title if titled else None}


def status(session: Session) -> Status:
    """Return all facts of the session; the emulator may still lag behind."""
    session.feed.catch_up()
    session.activity.observe(fresh=True)
    emulator = session.feed.emulator
    pty = session.pump.pty
    integration = session.marked_shells.integration
    return {
        **summary(session),
        "clients": [client.as_status(session.clients.size) for client in session.clients.all],
        "scrollback": {"lines": emulator.screen.scrollback.count, "bytes": emulator.screen.scrollback.bytes},
        "modes": {
            "bracketed_paste": emulator.mode(BRACKETED_PASTE) is True,
            "alternate_screen": emulator.alternate,
            "canonical": not pty.raw(),
            "echo": pty.echoes(),
        },
        "daemon_pid": os.getpid(),
        "version": __version__,
        "link": None,
        "position": session.log.head,
        "faults": session.faults.lines,
        "reports": session.activity.program_status.as_json(),
        "integration": integration.as_json() if integration is not None else None,
    }


def outcome(session: Session) -> EndFacts:
    end = session.life.end
    return {
        "exit_code": end.code,
        "signal": end.signal,
        "duration": round((STEADY.now() if end.at is None else end.at) - session.facts.created, 3),
        "timed_out": end.reason == BY_TIMEOUT,
        "truncated": session.log.base > 0,
        "cpu": end.cpu,
        "memory": end.memory,
        "reason": end.reason,
    }


def result(session: Session, first: int) -> JobResult:
    """Return the result of an ended session, whose stored output begins at position `first`."""
    facts = session.facts
    times = session.log.times.kept(first, _TIMES) if facts.job else []
    return {
        **outcome(session),
        "truncated": first > 0,
        "name": session.name,
        "id": facts.id,
        "command": facts.command,
        "directory": facts.directory,
        "labels": facts.labels,
        "ended": STEADY.wall_time(session.life.end.at or STEADY.now()),
        "position": session.log.head,
        "columns": session.feed.columns,
        "rows": session.feed.rows,
        "events": session.events.after(0)[-EVENTS:],
        "state": session.activity.observe().state,
        "run": session.history.last,
        "job": facts.job,
        "shell": facts.shell or facts.resumed,
        "times": [(second, max(0, position - first)) for second, position in times],
    }


def record(session: Session) -> Record:
    """Return the content of NAME.json. Raises OSError."""
    facts = session.facts
    end = session.life.end
    identified = _identity(os.getpid())
    # The number of a closed pty may soon belong to another terminal.
    pty = session.pump.pty
    return {
        "name": session.name,
        "id": facts.id,
        **identified,
        "pid": facts.pid,
        "created": _stamp(facts.created),
        "last_activity": _stamp(session.pump.life.last_activity),
        "cwd": facts.directory,
        "command": facts.command,
        "resume": facts.resume,
        "env": facts.env,
        "files": facts.files,
        "labels": facts.labels,
        "columns": session.clients.size[0],
        "rows": session.clients.size[1],
        "tty": pty.path if pty.is_open else None,
        "tty_number": pty.device if pty.is_open else 0,
        "terminals": platforms.terminal_filesystem(),
        "keep": facts.keep,
        "shell": facts.shell or facts.resumed,
        "job": facts.job,
        "exit_code": end.code,
        "signal": end.signal,
        "ended": _stamp(end.at) if end.at is not None else None,
        "reason": end.reason,
        "state": session.activity.observe().state if end.code is not None else None,
        "last_line": session.activity.last_line() or None if end.code is not None else None,
        "version": __version__,
    }


def _stamp(moment: float) -> str:
    return stamp(STEADY.wall_time(moment))


@cache  # /proc may not be readable at the session's end
def _identity(pid: int) -> Record:
    """Return the identity of machine, boot and process. Raises OSError."""
    began = processes.start_time(pid)
    if not began:
        raise OSError(errno.EAGAIN, "the system does not report when this process started")
    return {
        "machine": platforms.name(),
        "machine_name": os.uname().nodename,
        "boot": platforms.boot_id(),
        "daemon_pid": pid,
        "daemon_start": began,
    }


def write_record(session: Session, *, durable: bool = False) -> None:
    records.write(record(session), durable=durable)


def change(session: Session, changed: Facts) -> None:
    """Change the facts, and write the record. Raises Refused, and changes nothing, if writing fails."""
    before = replace(session.facts)
    session.facts.update(changed)
    try:
        write_record(session, durable=True)
    except OSError as error:
        session.facts.update(before)
        raise Refused(f"cannot write to {paths.directory()}: {error.strerror}; nothing was changed") from error
