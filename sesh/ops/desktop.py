"""`copy`, `paste` and `browse`: what a person or a script wants of the desktop of a session, from within it."""

from __future__ import annotations

from typing import NamedTuple

from sesh.desktop import targets
from sesh.desktop.addresses import parse
from sesh.errors import Malformed, Refused, UsageError
from sesh.names import printable
from sesh.ops import desk
from sesh.ops.desk import Answer
from sesh.wire.messages import Why, Wish
from sesh.wire.pieces import MAX_BYTES, TOO_LARGE

__all__ = ["MAX_BYTES", "Pasted", "browse", "copy", "paste", "types"]


class Pasted(NamedTuple):
    """What the clipboard has: `data` of a MIME `type`."""

    type: str
    data: bytes


def copy(data: bytes, type_: str = "") -> str:
    """Put data on the clipboard of the session's person; return its type, guessed if none is given. Raises Refused."""
    if len(data) > MAX_BYTES:
        raise Refused(TOO_LARGE)
    type_ = _checked(type_) or targets.guess(data)
    _done(desk.ask(desk.own_session(), Wish.WRITE, data, type_=type_))
    return type_


def types() -> list[str]:
    """Return the types of what the clipboard has. Raises Refused."""
    answer = desk.ask(desk.own_session(), Wish.LIST)
    return [] if answer.why is Why.EMPTY else _done(answer).told.get("types", [])


def paste(type_: str = "") -> Pasted:
    """Return what the clipboard has. Raises Refused, also if it has nothing of the type.

    `type_`: a MIME type; `text` or `image` for any of these; by default text, else whatever there is.
    """
    wanted = _checked(type_)
    if "/" not in wanted:
        there = types()
        wanted = targets.choose(wanted, there)
        if not wanted:
            has = f"has {', '.join(map(printable, there))}" if there else "is empty"
            raise Refused(f"the clipboard {has}")
    answer = _done(desk.ask(desk.own_session(), Wish.READ, type_=wanted))
    return Pasted(answer.told.get("type") or wanted, answer.data)


def browse(url: str) -> str:
    """Open a page in the browser of the session's person; return its address as it was opened. Raises Refused."""
    try:
        address = parse(url)
    except Malformed as error:
        raise UsageError(f"this address is not opened: {error}") from None
    _done(desk.ask(desk.own_session(), Wish.OPEN, url=address.opened))
    return address.opened


def _checked(type_: str) -> str:
    """Return a type, text by its one name. Raises UsageError."""
    if type_ and not (type_.isascii() and type_.isprintable() and " " not in type_ and len(type_) <= 127):
        raise UsageError(f"{printable(type_)} is no type", hint="write one like text/plain or image/png")
    return targets.mime(type_)


def _done(answer: Answer) -> Answer:
    """Return an answer. Raises Refused if it is that nothing was done."""
    if not answer.ok:
        why = "the clipboard has nothing of that type" if answer.why is Why.EMPTY else "it was not done"
        raise Refused(answer.told.get("words") or why)
    return answer
