"""The client's side of exchanges: what the daemon asks of this machine, and what this machine asks of the daemon.

```
DECIDING ──begin──▶ WORKING ──the first byte──▶ FLOWING
   └──────────────────┴───────────────────────────┴── told or refused, by either side ─▶ TOLD
                                                  └── the link is lost ────────────────▶ GONE
```

What this machine asks begins at WORKING; at GONE if it cannot be asked now.

`Exchanges` knows frames, and `Desktop` knows the person and the tools. The client's loop waits for the descriptors of
the desktop, at most until it is `due`, and runs the exchanges. These let the desktop `act`, and send their frames while
nothing else is to be sent. A lost link ends every exchange; what listens goes on listening.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from enum import Enum, auto
from typing import TYPE_CHECKING, Protocol

from sesh.client.channel import Channel
from sesh.errors import ProtocolError
from sesh.schema import codec
from sesh.text import safe
from sesh.wire import protocol
from sesh.wire.messages import MAX_CLIENT_JSON, Ask, DesktopFacts, Told, Why, Wish, refusal
from sesh.wire.pieces import MAX_BYTES, MAX_EXCHANGES, TOO_LARGE, Flow, FlowUser, Pieces

if TYPE_CHECKING:
    from sesh.client.desktop.listener import LoginListener

_MAX_CONTENTS = 8  # exchanges that may hold a whole clipboard in memory
_BURST = 64 << 10  # bytes of frames between two looks at the keys


class State(Enum):
    """How far an exchange is: see the drawing above."""

    DECIDING = auto()
    WORKING = auto()
    FLOWING = auto()
    TOLD = auto()
    GONE = auto()


class Exchange(FlowUser):
    """One exchange: a wish of the daemon's side, or (STREAM, PORT, SHIMS, FIND, PUT) of this one.

    `data`: whatever the desktop keeps with it, such as a process.
    """

    def __init__(self, wish: Wish, ask: Ask, flow: Flow, state: State) -> None:
        super().__init__(flow)
        self.wish, self.ask = wish, ask
        self.state = state
        self.asked_at = time.monotonic()
        self.answer: Told = {}  # of the other side
        self.fulfilled = False
        self.data: object = None

    @property
    def over(self) -> bool:
        return self.state in (State.TOLD, State.GONE)

    @property
    def lost(self) -> bool:
        """True if the link has gone, or there was none."""
        return self.state is State.GONE

    # -- bytes: `give` at most `room`, of which `Desktop.moved` tells; `take` what has come, until it is `ended`.
    # `finish` is for STREAM and PUT: elsewhere `tell` says that no more bytes come from here.

    def give(self, data: bytes) -> None:
        """Send bytes."""
        if not self.over:
            self.state = State.FLOWING
        super().give(data)

    def take(self, count: int = 1 << 30) -> bytes:
        """Take at most `count` of the bytes that have come."""
        return self.flow.take(count)

    # -- the end

    def tell(self, *, types: Collection[str] | None = None, type_: str = "", words: str = "") -> None:
        """End the exchange: the wish is fulfilled, and every byte given."""
        told: Told = {"ok": True, "why": "", "words": words}
        if types is not None:
            told["types"] = [*types]
        if type_:
            told["type"] = type_
        self.fulfilled = self.fulfilled or not self.over
        self._end(told)

    def refuse(self, why: Why, words: str = "", types: Collection[str] | None = None) -> None:
        """End the exchange: the wish is not fulfilled.

        `words`: one line for the person at the caller; `types`: those that may be read instead.
        """
        told = refusal(why, words)
        if types is not None:
            told["types"] = [*types]
        self._end(told)

    def _end(self, told: Told) -> None:
        if not self.over:
            self.state = State.TOLD
            self.flow.tell(told)


class Desktop(Protocol):
    """This machine, as the person's: decides on wishes by the person's keys, and fulfils them by its tools.

    Its methods return at once. What takes time goes on in `act`, as its descriptors become ready.
    """

    facts: DesktopFacts  # what it can do

    @property
    def busy(self) -> bool:
        """True if it has something to wait for."""

    @property
    def due(self) -> float:
        """The time (monotonic) from which on `act` is to be called; `math.inf` for never."""

    def connected(self) -> None:
        """Note that the daemon is there, or is there again."""

    def watched(self) -> Mapping[int, int]:
        """Return the descriptors to wait for, and what each is to be ready for (`select.POLLIN`, `POLLOUT`)."""

    def act(self, ready: Collection[int], now: float) -> None:
        """Go on with what has become ready or due."""

    def keys(self, data: bytes) -> bytes:
        """Note what the person types; return what is for the program, without a key that was consent."""

    def release(self) -> None:
        """Pass on what is held of the input: the link is lost, or the client leaves or stops."""

    def close(self) -> None:
        """Let go of everything: the client ends."""

    def take_logins(self) -> dict[int, LoginListener]:
        """Let go of what listens for logins, by port; return it, for another session of the same machine."""

    def resume_logins(self, logins: dict[int, LoginListener]) -> None:
        """Go on with what listens for logins."""

    def decide(self, exchange: Exchange) -> None:
        """Decide on a wish: call `Exchanges.begin` or `Exchange.refuse`, now or later."""

    def list(self, exchange: Exchange) -> None:
        """Tell the types that the clipboard has."""

    def read(self, exchange: Exchange) -> None:
        """Give the clipboard's content as `ask["type"]`, then tell."""

    def write(self, exchange: Exchange) -> None:
        """Begin to take the bytes that come, until they have ended; then tell."""

    def open(self, exchange: Exchange) -> None:
        """Open `ask["url"]`; listen first on those of `ask["ports"]` that it names. Then tell."""

    def forward(self, exchange: Exchange) -> None:
        """Carry connections to a port here to `ask["port"]` there, until the exchange ends."""

    def moved(self, exchange: Exchange) -> None:
        """Handle news of an exchange that has begun: bytes have come or ended, there is room, or it is over."""


class Exchanges:
    """The exchanges over one attachment's channel."""

    def __init__(self, channel: Channel, desktop: Desktop, *, over_link: bool) -> None:
        self._channel = channel
        self.desktop = desktop
        self._over_link = over_link
        self._pieces = Pieces(time.monotonic(), over_link=over_link)
        self._all: dict[int, Exchange] = {}
        self._next_number = 1
        self.unfinished = False  # `send` has stopped although more may be sent
        self.busy = False  # something was under way at the last `run`: else there is nothing to wait for
        self._works = {
            Wish.LIST: desktop.list, Wish.READ: desktop.read, Wish.WRITE: desktop.write, Wish.OPEN: desktop.open,
            Wish.LISTEN: desktop.forward,
        }  # fmt: skip

    # -- the loop

    @property
    def due(self) -> float:
        """The time (monotonic) from which on `run` is to be called."""
        return 0.0 if self.unfinished else self.desktop.due

    def connected(self) -> None:
        """Say what this desktop can do: after each WELCOME, and whenever that changes."""
        self._channel.send(protocol.message(protocol.DESKTOP, self.desktop.facts))
        self.desktop.connected()

    def disconnected(self) -> None:
        """End every exchange: the connection is lost, or its daemon has been replaced."""
        self.desktop.release()
        exchanges = list(self._all.values())
        self._all.clear()
        self._pieces = Pieces(time.monotonic(), over_link=self._over_link)
        for exchange in exchanges:
            self._note_end(exchange, State.GONE)

    def close(self) -> None:
        """End every exchange, and what listens: the client ends."""
        self.disconnected()
        self.desktop.close()

    def run(self, ready: Collection[int], now: float) -> None:
        """Let the desktop act, and send what may be sent, if anything is under way; called last in each turn."""
        self.busy = bool(self._all or self.unfinished or self.desktop.busy)
        if self.busy:
            self.desktop.act(ready, now)
            self.send(now)

    def send(self, now: float) -> None:
        """Send frames while nothing else is to be sent, up to `_BURST` bytes."""
        sent = 0
        while not self._channel.unwritten and sent < _BURST and (frame := self._pieces.next_frame(now)):
            self._channel.send(frame)
            sent += len(frame)
            self._note_room(frame)
        self.unfinished = sent >= _BURST
        for number in [number for number, each in self._all.items() if each.over and number not in self._pieces.flows]:
            del self._all[number]

    def _note_room(self, frame: bytes) -> None:
        """Say that an exchange has room, since one of its pieces was sent."""
        if frame[0] == protocol.PIECE:
            number, _ = protocol.split_number(frame[protocol.HEADER_SIZE :])
            exchange = self._all.get(number)
            if exchange is not None and exchange.room:
                self.desktop.moved(exchange)

    # -- what this side begins

    def stream(self, port: int) -> Exchange:
        """Begin a connection to a port of the daemon's machine, on which the session's user listens."""
        return self._ask({"wish": Wish.STREAM.value, "port": port}, Wish.STREAM)

    def stream_to_any(self, port: int) -> Exchange:
        """Begin a connection to a port of the daemon's machine, whoever listens on it."""
        return self._ask({"wish": Wish.STREAM.value, "port": port, "any": True}, Wish.STREAM)

    def watch_port(self, port: int) -> Exchange:
        """Ask to be told when nobody listens on a port of the daemon's machine any more."""
        return self._ask({"wish": Wish.PORT.value, "port": port}, Wish.PORT)

    def look_for_shims(self) -> Exchange:
        """Ask whether the program in the foreground finds the shims."""
        return self._ask({"wish": Wish.SHIMS.value}, Wish.SHIMS)

    def find(self, paths: list[str]) -> Exchange:
        """Ask which paths exist on the daemon's machine."""
        return self._ask({"wish": Wish.FIND.value, "paths": paths}, Wish.FIND)

    def put(self, name: str, size: int, *, pastes: bool) -> Exchange:
        """Begin to send a file for the session; its bytes are given, and then finished."""
        return self._ask({"wish": Wish.PUT.value, "name": name, "size": size, "paste": pastes}, Wish.PUT)

    @property
    def is_connected(self) -> bool:
        """True while the daemon takes what is asked here."""
        return self._channel.takes_input

    def _ask(self, ask: Ask, wish: Wish) -> Exchange:
        number = self._next_number
        self._next_number += 2
        ask["number"] = number
        connection = self._channel.connection
        frame = protocol.message(protocol.ASK, ask)
        is_too_much = len(self._pieces.flows) >= MAX_EXCHANGES or len(frame) > MAX_CLIENT_JSON
        if connection is None or not connection.welcome or is_too_much:
            return Exchange(wish, ask, Flow(number), State.GONE)
        exchange = self._all[number] = Exchange(
            wish, ask, self._pieces.open(number, is_stream=wish is Wish.STREAM), State.WORKING
        )
        self._channel.send(frame)
        return exchange

    # -- frames of the daemon

    def handle_frame(self, kind: int, payload: bytes) -> None:
        """Handle an ASK, PIECE, TAKEN or TOLD. Raises ProtocolError."""
        now = time.monotonic()
        if kind == protocol.ASK:
            self._handle_ask(safe.checked_from_host(Ask, codec.parse(payload), "ASK"))
        elif kind == protocol.TOLD:
            told: Told = safe.checked_from_host(Told, codec.parse(payload), "TOLD")
            exchange = self._all.pop(told.get("number", 0), None)
            if exchange is not None:
                self._pieces.close(exchange.flow.number)
                exchange.answer = told
                self._note_end(exchange, State.TOLD)
        elif kind == protocol.TAKEN:
            self._pieces.confirm(payload, now)
        elif (flow := self._pieces.receive(payload)) is not None:
            exchange = self._all.get(flow.number)
            if exchange is not None and exchange.state in (State.WORKING, State.FLOWING):
                exchange.state = State.FLOWING
                if exchange.wish is Wish.WRITE and flow.received > MAX_BYTES:
                    exchange.refuse(Why.SIZE, TOO_LARGE)
                self.desktop.moved(exchange)
        self.send(now)

    def _handle_ask(self, ask: Ask) -> None:
        number = ask.get("number", 0)
        if number % 2 or not number or number in self._all:
            raise ProtocolError("the session's daemon began an exchange twice")
        flow = self._pieces.open(number)
        wish = next((each for each in self._works if each.value == ask.get("wish")), None)
        exchange = Exchange(wish or Wish.LIST, ask, flow, State.DECIDING)
        self._all[number] = exchange
        contents = sum(each.wish in (Wish.READ, Wish.WRITE) and not each.over for each in self._all.values())
        if wish is None or len(self._all) > MAX_EXCHANGES or contents > _MAX_CONTENTS:
            exchange.refuse(Why.REFUSED)
        else:
            self.desktop.decide(exchange)

    def begin(self, exchange: Exchange) -> None:
        """Fulfil a wish on which the desktop has decided."""
        if exchange.state is State.DECIDING:
            exchange.state = State.WORKING
            self._works[exchange.wish](exchange)
            if exchange.flow.incoming or exchange.flow.ended:
                self.desktop.moved(exchange)

    def _note_end(self, exchange: Exchange, state: State) -> None:
        """Note that the other side, or the link's end, has ended an exchange."""
        if not exchange.over:
            exchange.state = state
            self.desktop.moved(exchange)
