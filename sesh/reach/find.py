"""Sessions of this machine by their names, and the error that says why there is none."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from difflib import get_close_matches
from typing import Any

from sesh import errors, moments, paths, wire, wording
from sesh.about import SESH
from sesh.errors import Exists, NotFound, Refused, Unreachable
from sesh.messages import Answer, Welcome
from sesh.names import is_name, printable, subject
from sesh.reach.caller import Caller
from sesh.schema import JobResult, Summary
from sesh.store import listing, records, results

PATIENCE = 5.0
"""Seconds within which a daemon says WELCOME, whatever else it does."""
_DYING = 0.5
"""Seconds within which the process of a daemon that has closed its socket is gone."""


def note_damage(caller: Caller) -> None:
    """Notes the files of sessions that are not trusted, each with the fix; the other sessions work."""
    for reason in listing.refusals():
        caller.note(reason)


def is_here(name: str) -> bool:
    """Returns whether this machine has a session of this name, also a lost one.

    True for an invalid name: no other machine has it either.
    """
    return not is_name(name) or any(map(os.path.lexists, (paths.record_path(name), paths.socket_path(name))))


def running(name: str, deadline: float | None = None) -> wire.Connection | None:
    """A connection to a session, also to one that has ended and is kept; None if there is none, or a dormant one.

    `deadline` (monotonic): for its daemon to accept. Raises Refused for another machine's, Unreachable for one that
    runs and does not accept.
    """
    patience = PATIENCE if deadline is None else min(PATIENCE, max(0.0, deadline - time.monotonic()))
    until = time.monotonic() + min(patience, _DYING)
    while True:
        with suppress(NotFound):
            return wire.connect(name, patience)
        if not os.path.lexists(paths.record_path(name)):
            return None
        summary = listing.unanswered(name)  # has a daemon that lives make its socket again
        if summary is None or summary["state"] != "running":
            return None
        if "machine" in summary:
            raise elsewhere(name, summary)
        if time.monotonic() >= until:
            hint = f"`{SESH} --status {name}` shows its daemon's pid"
            raise errors.Silent(f"{subject(name)} runs but does not answer", hint=hint)
        time.sleep(0.005)


def required(name: str, deadline: float | None = None) -> wire.Connection:
    """A connection to a session that must be there. Raises NotFound, also for a dormant one, and as `running`."""
    connection = running(name, deadline)
    if connection is None:
        session = dormant(name)
        raise without_daemon(session) if session is not None else absent(name)
    return connection


def absent(name: str) -> NotFound:
    """The error for a session that is not here: how the last one of the name ended, or the name that was probably
    meant, else what to do."""
    error, end = paths.absent(name), results.newest(name)
    if end is not None:
        reason, passed = end.get("reason") or "", time.time() - float(end.get("ended") or 0)
        code = "" if reason in errors.ENDS else f": {end.get('exit_code')}"
        error.message += f"; it {errors.ENDS.get(reason, 'ended')} {moments.short(passed)} ago{code}"
        if end.get("job"):
            error.hint = f"its output: {SESH} --logs {name}"
        elif code:  # what is killed is never kept: there is nothing to advise
            error.hint = "its output is gone; --exec keeps a command's for a week"
    elif meant := get_close_matches(name, paths.names(), 1):
        error.hint = f"did you mean {meant[0]}?"
    return error


def ask(name: str, verb: str, data: bytes = b"", *, timeout: float | None = 10.0, **words: Any) -> tuple[Answer, bytes]:
    """Asks one thing of a session that must be there, over a connection of its own."""
    deadline = None if timeout is None else time.monotonic() + timeout
    with required(name) as connection:
        connection.send(wire.greeting("request"), deadline)
        welcomed(connection, name)
        return connection.request(verb, data, deadline, **words)


def read(name: str, verb: str, *, timeout: float = 10.0, **words: Any) -> tuple[Answer, bytes]:
    """Asks for what changes nothing. A session that ends meanwhile is as one that had ended before: NotFound."""
    try:
        return ask(name, verb, timeout=timeout, **words)
    except Unreachable:
        if os.path.lexists(paths.record_path(name)):
            raise
        raise absent(name) from None


def welcomed(
    connection: wire.Connection, name: str, deadline: float | None = None, *, any_protocol: bool = False
) -> Welcome:
    """The WELCOME that answers a HELLO sent before. Raises Silent if a daemon that is there does not say it.

    `deadline` (monotonic): TimedOut is raised past it. `any_protocol`: see `Connection.expect_welcome`.
    """
    until = time.monotonic() + PATIENCE
    try:
        return connection.expect_welcome(until if deadline is None else min(until, deadline), any_protocol=any_protocol)
    except errors.TimedOut as error:
        if error.answered or (deadline is not None and time.monotonic() >= deadline):
            raise
        raise errors.silent_daemon(name) from None


def described(answer: Answer) -> Summary:
    """A session's description of itself, in a daemon's answer. Raises ProtocolError if there is none."""
    session = answer.get("session")
    if isinstance(session, dict):
        return session
    raise errors.malformed("RESPONSE", ".session is missing")


def summary(connection: wire.Connection, timeout: float) -> Summary:
    """A session's description of itself, asked over a fresh connection, which is closed; `timeout`: in seconds."""
    return described(connection.only("summary", timeout=timeout)[0])


def dormant(name: str) -> Summary | None:
    """The summary of a session that has no daemon: it was lost, or it ended unseen. None for all others."""
    if not os.path.lexists(paths.record_path(name)):
        return None
    summary = listing.unanswered(name)
    return summary if summary is not None and summary["state"] in ("lost", "exited") else None


def how(session: Summary) -> str:
    """The end of a dormant session, in words."""
    name = subject(session["name"])
    if session["state"] == "exited":
        return f"{name} {wording.state(session)}"
    if session["lost"]["reason"] == "reboot":
        return f"{name} was lost when its machine restarted"  # also told elsewhere
    return f"{name} was lost: its daemon died"


def without_daemon(session: Summary) -> NotFound:
    """The error for a dormant session."""
    name = session["name"]
    again = f"`{SESH} {name}` shows it and starts it again"
    if session["state"] == "lost":
        again = f"`{SESH} --open {name}` starts it again, `{SESH} --restore` all that are lost"
    return NotFound(how(session), hint=f"{again}, `{SESH} --kill {name}` forgets it")


def lost(session: Summary, host: str | None) -> NotFound:
    """The error for somebody at another machine, who names this one `host`, whose session is dormant by now."""
    name, restarted = session["name"], session["state"] == "lost" and session["lost"]["reason"] == "reboot"
    what = f"{host or 'the host'} was restarted; {name} is lost" if restarted else how(session)
    return NotFound(what, hint=f"`{SESH} {name}` shows its last screen and starts it again")


def occupied(session: Summary, *choices: str) -> Exists:
    """The error for a name that a dormant session has; `choices`: the options to propose."""
    if choices:
        return Exists(f"{how(session)}; choose {' or '.join(choices)}")
    name = session["name"]
    return Exists(how(session), hint=f"`{SESH} --open {name}` starts it again, `{SESH} --kill {name}` frees the name")


def taken(name: str) -> Exists:
    """The error for a name that is not free: its session runs, or has ended and is kept."""
    if not ended(name):
        return paths.taken(name)
    return Exists(f"{subject(name)} has ended, but is kept", hint=f"`{SESH} --kill {name}` frees the name")


def result(name: str) -> JobResult | None:
    """The result of the session of this name, if it has no daemon any more; None if that is unknown."""
    session = dormant(name)
    return results.newest(name) if session is None or session["state"] == "exited" else None


def ended(name: str) -> bool:
    """Returns whether the session's program has ended, and the session is kept."""
    record = records.readable(name)
    return record is not None and record.get("exit_code") is not None


def elsewhere(name: str, summary: Summary) -> Refused:
    """The error for a session of another machine, seen through a shared home directory."""
    machine = printable(str(summary["machine"]))
    return Refused(f"{name} runs on another machine, {machine}; log in there, or choose another name")
