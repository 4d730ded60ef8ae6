"""The bytes of exchanges between a daemon and the desktop of its person, in pieces that nothing waits for.

An *exchange* is one wish under way: ASK begins it, TOLD ends it, and in between PIECE carries bytes, each way until a
PIECE without bytes. The numbers of exchanges that the daemon begins are even, from 2 on, those of the client odd; a
frame of an exchange that has ended is ignored.

Keys and output share the connection, and go first: a piece is asked for only while nothing else is to be sent, and no
more bytes of pieces are in flight than a window of their own allows, which shrinks as soon as they queue. TAKEN with
the number 0 says how many have arrived, of all exchanges. TAKEN of an exchange says how many of its bytes somebody has
taken: one that nobody takes from, such as a program that does not read, stops, and stops no other.

A connection that carries nothing else (`sesh.forward`) has a window that yields to nobody.

Sans-I/O: times (monotonic) are arguments.
"""

from __future__ import annotations

from sesh.errors import ProtocolError
from sesh.wire import protocol
from sesh.wire.messages import Told
from sesh.wire.window import MIN_WINDOW, LinkWindow, Window

OVER_LINK, HERE = 4 << 10, 64 << 10  # bytes of one piece at most, over a link at first, and where none is slower
_PART = 3  # binary digits: a piece has an eighth of the window at most, so that a key behind it waits for as long
HELD = 256 << 10  # bytes of an exchange that wait to be sent; whoever has more keeps it
CREDIT = 1 << 20  # bytes of an exchange that were sent, and that nobody has taken
MAX_BYTES = 20 << 20  # bytes of a clipboard at most
TOO_LARGE = f"a clipboard takes at most {MAX_BYTES >> 20} MiB"
MAX_FILE, MAX_FILES = 64 << 20, 256 << 20  # bytes of one file for a session, and of all its files
MAX_EXCHANGES = 64  # that are under way over one connection; more are refused
MAX_STREAMS = 512  # the same, over a connection that carries nothing else
_REFUSED = 4  # times as many, with those whose refusal the other side has not read
_CREDIT_OF_STREAM = 4 << 20  # bytes of a connection to a port: more than the window ever takes
_ALL = 0  # in a TAKEN, in the place of an exchange's number
_SMALL = 1 << 10  # bytes of room below which a piece waits for more


class Flow:
    """The bytes of one exchange, both ways.

    `unsent`: those that wait to be sent; `incoming`: those that have come, until somebody takes them; `ended`: no more
    of them come. `sent`, `received`: how many so far; `closed`: no more are given; `told`: its last frame ends the
    exchange.
    """

    def __init__(self, number: int, credit: int = CREDIT) -> None:
        self.number = number
        self._credit = credit
        self.unsent = bytearray()
        self.incoming = bytearray()
        self.ended = self.closed = self.told = False
        self.sent = self.received = 0
        self._confirmed = 0  # bytes that the other side has taken
        self._taken = self._said = 0  # bytes that were taken here, and of the last TAKEN
        self._last = b""  # the frame after the last piece

    # -- bytes to the other side

    @property
    def room(self) -> int:
        """The bytes that may be given now."""
        return 0 if self.closed else max(0, HELD - len(self.unsent))

    def give(self, data: bytes) -> None:
        """Have bytes sent; nothing after the end."""
        if not self.closed:
            self.unsent += data

    def finish(self) -> None:
        """Have the other side told that no more bytes come."""
        if not self.closed:
            self.closed = True
            self._last = protocol.numbered(protocol.PIECE, self.number, b"")

    def tell(self, told: Told) -> None:
        """Have the exchange ended: after the last byte, or at once if it has failed."""
        if self.told:
            return
        self.closed = self.told = True
        if not told.get("ok"):
            self.unsent.clear()
        self._last = protocol.message(protocol.TOLD, {**told, "number": self.number})

    def confirm(self, count: int) -> None:
        """Handle a TAKEN; an invalid count is ignored."""
        if self._confirmed < count <= self.sent:
            self._confirmed = count

    @property
    def sendable(self) -> int:
        """The bytes that the other side is ready for."""
        return min(len(self.unsent), self._credit - (self.sent - self._confirmed))

    def next_piece(self, size: int) -> bytes:
        """Return the next piece."""
        with memoryview(self.unsent) as unsent, unsent[:size] as data:  # each copy takes time of a bulk
            piece = protocol.numbered(protocol.PIECE, self.number, data)
        del self.unsent[:size]
        self.sent += size
        return piece

    def last_frame(self) -> bytes:
        """Return the frame after the last piece, once, when it is its turn."""
        if self.unsent:
            return b""
        frame, self._last = self._last, b""
        return frame

    # -- bytes of the other side

    def receive(self, data: bytes | memoryview) -> None:
        """Handle the bytes of a PIECE. Raises ProtocolError if the other side sends more than it may."""
        self.ended = self.ended or not data
        self.incoming += data
        self.received += len(data)
        if len(self.incoming) > self._credit + (self._credit >> 1):  # it may not know yet what was taken
            raise ProtocolError("the other side sent more than its window allows")

    def take(self, count: int = MAX_BYTES) -> bytes:
        """Take bytes that have come, at most `count`; the other side may send as many more."""
        with memoryview(self.incoming) as incoming, incoming[:count] as taken:
            data = bytes(taken)
        self.drop(len(data))
        return data

    def drop(self, count: int) -> None:
        """Take as many bytes, which were used where they are."""
        del self.incoming[:count]
        self._taken += count

    def acknowledgement(self) -> bytes:
        """Return a TAKEN if one is owed."""
        if self._taken - self._said < self._credit >> 2:
            return b""
        self._said = self._taken
        return protocol.taken(self.number, self._taken)


class FlowUser:
    """One who uses a flow, as long as the exchange is not `over`."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow

    @property
    def over(self) -> bool:
        """True once either side has ended the exchange, or the link has gone."""
        raise NotImplementedError

    @property
    def room(self) -> int:
        """The bytes that may be given now."""
        return 0 if self.over else self.flow.room

    def give(self, data: bytes) -> None:
        """Send bytes."""
        if not self.over:
            self.flow.give(data)

    def finish(self) -> None:
        """Say that no more bytes come from here."""
        if not self.over:
            self.flow.finish()

    @property
    def incoming(self) -> bytearray:
        """The bytes that have come, of which `drop` takes some where they are."""
        return self.flow.incoming

    def drop(self, count: int) -> None:
        """Take as many of the bytes that have come."""
        self.flow.drop(count)

    @property
    def ended(self) -> bool:
        """True once the other side's last byte has been taken: later than `flow.ended`, which says that it has come."""
        return self.flow.ended and not self.flow.incoming


class Pieces:
    """The exchanges of one connection; they take turns. `alone`: it carries nothing else."""

    def __init__(self, now: float, *, over_link: bool, alone: bool = False) -> None:
        self.flows: dict[int, Flow] = {}
        first = HERE if alone else MIN_WINDOW
        self._window = LinkWindow(now, yields=not alone, first=first) if over_link else Window(now)
        self._most = _REFUSED * (MAX_STREAMS if alone else MAX_EXCHANGES)
        self._every = protocol.GOT_OVER_LINK if over_link else protocol.GOT_HERE
        self._arrived = self._said = 0  # bytes of all pieces that have come, and of the last TAKEN

    def open(self, number: int, *, is_stream: bool = False) -> Flow:
        """Begin an exchange. Raises ProtocolError if the other side begins more and more, and reads no refusal.

        `is_stream`: it is a connection to a port, which may be as fast as the link.
        """
        if len(self.flows) >= self._most:
            raise ProtocolError("the other side began more exchanges than it may")
        flow = self.flows[number] = Flow(number, _CREDIT_OF_STREAM if is_stream else CREDIT)
        return flow

    def close(self, number: int) -> None:
        self.flows.pop(number, None)

    def confirm(self, payload: bytes, now: float) -> None:
        """Handle a TAKEN. Raises ProtocolError."""
        number, count = protocol.split_taken(payload)
        if number == _ALL:
            self._window.confirm(count, now)
        elif number in self.flows:
            self.flows[number].confirm(count)

    def receive(self, payload: bytes) -> Flow | None:
        """Handle a PIECE; return its flow, None if its exchange has ended. Raises ProtocolError."""
        number, _ = protocol.split_number(payload[: protocol.NUMBER_SIZE])
        self._arrived += len(payload) - protocol.NUMBER_SIZE
        flow = self.flows.get(number)
        if flow is not None:
            with memoryview(payload) as whole, whole[protocol.NUMBER_SIZE :] as data:
                flow.receive(data)
        return flow

    def next_frame(self, now: float) -> bytes:
        """Return the frame that is to be sent next, if nothing else is to be sent; empty if there is none."""
        if self._arrived - self._said >= self._every:
            self._said = self._arrived
            return protocol.taken(_ALL, self._arrived)
        for number, flow in list(self.flows.items()):
            frame = flow.acknowledgement() or self._piece(flow, now) or flow.last_frame()
            if frame:
                del self.flows[number]
                if not (flow.told and frame[0] == protocol.TOLD):
                    self.flows[number] = flow  # behind the others
                return frame
        return b""

    def _piece(self, flow: Flow, now: float) -> bytes:
        """Return a flow's next piece; empty if there is none, or no room."""
        size = min(flow.sendable, HERE, max(OVER_LINK, self._window.size >> _PART))
        if size > (free := self._window.frame) and free >= _SMALL:
            size = free
        if size <= 0 or not self._window.takes(size):
            return b""
        self._window.note_sent(size, 0, now)
        return flow.next_piece(size)
