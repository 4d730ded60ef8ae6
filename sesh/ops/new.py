"""New sessions, and the choice if the name is taken: join its session, replace it, or take NAME-2.

If no option has the choice, the person is asked.
"""

from __future__ import annotations

import time

from sesh import moments, wording
from sesh.errors import Exists, Refused, SeshError
from sesh.names import subject
from sesh.ops import create, dormant, end, enter
from sesh.reach import find
from sesh.reach.caller import CANCEL, Caller
from sesh.reach.op import Entered, op
from sesh.schema import Spec, Summary
from sesh.wire import Connection

_PATIENCE = 1.5
"""Seconds for a daemon to answer a question."""


@op(creates=True)
def new(
    caller: Caller, name: str | None = None, spec: Spec | None = None, choice: str = "", asks: bool = True
) -> Entered:
    """A session that was not there; see `made`."""
    name, connection, _ = made(caller, name, spec or {}, choice, asks=asks)
    return name, connection


def made(caller: Caller, name: str | None, spec: Spec, choice: str, *, asks: bool) -> tuple[str, Connection, bool]:
    """A new session: its name, a connection, and whether it was created now.

    Without a name it gets the lowest free number. `choice`: for a name that is taken: `join`, `replace`, `new` (the
    next free NAME-2), or empty to ask. Raises Exists if nobody can be asked, or not `asks`.
    """
    launch_spec = create.launch_spec(caller, **spec)
    asks = asks and caller.can_ask
    if name is None:
        return *create.start_numbered(launch_spec), True
    find.checked(name, "--new")
    while True:
        connection, summary = find.running(name), None
        if connection is not None:
            with connection:
                choice = choice or _choice(caller, name, connection, asks=asks)
            if choice == "join":
                enter.apply(caller, name, spec)
                return name, find.required(name), False
        elif (summary := find.dormant(name)) is not None:
            if not (choice or asks):
                raise find.occupied(summary, "--replace", "--new-name")
            choice = choice or _asked(caller, name, find.how(summary), "n")
            if choice == "join":
                raise find.occupied(summary)
        else:
            try:
                return name, create.start(launch_spec, name), True
            except Exists:
                time.sleep(create.PAUSE)  # another process was faster, or it is just ending
                continue
        if choice == "new":
            return *create.start_numbered(launch_spec, f"{name}-", 2), True
        if summary is not None:
            return name, dormant.start(caller, launch_spec, name, summary, again=False), True
        end.end_for(name, "replace")
        return name, create.start(launch_spec, name), True


def _choice(caller: Caller, name: str, connection: Connection, *, asks: bool) -> str:
    """The person's choice for a session that runs, or is kept: proposed is to join it, or to replace a silent one."""
    state = "has ended, but is kept" if find.ended(name) else "already runs"
    if not asks:
        raise Exists(f"{subject(name)} {state}; choose --join, --replace or --new-name")
    try:
        session = find.summary(connection, _PATIENCE)
    except SeshError:
        session = None
    question = "runs but does not answer" if session is None else f"{state}{_about(session)}"
    return _asked(caller, name, f"{subject(name)} {question}", "r" if session is None else "j", ("j", "Join"))


def _asked(caller: Caller, name: str, question: str, default: str, *more: tuple[str, str]) -> str:
    answers = (*more, ("r", "Replace"), ("n", f"New: {create.numbered(f'{name}-', 2)}"), CANCEL)
    choice = {"j": "join", "r": "replace", "n": "new"}.get(caller.ask(question, answers, default))
    if choice is None:
        raise Refused("nothing was done")
    return choice


def _about(session: Summary) -> str:
    idle = moments.age(session.get("last_activity"), time.time())
    facts = (
        wording.state(session) if session["state"] == "running" else "",
        f"idle {idle}" if idle else "",
        wording.at_home(session.get("cwd") or ""),
        " ".join(session.get("command") or []),
    )
    return f" ({', '.join(wording.cut(wording.plain(fact), 40) for fact in facts if fact)})"
