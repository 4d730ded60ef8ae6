"""One request to a session's daemon, over as many connections as it takes until it has its response.

A stream owns the open exchanges (`sesh.reach.stream`): it sends them over each new connection, and matches responses.
A request that needs one connection and one response goes without (`sesh.reach.find.request`).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Generic, Union

from sesh.wire import protocol
from sesh.wire.connection import Connection, request_frames
from sesh.wire.messages import INTERRUPT, PUT, RUN, RUN_INTERRUPT, SEND, RequestKeys, RequestType, Response

Keys = Union[RequestKeys, Callable[[], RequestKeys]]
_KEYED = (SEND, RUN, INTERRUPT, RUN_INTERRUPT, PUT)  # requests whose key every daemon knows that knows them


class Repeat(Enum):
    """Whether a request may be sent again over another connection, while it has no response."""

    ONCE = "not: it would be carried out twice"
    WITH_KEY = "yes: by its key the daemon carries it out once"
    FREELY = "yes: it changes nothing, or the second time nothing more"


@dataclass(eq=False)
class Exchange(Generic[Response]):
    """A request and its response.

    `keys`: the arguments, or a function that returns them for each connection. `deadline` (monotonic): the daemon must
    begin by then.
    """

    request: RequestType[Response]
    keys: Keys = field(default_factory=dict)
    data: bytes = b""
    repeat: Repeat = Repeat.FREELY
    deadline: float | None = None
    key: str = field(init=False, default="")
    number: int = field(init=False, default=0)  # its id over the current connection
    sent: bool = field(init=False, default=False)  # it may have arrived over some connection
    answered: bool = field(init=False, default=False)  # its response has come, perhaps with an error
    carried: bytearray = field(init=False, default_factory=bytearray)  # DATA before the response

    def __post_init__(self) -> None:
        if self.repeat is Repeat.WITH_KEY:
            self.key = os.urandom(8).hex()

    @property
    def once(self) -> bool:
        """True if it must not be carried out twice."""
        return self.repeat is not Repeat.FREELY

    @property
    def may_be_done(self) -> bool:
        """True if it may have been carried out, though nothing has answered."""
        return self.once and self.sent and not self.answered

    def may_be_sent(self, *, knows_keys: bool) -> bool:
        """Return whether it may be sent over another connection. `knows_keys`: the daemon's WELCOME says so."""
        if not self.sent or self.repeat is Repeat.FREELY:
            return True
        return self.repeat is Repeat.WITH_KEY and (knows_keys or self.request in _KEYED)

    def frames(self, connection: Connection, *, with_hello: bool = False) -> bytes:
        """Return its frames for a connection, over which it gets a new number.

        `with_hello`: no WELCOME has come yet. If none comes in time, whoever asks has given up by then.
        """
        deadline = self.deadline
        if with_hello and not self.sent:
            welcome_by = time.monotonic() + protocol.WELCOME_TIMEOUT
            deadline = welcome_by if deadline is None else min(welcome_by, deadline)
        keys = {**(self.keys() if callable(self.keys) else self.keys)}
        if self.key:
            keys["key"] = self.key
        if self.once:
            keys["begin_by"] = connection.begin_by(deadline)
        self.number = connection.next_number()
        self.sent = True
        self.carried.clear()
        return request_frames(self.request, self.number, self.data, **keys)

    def response(self, connection: Connection, payload: bytes) -> Response:
        """Return the response in a frame RESPONSE. Raises the error in it, ProtocolError."""
        self.answered = True
        return connection.decode_response(self.request, payload)
