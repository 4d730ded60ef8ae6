"""A person's desktop in a test: a clipboard in memory, and a client that is attached without a terminal."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Mapping
from math import inf
from typing import Any

from sesh.client.channel import Channel
from sesh.client.desktop.exchanges import Exchange, Exchanges
from sesh.client.desktop.listener import LoginListener
from sesh.system import descriptors
from sesh.wire import protocol
from sesh.wire.connection import connect, hello_frame
from sesh.wire.messages import DesktopFacts, Why, Wish

EXCHANGE_FRAMES = (protocol.ASK, protocol.PIECE, protocol.TAKEN, protocol.TOLD)


class Stub:
    """A desktop with a clipboard in memory, which agrees to all unless `agrees` is False."""

    due = inf
    busy = False

    def __init__(self) -> None:
        self.facts: DesktopFacts = {"read": True, "write": True, "pictures": ["image/png"]}
        self.agrees = True
        self.clipboard = b"content"
        self.opened: list[str] = []
        self.moves: list[Exchange] = []
        self.exchanges: Exchanges

    def watched(self) -> Mapping[int, int]:
        return {}

    def act(self, ready: Collection[int], now: float) -> None: ...

    def keys(self, data: bytes) -> bytes:
        return data

    def release(self) -> None: ...

    def close(self) -> None: ...

    def take_logins(self) -> dict[int, LoginListener]:
        return {}

    def resume_logins(self, logins: dict[int, LoginListener]) -> None: ...

    def decide(self, exchange: Exchange) -> None:
        if self.agrees:
            self.exchanges.begin(exchange)
        else:
            exchange.refuse(Why.CONSENT)

    def list(self, exchange: Exchange) -> None:
        exchange.tell(types=["text/plain"])

    def read(self, exchange: Exchange) -> None:
        exchange.data = memoryview(self.clipboard)
        self.moved(exchange)

    def write(self, exchange: Exchange) -> None:
        exchange.data = b""

    def open(self, exchange: Exchange) -> None:
        self.opened.append(exchange.ask["url"])
        exchange.tell()

    def connected(self) -> None:
        pass

    def forward(self, exchange: Exchange) -> None:
        exchange.give(b'{"local":8001}')

    def moved(self, exchange: Exchange) -> None:
        self.moves.append(exchange)
        if exchange.over:
            return
        if exchange.wish is Wish.READ:
            rest: Any = exchange.data
            size = exchange.room
            exchange.give(bytes(rest[:size]))
            exchange.data = rest[size:]
            if not exchange.data:
                exchange.tell(type_=exchange.ask["type"])
        elif exchange.wish is Wish.WRITE:
            exchange.data += exchange.take()  # type: ignore[operator]
            if exchange.ended:
                self.clipboard = exchange.data  # type: ignore[assignment]
                exchange.tell()


class AttachedDesk:
    """A client of a session's daemon, which serves its wishes in a thread; after a reload it attaches again."""

    def __init__(self, name: str, desktop: Stub | None = None) -> None:
        self.name = name
        self.desktop = desktop or Stub()
        self.asked = threading.Event()  # something has been asked
        self.reloads = 0
        self._channel = Channel()
        self.desktop.exchanges = self._exchanges = Exchanges(self._channel, self.desktop, over_link=False)
        self._ending = threading.Event()
        self._attach()
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> AttachedDesk:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()
        self._channel.close()

    def _attach(self) -> None:
        connection = connect(self.name)
        connection.send(hello_frame("attach", columns=80, rows=24, acknowledges=True, client="desk"))
        connection.expect_welcome(time.monotonic() + 30)
        self._channel.replace_connection(connection, b"")
        self._exchanges.connected()

    def _serve(self) -> None:
        while not self._ending.is_set():
            connection = self._channel.connection
            assert connection is not None
            descriptors.polled([(connection.inbound, 1)], time.monotonic() + 0.02)
            is_open = self._channel.read()
            while self._channel.frames:
                self._handle(*self._channel.frames.popleft())
            if not is_open:
                self._exchanges.disconnected()
                self._attach()
            self._channel.send()
            self._exchanges.run([], time.monotonic())

    def _handle(self, kind: int, payload: bytes) -> None:
        if kind in EXCHANGE_FRAMES:
            self._exchanges.handle_frame(kind, payload)
        elif kind in (protocol.OUTPUT, protocol.SCREEN):
            data = protocol.split_number(payload)[1]
            self._channel.count(data[protocol.NUMBER_SIZE :] if kind == protocol.SCREEN else data)
            self._channel.acknowledge_output(0, protocol.GOT_HERE)
        elif kind == protocol.RELOADED:
            self.reloads += 1
        if kind == protocol.ASK:
            self.asked.set()
