"""The bytes of exchanges between a daemon and the desktop of its person, in pieces that nothing waits for.

An *exchange* is one wish under way: ASK begins it, TOLD ends it, and in between PIECE carries bytes, each way until a
PIECE without bytes. TAKEN says how many of them the other side has taken. The numbers of exchanges that the daemon
begins are even, those of the client odd; a frame of an exchange that has ended is ignored.

Keys and output share the connection, and go first: a piece is asked for only while nothing else is to be sent, and no
more of them are in flight than a window of their own allows, which shrinks as soon as they queue.

Sans-I/O: times (monotonic) are arguments.
"""

from __future__ import annotations

from sesh.errors import ProtocolError
from sesh.wire import protocol
from sesh.wire.messages import Told
from sesh.wire.window import MAX_WINDOW, Window

OVER_LINK, HERE = 4 << 10, 64 << 10  # bytes of one piece at most, over a link and on one machine
HELD = 256 << 10  # bytes of an exchange that wait to be sent; whoever has more keeps it
MAX_BYTES = 20 << 20  # bytes of a clipboard at most
_SMALL = 1 << 10  # bytes of room below which a piece waits for more
_FREE = 0.04  # seconds that pieces may queue: a key or output that comes meanwhile waits for them


class Flow:
    """The bytes of one exchange, both ways.

    `unsent`: those that wait to be sent; `incoming`: those that have come, until somebody takes them; `ended`: no more
    of them come.
    """

    def __init__(self, number: int, now: float, *, over_link: bool) -> None:
        self.number = number
        self.window = Window(now, over_link=over_link, free=_FREE)
        self.unsent = bytearray()
        self.incoming = bytearray()
        self.ended = False
        self.sent = self.taken = 0  # bytes, since the beginning
        self._every = 1 if over_link else HERE  # bytes that are taken between two TAKEN
        self._said = 0  # bytes of the last TAKEN
        self._largest = OVER_LINK if over_link else HERE
        self._last = b""  # the frame after the last piece
        self.closed = self.told = False  # no more bytes are given; the exchange ends with the last frame

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

    # -- bytes of the other side

    def receive(self, data: bytes) -> None:
        """Handle the bytes of a PIECE. Raises ProtocolError if the other side ignores its window."""
        self.ended = self.ended or not data
        self.incoming += data
        if len(self.incoming) > MAX_WINDOW + HERE:
            raise ProtocolError("the other side sent more than its window allows")

    def take(self, count: int = MAX_BYTES) -> bytes:
        """Take bytes that have come, at most `count`; the other side may send as many more."""
        data = bytes(self.incoming[:count])
        del self.incoming[: len(data)]
        self.taken += len(data)
        return data

    def confirm(self, count: int, now: float) -> None:
        """Handle a TAKEN."""
        self.window.confirm(count, now)

    # -- frames

    def acknowledgement(self) -> bytes:
        """Return a TAKEN if one is owed."""
        if self.taken - self._said < self._every:
            return b""
        self._said = self.taken
        return protocol.taken(self.number, self.taken)

    def next_size(self) -> int:
        """Return the size of the next piece by the window alone; 0 if there is none."""
        size = min(len(self.unsent), self._largest)
        if size > (free := self.window.frame) and free >= _SMALL:
            size = free
        return size if size and self.window.takes(size) else 0

    def piece(self, size: int, now: float) -> bytes:
        """Return the next piece."""
        data = bytes(self.unsent[:size])
        del self.unsent[:size]
        self.sent += size
        self.window.sent(size, 0, now)
        return protocol.numbered(protocol.PIECE, self.number, data)

    def last(self) -> bytes:
        """Return the frame after the last piece, once, when it is its turn."""
        if self.unsent:
            return b""
        frame, self._last = self._last, b""
        return frame


class Pieces:
    """The exchanges of one connection; they take turns."""

    def __init__(self, *, over_link: bool) -> None:
        self.over_link = over_link
        self.flows: dict[int, Flow] = {}

    def open(self, number: int, now: float) -> Flow:
        flow = self.flows[number] = Flow(number, now, over_link=self.over_link)
        return flow

    def close(self, number: int) -> None:
        self.flows.pop(number, None)

    def next_frame(self, now: float) -> bytes:
        """Return the frame that is to be sent next, if nothing else is to be sent; empty if there is none."""
        for number, flow in list(self.flows.items()):
            frame = flow.acknowledgement()
            if not frame and (size := flow.next_size()) and self._has_room(size, now):
                frame = flow.piece(size, now)
            frame = frame or flow.last()
            if frame:
                del self.flows[number]
                if not (flow.told and frame[0] == protocol.TOLD):
                    self.flows[number] = flow  # behind the others
                return frame
        return b""

    def _has_room(self, size: int, now: float) -> bool:
        """Return whether a piece may be sent beside those of the other exchanges, which share the link."""
        if not self.over_link:
            return True
        windows = [flow.window for flow in self.flows.values()]
        in_flight = sum(each.owed for each in windows if each.stuck_at() > now)
        return in_flight + size <= max(each.size for each in windows)
