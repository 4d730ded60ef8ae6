"""The session within which this client runs: its daemon is asked before any tool of this machine.

A person sits at the end of the chain: each session on the way has a leader whose client asks the next one. What a
caller of this machine would ask (`sesh.ops.desk`), this asks in the client's loop, one connection for each wish.
"""

from __future__ import annotations

import os
import select
from collections.abc import Collection, Mapping

from sesh.client.desktop.exchanges import Exchange
from sesh.errors import ProtocolError, SeshError
from sesh.schema import codec
from sesh.schema.check import fits
from sesh.store import listing
from sesh.wire import protocol
from sesh.wire.connection import Connection, connect, hello_frame, request_frames
from sesh.wire.messages import DESK, DesktopFacts, Told, Why, Wish, why_of
from sesh.wire.pieces import HELD

FACTS: DesktopFacts = {"open": True, "listen": True, "read": True, "write": True, "pictures": ["image/png"]}
"""What the desktop at the end of the chain can do, as far as it is known here: its own list says which types it has."""
_NUMBER = 1  # of the only request over a connection
_READ_SIZE = 64 << 10


class Outer:
    """The daemon of the session within which this client runs."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._asked: dict[Exchange, _Asked] = {}

    @classmethod
    def found(cls) -> Outer | None:
        """Return the session within which this process runs; None if there is none."""
        record = listing.of_asker(elsewhere=False)
        return cls(record["name"]) if record is not None else None

    def ask(self, exchange: Exchange) -> None:
        """Ask the outer session's desktop; the exchange ends with its answer."""
        try:
            self._asked[exchange] = _Asked(exchange, connect(self.name, 0.0))
        except SeshError as error:
            exchange.refuse(Why.NONE, error.message)

    @property
    def busy(self) -> bool:
        """True if something was asked, and not answered."""
        return bool(self._asked)

    def watched(self) -> Mapping[int, int]:
        """Return the descriptors to wait for, and what each is to be ready for."""
        return {asked.connection.inbound: asked.events for asked in self._asked.values() if asked.events}

    def act(self, ready: Collection[int]) -> None:
        """Go on with what is ready."""
        for asked in list(self._asked.values()):
            if asked.connection.inbound in ready:
                self.moved(asked.exchange)

    def moved(self, exchange: Exchange) -> None:
        """Go on with an exchange that was asked here; others are ignored."""
        asked = self._asked.get(exchange)
        if asked is None:
            return
        try:
            asked.move()
        except (SeshError, OSError):
            exchange.refuse(Why.GONE, f"{self.name} does not answer")
        if exchange.over:
            del self._asked[exchange]
            asked.connection.close()

    def close(self) -> None:
        """Let go of everything that was asked."""
        for asked in self._asked.values():
            asked.connection.close()
        self._asked.clear()


class _Asked:
    """One wish on its way to the outer daemon."""

    def __init__(self, exchange: Exchange, connection: Connection) -> None:
        self.exchange = exchange
        self.connection = connection
        self._sent = self._taken = 0  # bytes to be written
        self._is_whole = exchange.wish is not Wish.WRITE
        ask = exchange.ask
        keys: dict[str, object] = {"wish": exchange.wish.value, "type": ask.get("type", "")}
        keys["program"] = ask.get("program", "")
        if exchange.wish is Wish.OPEN:
            keys["url"] = ask.get("url", "")
        if exchange.wish is Wish.LISTEN:
            keys["port"] = ask.get("port", 0)
        request = request_frames(DESK, _NUMBER, b"", more=not self._is_whole, **keys)
        self._unwritten = hello_frame("request") + request
        os.set_blocking(connection.inbound, False)

    @property
    def events(self) -> int:
        """What to wait for: not for more bytes than the exchange has room for."""
        reads = select.POLLIN if self.exchange.room else 0
        return reads | (select.POLLOUT if self._unwritten else 0)

    def move(self) -> None:
        """Move bytes both ways. Raises SeshError, OSError."""
        self._take_bytes()
        self._write()
        while self.exchange.room and not self.exchange.over:
            try:
                data = os.read(self.connection.inbound, _READ_SIZE)
            except BlockingIOError:
                return
            if not data:
                raise ProtocolError("the session's daemon closed the connection")
            for kind, payload in self.connection.decode(data):
                self._handle_frame(kind, payload)

    def _take_bytes(self) -> None:
        """Frame what has come to be written, while the outer daemon takes it."""
        while not self._is_whole and self._sent - self._taken < HELD:
            if data := self.exchange.take(protocol.CHUNK >> 2):
                self._sent += len(data)
            elif self.exchange.ended:
                self._is_whole = True
            else:
                return
            self._unwritten += protocol.numbered(protocol.PIECE, _NUMBER, data)

    def _write(self) -> None:
        try:
            while self._unwritten:
                self._unwritten = self._unwritten[os.write(self.connection.outbound, self._unwritten) :]
        except BlockingIOError:
            return

    def _handle_frame(self, kind: int, payload: bytes) -> None:
        if kind == protocol.WELCOME:
            self.connection.accept(kind, payload)  # raises for another protocol number
        elif kind == protocol.TAKEN:
            self._taken = protocol.split_taken(payload)[1]
            self._take_bytes()
            self._write()
        elif kind == protocol.DATA:
            self.exchange.give(payload)
        elif kind == protocol.RELOADED:
            raise ProtocolError("the session's daemon was reloaded")
        elif kind == protocol.RESPONSE and protocol.response_number(payload) == _NUMBER:
            self._end(codec.parse(payload))

    def _end(self, response: Mapping[str, object]) -> None:
        """End the exchange with the outer desktop's answer, or with an error, as of an older daemon."""
        told = response.get("result")
        if not fits(Told, told):
            self.exchange.refuse(Why.NONE, "the daemon of the outer session is of an older sesh; reload it")
            return
        answer: Told = told  # type: ignore[assignment]  # it was checked
        if answer.get("ok"):
            self.exchange.tell(types=answer.get("types"), type_=answer.get("type", ""), words=answer.get("words", ""))
        else:
            why = why_of(answer) or Why.NONE
            self.exchange.refuse(why, answer.get("words", ""), answer.get("types"))
