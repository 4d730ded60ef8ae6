"""`--new NAME` where NAME runs: whether to join it, replace it, take another name, or do nothing."""

from __future__ import annotations

import time

from sesh.cli import printing
from sesh.errors import Exists, Refused, SeshError
from sesh.ops import create, find, sessions
from sesh.store import listing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.store.listing import Summary
    from sesh.wire import Connection

_PATIENCE = 1.5
"""Seconds in which a daemon that is well answers a question."""


def settled(
    name: str, found: Connection, what: create.Order, chosen: str, *, quiet: bool
) -> tuple[str, Connection, bool]:
    """What becomes of it: the name, a connection, and whether the session was created now.

    `found`: a connection to the session that has the name; `chosen`: join, replace, new, or the empty word to ask.
    Raises Exists where nobody can be asked, or is to be (`quiet`), Refused where the person cancels.
    """
    if not chosen:
        if quiet or not printing.can_ask():
            found.close()
            raise Exists(f"{name} {_state(name)}; say which: --join, --replace or --new-name")
        with found:
            chosen = _asked(name, found)
        if chosen == "join":
            found = find.required(name)
    if chosen == "join":
        return name, found, False
    found.close()
    if chosen == "new":
        return *_beside(name, what), True
    here = listing.current()
    if here is not None and here["name"] == name:
        raise Refused(f"this is {name}, and it cannot replace itself; detach first")
    for error in sessions.end_all([name]).values():
        raise error
    return name, create.start(what, name), True


def _asked(name: str, found: Connection) -> str:
    """What a person chooses; joining is proposed where the daemon answers, replacing where it does not."""
    from sesh.cli import prompts

    session = _answered(found)
    told = f"{name} runs and does not answer" if session is None else f"{name} {_state(name)}{_about(session)}"
    answers = (("j", "Join"), ("r", "Replace"), ("n", f"New: {create.next_name(name)}"), ("c", "Cancel"))
    answer = prompts.ask(told, answers, "r" if session is None else "j")
    chosen = {"j": "join", "r": "replace", "n": "new"}.get(answer)
    if chosen is None:
        raise Refused("nothing was done")
    return chosen


def _state(name: str) -> str:
    return "has ended and is kept" if find.ended(name) else "runs already"


def _answered(connection: Connection) -> Summary | None:
    """What the session tells of itself; None where its daemon does not answer."""
    deadline = time.monotonic() + _PATIENCE
    try:
        connection.hello("request", deadline=deadline)
        answer, _ = connection.request("summary", deadline=deadline)
    except SeshError:
        return None
    session: Summary = answer["session"]
    return session


def _about(session: Summary) -> str:
    """What helps to decide: who is there, since when it is idle, where it is, what it runs."""
    from sesh.cli import tables

    idle = tables.age(session.get("last_activity"), time.time())
    facts = (
        tables.state(session) if session["state"] == "running" else "",
        f"idle {idle}" if idle else "",
        tables.at_home(session.get("cwd") or ""),
        " ".join(session.get("command") or []),
    )
    return f" ({', '.join(tables.cut(printing.plain(fact), 40) for fact in facts if fact)})"


def _beside(name: str, what: create.Order) -> tuple[str, Connection]:
    """The session under the next free name, also where another one takes that name first."""
    while True:
        free = create.next_name(name)
        try:
            return free, create.start(what, free)
        except Exists:
            continue
