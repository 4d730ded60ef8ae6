"""`forward` within a session: the person's machine listens, and each connection comes to this one."""

from __future__ import annotations

import time
from collections.abc import Callable

from sesh.errors import Refused, SeshError, Unreachable
from sesh.ops import desk
from sesh.schema import codec
from sesh.schema.check import fits
from sesh.wire import protocol
from sesh.wire.connection import Connection, connect, request_frames
from sesh.wire.messages import DESK, Listening, Told, Why, Wish, refusal, why_of

_RETRY = 0.5  # seconds between two questions, while nobody is there who was
_AGAIN = (Why.GONE, Why.NONE, Why.TIME, Why.CONSENT)  # of one that went on: its person has left, and may be back


def listen(port: int, began: Callable[[int], object]) -> None:
    """Have the person's machine listen for a port of this one, until this is interrupted. Raises Refused.

    `began`: gets the port there, once and again if it is another one. A person who leaves, or whose link breaks, finds
    it again.
    """
    local = 0

    def note(facts: object) -> None:
        nonlocal local
        if fits(Listening, facts) and isinstance(facts, dict) and facts["local"] != local:
            local = facts["local"]
            began(local)

    while True:
        try:
            told = _ask(desk.own_session(), port, note)
        except Unreachable as error:
            if not local:
                raise
            told = refusal(Why.GONE, error.message)
        if not local or why_of(told) not in _AGAIN:
            raise Refused(told.get("words") or "the desktop does not listen: its sesh may be older; upgrade it there")
        time.sleep(_RETRY)


def _ask(name: str, port: int, note: Callable[[object], None]) -> Told:
    """Ask the desktop of the person who leads a session; return its answer, which ends what it did."""
    with connect(name) as connection:
        connection.handshake()
        number = connection.next_number()
        connection.send(request_frames(DESK, number, wish=Wish.LISTEN.value, port=port, program="sesh"))
        return _answer(connection, name, number, note)


def _answer(connection: Connection, name: str, number: int, note: Callable[[object], None]) -> Told:
    while True:
        kind, payload = connection.receive()
        if kind == protocol.DATA:
            note(codec.parse(payload))
        elif kind == protocol.RELOADED:
            raise Unreachable("the session's daemon was reloaded")
        elif kind == protocol.RESPONSE and protocol.response_number(payload) == number:
            try:
                return desk.told(connection, name, payload)
            except SeshError as error:
                raise Refused(error.message, hint=error.hint) from error
