"""Ask the desktop of the person who leads a session: for its clipboard, and to open a page.

This is what shims call: nothing else is imported here.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import NamedTuple

from sesh.about import PROGRAM, SESH
from sesh.errors import Refused, Unreachable, UsageError
from sesh.names import is_name
from sesh.store import listing
from sesh.wire import protocol
from sesh.wire.connection import Connection, connect, request_frames
from sesh.wire.messages import DESK, RequestKeys, Told, Why, Wish, why_of
from sesh.wire.pieces import HELD

_TIMEOUT = 40.0  # seconds without a frame of the daemon, which answers in 30


class Answer(NamedTuple):
    """What the desktop has answered. `data`: what was read."""

    told: Told
    data: bytes = b""

    @property
    def ok(self) -> bool:
        return self.told.get("ok", False)

    @property
    def why(self) -> Why | None:
        """Why it was not done; None also for a reason that only a newer sesh knows."""
        return why_of(self.told)


def own_session() -> str:
    """Return the name of the session from which this process came. Raises Refused outside of any."""
    record = listing.of_asker()
    if record is None or not is_name(record["name"]):
        raise Refused("this is no session, so there is no desktop to ask", hint=f"see: {PROGRAM} list")
    return record["name"]


def ask(name: str, wish: Wish, data: bytes = b"", *, type_: str = "", url: str = "", program: str = PROGRAM) -> Answer:
    """Ask the desktop of the person who leads a session of this machine.

    A wish that is not fulfilled is an answer, too: `told` says why, and has a line for the person. Raises NotFound,
    Unreachable, TimedOut, and Refused for a daemon of an older sesh.
    """
    with connect(name) as connection:
        connection.handshake()
        number = connection.next_number()
        keys: RequestKeys = {"wish": wish.value, "type": type_, "url": url, "program": program, "size": len(data)}
        connection.send(request_frames(DESK, number, more=True, **keys))
        return _answer(connection, name, number, _pieces(number, data))


def _pieces(number: int, data: bytes) -> Iterator[bytes]:
    """Yield the frames of the bytes to be written, the last one without bytes."""
    for start in range(0, len(data), protocol.CHUNK >> 2):
        yield protocol.numbered(protocol.PIECE, number, data[start : start + (protocol.CHUNK >> 2)])
    yield protocol.numbered(protocol.PIECE, number, b"")


def _answer(connection: Connection, name: str, number: int, pieces: Iterator[bytes]) -> Answer:
    """Send the pieces as they are taken; return the answer."""
    carried = bytearray()
    sent = taken = 0
    while True:
        while sent - taken < HELD and (frame := next(pieces, b"")):
            connection.send(frame)
            sent += len(frame) - protocol.HEADER_SIZE - protocol.NUMBER_SIZE
        kind, payload = connection.receive(time.monotonic() + _TIMEOUT)
        if kind == protocol.TAKEN:
            taken = protocol.split_taken(payload)[1]
        elif kind == protocol.DATA:
            protocol.carry(carried, payload)
        elif kind == protocol.RELOADED:
            raise Unreachable("the session's daemon was reloaded meanwhile; try again")
        elif kind == protocol.RESPONSE and protocol.response_number(payload) == number:
            return Answer(told(connection, name, payload), bytes(carried))


def told(connection: Connection, name: str, payload: bytes) -> Told:
    """Return what a session's daemon has answered. Raises the error in it, and Refused if its sesh is older."""
    try:
        return connection.decode_response(DESK, payload)
    except UsageError as error:  # it does not know the request
        what = f"{name} runs an older sesh, which reaches no desktop"
        raise Refused(what, hint=f"run: {SESH} reload {name}") from error
