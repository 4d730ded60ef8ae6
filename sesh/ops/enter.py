"""Find or create sessions by name.

The ops return a connection to the session's daemon. They ask the person only if the name is taken, or if its session
was lost or has ended.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import Enum
from functools import partial
from typing import Optional

from sesh import errors
from sesh.about import SESH
from sesh.errors import Exists, NotFound, Refused, SeshError
from sesh.names import check_name, is_name, printable, subject
from sesh.ops import create, dormant, sessions
from sesh.reach import find
from sesh.reach.caller import CANCEL, Caller
from sesh.reach.op import Connected, op
from sesh.reach.outcome import exiting_as
from sesh.schema.facts import LaunchSpec, Place, Seconds, Spec, Summary
from sesh.store import listing, records
from sesh.store.recent import newest
from sesh.system import paths
from sesh.text import describe, sizes
from sesh.wire.connection import Connection
from sesh.wire.messages import LABEL, SUMMARY

_BEFORE_QUESTION = 1.5  # seconds for a daemon to respond, before the question says that it does not
_RESPONSE_TIMEOUT = 5.0  # seconds for a busy daemon to respond


def _is_unchanged(spec: Spec) -> bool:
    """Return whether neither DIR nor CMD is given, so a dormant session may be restarted."""
    return spec.get("directory") is None and spec.get("command") is None


@op(creates=True, syncs=True)
def go(caller: Caller, name: str, spec: Optional[Spec] = None) -> Connected:
    """Connect to a session; create it if it does not exist.

    A dormant session is replaced if DIR or CMD is given; otherwise the person chooses. Raises Refused if the person
    declines.
    """
    spec = spec or {}
    name = check_name(name)
    while True:
        if (connection := find.try_connect(name)) is not None:
            _apply_or_close(connection, caller, name, spec)
            return Connected(name, connection, False)
        summary = find.dormant(name)
        if summary is not None and _is_unchanged(spec) and not caller.can_answer:
            raise find.occupied(summary)
        launch_spec = create.launch_spec(caller, spec)
        try:
            if summary is None:
                return Connected(name, create.start(launch_spec, name), True)
            if _is_unchanged(spec):
                return Connected(name, dormant.start_as_chosen(caller, launch_spec, name, summary), True)
            return Connected(name, dormant.start(caller, launch_spec, name, summary, again=False), True)
        except Exists:  # another process has just created the session, or it is ending
            time.sleep(create.PAUSE)


@op(syncs=True)
def attach(_caller: Caller, name: str) -> Connected:
    """Connect to a session that must exist; `-` is the one attached last. Raises NotFound."""
    if name != "-":
        return Connected(name, find.connect(check_name(name)), False)
    for host, last in recent():
        if host is None and (connection := find.try_connect(last)) is not None:
            return Connected(last, connection, False)
    raise NotFound("there is no previous session", hint=f"`{SESH}` lists the sessions")


def recent() -> list[Place]:
    """Return the sessions attached last, the newest first."""
    paths.check_directory(paths.directory())
    entries = [entry.rpartition(" ") for entry in newest()]
    return [Place(host.removeprefix("@") or None, name) for host, _, name in entries if is_name(name)]


@op(creates=True, syncs=True)
def open_(caller: Caller, name: str, spec: Optional[Spec] = None) -> Connected:
    """Make sure that a session runs, and connect to it.

    A dormant session is restarted, or replaced if DIR or CMD is given. Raises Exists if the session has ended and is
    kept. Raises SeshError (127, 126), Refused, UsageError, Unreachable.
    """
    spec = spec or {}
    launch_spec = partial(create.launch_spec, caller, spec)
    connection, outcome = ensure(caller, name, launch_spec, again=_is_unchanged(spec))
    if outcome is Ensured.RAN:
        _apply_or_close(connection, caller, name, spec)
    return Connected(name, connection, outcome is not Ensured.RAN)


class Ensured(Enum):
    RAN = "it ran already"
    CREATED = "it was created"
    RESTARTED = "it was dormant, and was restarted or replaced"


def ensure(
    caller: Caller, name: str, launch_spec: Callable[[], LaunchSpec], *, again: bool
) -> tuple[Connection, Ensured]:
    """Make sure that a session runs; `again`: restart a dormant one. Raises as `open_`."""
    deadline = time.monotonic() + _RESPONSE_TIMEOUT
    while True:
        if (session := _summary(name)) is not None and (connection := find.try_connect(name)) is not None:
            if session["state"] != "exited":
                return connection, Ensured.RAN
            connection.close()
            raise find.taken(name)
        try:
            if (summary := find.dormant(name)) is not None:
                return dormant.start(caller, launch_spec(), name, summary, again=again), Ensured.RESTARTED
            return create.start(launch_spec(), name), Ensured.CREATED
        except Exists:  # another process was faster, or the session is ending
            if time.monotonic() > deadline:
                raise
            time.sleep(create.PAUSE)


def _summary(name: str) -> Summary | None:
    """Return the daemon's summary; None if there is no session, or it is ending."""
    if (connection := find.try_connect(name)) is None:
        return None
    try:
        with connection:
            connection.handshake()
            return connection.request(SUMMARY, deadline=time.monotonic() + _RESPONSE_TIMEOUT)[0]
    except errors.Unreachable as error:
        if error.reason == errors.NO_ANSWER:
            raise
        return None


def _apply_or_close(connection: Connection, caller: Caller, name: str, spec: Spec) -> None:
    """Apply a spec as `apply`; after an error nobody gets the connection, so close it."""
    try:
        apply(caller, name, spec)
    except BaseException:
        connection.close()
        raise


def apply(caller: Caller, name: str, spec: Spec) -> None:
    """Set a spec's labels on a running session; note the options that are ignored.

    Raises UsageError for an invalid variable, label or size before it changes anything.
    """
    _, labels = create.check_words(spec)
    if (size := spec.get("size")) is not None:
        sizes.parse_size(size)
    ignored: list[str] = []
    if (directory := spec.get("directory")) is not None:
        ignored.append(f"the directory {printable(directory)}")
    if spec.get("command") is not None:
        ignored.append("the command")
    ignored += [f"--{key}" for key in ("env", "size") if spec.get(key)]
    if labels:
        find.request(name, LABEL, set=labels)
    if ignored:
        words = " and ".join(filter(None, (", ".join(ignored[:-1]), ignored[-1])))
        caller.note(f"{subject(name)} already runs; {words} {'are' if len(ignored) > 1 else 'is'} ignored")


@op(creates=True, syncs=True)
def new(caller: Caller, name: Optional[str] = None, spec: Optional[Spec] = None, choice: str = "") -> Connected:
    """Create a session, and connect to it.

    Without a name, it gets the lowest free number. `choice`: what to do with a taken name: `join`, `kill-old`, `new`
    (the next free NAME-2), or empty to ask. Raises Exists if `choice` is empty and no person can be asked.
    """
    spec = spec or {}
    launch_spec = create.launch_spec(caller, spec)
    if name is None:
        return Connected(*create.start_numbered(launch_spec), True)
    check_name(name)
    while True:
        if (connection := find.try_connect(name)) is not None:
            with connection:
                choice = choice or _ask_beside_running(caller, name, connection)
            break
        if (summary := find.dormant(name)) is not None:
            if choice == "kill-old":
                return Connected(name, dormant.start(caller, launch_spec, name, summary, again=False), True)
            if choice != "new":
                raise find.occupied(summary, "--kill-old", "--new-name")
            break
        try:
            return Connected(name, create.start(launch_spec, name), True)
        except Exists:
            time.sleep(create.PAUSE)  # another process was faster, or the session is ending
    if choice == "new":
        return Connected(*create.start_numbered(launch_spec, f"{name}-", 2), True)
    if choice == "join":
        apply(caller, name, spec)
        return Connected(name, find.connect(name), False)
    if (here := listing.current()) is not None and here["name"] == name:
        raise Refused(f"you are in {name}, and it cannot replace itself; detach first")
    sessions.end(name)
    return Connected(name, create.start(launch_spec, name), True)


def _ask_beside_running(caller: Caller, name: str, connection: Connection) -> str:
    phase = f"{subject(name)} {'has ended, but is kept' if find.is_kept(name) else 'already runs'}"
    if not caller.can_answer:
        raise Exists(f"{phase}; choose --join, --kill-old or --new-name")
    default = "j"
    answers = [("j", "Join"), ("r", "Replace, ending it"), ("n", f"New: {create.numbered(f'{name}-', 2)}"), CANCEL]
    try:
        connection.handshake(deadline=time.monotonic() + _BEFORE_QUESTION)
    except SeshError:
        phase, default = f"{subject(name)} runs but does not answer", CANCEL[0]
        del answers[0]
    letter = caller.ask(phase, answers, default)
    choice = {"j": "join", "r": "kill-old", "n": "new"}.get(letter)
    if choice is None:
        raise Refused("nothing was done")
    return choice


@op(creates=True, syncs=True)
def job(
    caller: Caller,
    name: Optional[str] = None,
    spec: Optional[Spec] = None,
    keep: bool = False,
    timeout: Optional[Seconds] = None,
    stdin: bool = False,
) -> Connected:
    """Begin a job: a session that runs the command of `spec`.

    Without a name, it gets the lowest free number. An error without an exit code of its own gets 125.
    """
    name = check_name(name) if name is not None else None
    with exiting_as("exec"):
        launch_spec = create.launch_spec(caller, spec or {}, watched=False)
        launch_spec |= {"job": True, "browser": None, "keep": keep, "timeout": timeout, "stdin": stdin}
        if name is None:
            return Connected(*create.start_numbered(launch_spec), True)
        if (summary := find.dormant(name)) is None:
            return Connected(name, _start_job(launch_spec, name), True)
        # Replace a lost job, so that a nightly run is not blocked; never replace another session.
        if (records.readable(name) or {}).get("job") is not True:
            raise find.occupied(summary)
        return Connected(name, dormant.start(caller, launch_spec, name, summary, again=False), True)


def _start_job(launch_spec: LaunchSpec, name: str) -> Connection:
    try:
        return create.start(launch_spec, name)
    except Exists as taken:
        if find.dormant(name) or find.is_kept(name):
            raise
        line = f"{SESH} run {name} -- {describe.command_line(launch_spec['command'] or [])}"
        is_job = (records.readable(name) or {}).get("job")
        hint = f"wait for its end: {SESH} wait {name} --exit" if is_job else f"in its shell: {line}"
        raise taken.but(message=f"{subject(name)} runs", hint=hint) from taken
