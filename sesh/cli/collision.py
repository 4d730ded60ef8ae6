"""`--new NAME` where NAME runs: whether to join it, replace it, take another name, or do nothing."""

from __future__ import annotations

import time

from sesh import inside
from sesh.cli import create, end, find, show
from sesh.errors import Exists, Refused, SeshError

TYPE_CHECKING = False
if TYPE_CHECKING:
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
        if quiet or not show.can_ask():
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
    here = inside.current()
    if here is not None and here["name"] == name:
        raise Refused(f"this is {name}, and it cannot replace itself; detach first")
    for error in end.end_all([name]).values():
        raise error
    return name, create.start(what, name), True


def _asked(name: str, found: Connection) -> str:
    """What a person chooses; joining is proposed where the daemon answers, replacing where it does not."""
    default = "j" if _answers(found) else "r"
    state = _state(name) if default == "j" else "runs and does not answer"
    others = f"(R)eplace it, (N)ew as {create.next_name(name)}, (C)ancel?"
    answer = show.ask(f"{name} {state}: (J)oin it, {others} [{default.upper()}]", "jrnc", default)
    chosen = {"j": "join", "r": "replace", "n": "new"}.get(answer)
    if chosen is None:
        raise Refused("nothing was done")
    return chosen


def _state(name: str) -> str:
    return "has ended and is kept" if find.ended(name) else "runs already"


def _answers(connection: Connection) -> bool:
    deadline = time.monotonic() + _PATIENCE
    try:
        connection.hello("request", deadline=deadline)
        connection.request("summary", deadline=deadline)
    except SeshError:
        return False
    return True


def _beside(name: str, what: create.Order) -> tuple[str, Connection]:
    """The session under the next free name, also where another one takes that name first."""
    while True:
        free = create.next_name(name)
        try:
            return free, create.start(what, free)
        except Exists:
            continue
