"""Find sessions of this machine by their names; the errors where there is none."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from difflib import get_close_matches
from typing import Any

from sesh import errors, measures, paths, wire, wording
from sesh.about import SESH
from sesh.errors import Exists, NotFound, Refused, Unreachable
from sesh.messages import Answer, Welcome
from sesh.names import is_name, printable, subject
from sesh.reach.caller import Caller
from sesh.schema import JobResult, Summary
from sesh.store import listing, records, results

PATIENCE = 5.0
"""Seconds for a daemon to say WELCOME, whatever else it does."""
_DYING = 0.5
"""Seconds for a daemon that has closed its socket to end."""


def note_damage(caller: Caller) -> None:
    """Note the files of sessions that are not trusted, each with the fix; the other sessions work."""
    for reason in listing.refusals():
        caller.note(reason)


def is_here(name: str) -> bool:
    """Return whether this machine has a session of this name, also a lost one.

    True for an invalid name: no other machine has it either.
    """
    return not is_name(name) or any(map(os.path.lexists, (paths.record_path(name), paths.socket_path(name))))


# -- a session with a daemon


def running(name: str, deadline: float | None = None) -> wire.Connection | None:
    """Return a connection to a session, also to one that has ended and is kept; None if it has no daemon.

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
            machine = printable(str(summary["machine"]))
            raise Refused(f"{name} runs on another machine, {machine}; log in there, or choose another name")
        if time.monotonic() >= until:
            hint = f"`{SESH} --status {name}` shows its daemon's pid"
            raise errors.Silent(f"{subject(name)} runs but does not answer", hint=hint)
        time.sleep(0.005)


def required(name: str, deadline: float | None = None) -> wire.Connection:
    """Return a connection to a session that must have a daemon. Raises NotFound, and as `running`."""
    connection = running(name, deadline)
    if connection is None:
        session = dormant(name)
        raise without_daemon(session) if session is not None else absent(name)
    return connection


def ask(name: str, verb: str, data: bytes = b"", *, timeout: float | None = 10.0, **words: Any) -> tuple[Answer, bytes]:
    """Ask one thing of a session that must have a daemon, over a connection of its own."""
    deadline = None if timeout is None else time.monotonic() + timeout
    with required(name) as connection:
        connection.send(wire.greeting("request"), deadline)
        welcomed(connection, name)
        return connection.request(verb, data, deadline, **words)


def read(name: str, verb: str, *, timeout: float = 10.0, **words: Any) -> tuple[Answer, bytes]:
    """Ask without changing anything. Raises NotFound for a session that ends meanwhile, as if it had ended before."""
    try:
        return ask(name, verb, timeout=timeout, **words)
    except Unreachable:
        if os.path.lexists(paths.record_path(name)):
            raise
        raise absent(name) from None


def welcomed(
    connection: wire.Connection, name: str, deadline: float | None = None, *, any_protocol: bool = False
) -> Welcome:
    """Return the WELCOME that answers a HELLO sent before. Raises Silent if the daemon does not say it.

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
    """Return a session's summary of itself in a daemon's answer. Raises ProtocolError if there is none."""
    session = answer.get("session")
    if isinstance(session, dict):
        return session
    raise errors.malformed("RESPONSE", ".session is missing")


def summary(connection: wire.Connection, timeout: float) -> Summary:
    """Return a session's summary of itself, asked over a fresh connection, which is closed."""
    return described(connection.single_request("summary", timeout=timeout)[0])


# -- a session without a daemon


def dormant(name: str) -> Summary | None:
    """Return the summary of a session that was lost, or ended while nobody was attached; None for all others."""
    if not os.path.lexists(paths.record_path(name)):
        return None
    summary = listing.unanswered(name)
    return summary if summary is not None and summary["state"] in ("lost", "exited") else None


def result(name: str) -> JobResult | None:
    """Return the result of a session that has ended, None if it was lost or nothing is known."""
    session = dormant(name)
    return results.newest(name) if session is None or session["state"] == "exited" else None


def ended(name: str) -> bool:
    """Return whether the session's program has ended, and the session is kept."""
    record = records.readable(name)
    return record is not None and record.get("exit_code") is not None


def how(session: Summary) -> str:
    """Return the end of a dormant session in words."""
    name = subject(session["name"])
    if session["state"] == "exited":
        return f"{name} {wording.state(session)}"
    if session["lost"]["reason"] == "reboot":
        return f"{name} was lost when its machine restarted"
    return f"{name} was lost: its daemon died"


# -- errors


def absent(name: str) -> NotFound:
    """Return the error for a session that is not here: how the last one of the name ended, or the nearest name."""
    error, end = paths.absent(name), results.newest(name)
    if end is not None:
        reason, passed = end.get("reason") or "", time.time() - float(end.get("ended") or 0)
        code = "" if reason in errors.ENDS else f": {end.get('exit_code')}"
        error.message += f"; it {errors.ENDS.get(reason, 'ended')} {measures.short(passed)} ago{code}"
        if end.get("job"):
            error.hint = f"its output: {SESH} --logs {name}"
        elif code:  # what is killed is never kept: there is nothing to advise
            error.hint = "its output is gone; --exec keeps a command's for a week"
    elif meant := get_close_matches(name, paths.names(), 1):
        error.hint = f"did you mean {meant[0]}?"
    return error


def without_daemon(session: Summary) -> NotFound:
    """Return the error for a dormant session."""
    name = session["name"]
    again = f"`{SESH} {name}` shows it and starts it again"
    if session["state"] == "lost":
        again = f"`{SESH} --open {name}` starts it again, `{SESH} --restore` all that are lost"
    return NotFound(how(session), hint=f"{again}, `{SESH} --kill {name}` forgets it")


def occupied(session: Summary, *choices: str) -> Exists:
    """Return the error for a name that a dormant session has; `choices`: the options to propose."""
    if choices:
        return Exists(f"{how(session)}; choose {' or '.join(choices)}")
    name = session["name"]
    return Exists(how(session), hint=f"`{SESH} --open {name}` starts it again, `{SESH} --kill {name}` frees the name")


def taken(name: str) -> Exists:
    """Return the error for a name whose session runs, or has ended and is kept."""
    if not ended(name):
        return paths.taken(name)
    return Exists(f"{subject(name)} has ended, but is kept", hint=f"`{SESH} --kill {name}` frees the name")
