"""One connection to the daemon: its frames, its unsent bytes, its place in the log, and the client attached over it."""

from __future__ import annotations

import time
from errno import EAGAIN

from sesh import bounds, moments, protocol, wire
from sesh.bounds import clamp_size
from sesh.daemon.clients.replies import ReplyFilter
from sesh.lean import deque
from sesh.wording import plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypedDict

    from typing_extensions import Unpack

    from sesh.daemon.clients.flow import Flow
    from sesh.daemon.pty.output_log import OutputLog
    from sesh.errors import SeshError
    from sesh.lean import socket
    from sesh.schema import Answer, AttachedClient, Event
    from sesh.vt.render.viewport import Viewport
    from sesh.vt.screen import Stacks

    class Wanted(TypedDict):
        """What belongs into the answer to a request at the session's end."""

        output: bool


_READ = 1 << 16
_SMALL = 2 << 10
"""A block up to this size is copied behind its header, which is faster than sending both with `sendmsg`."""


class Reader:
    """A place in the log from which a connection is fed OUTPUT."""

    __slots__ = ("connection", "position", "skipped")

    brief = False
    """Whether it knows the frames that leave out what follows from the last one."""

    def __init__(self, connection: Connection, position: int) -> None:
        self.connection = connection
        self.position = position
        self.skipped = 0

    def behind(self, log: OutputLog) -> int:
        """Bytes that the other side has not taken yet."""
        return log.head - self.position + self.connection.unsent

    def fed(self) -> bool:
        """Whether the reader gets OUTPUT, by what it is."""
        return True

    def room(self) -> int:
        """Bytes of OUTPUT that it is to be sent at once; 0 for none now."""
        return protocol.CHUNK if self.fed() else 0

    def was_sent(self, size: int) -> None:
        """Notes that so many bytes of OUTPUT or SCREEN were sent."""


class Connection:
    """A non-blocking socket that speaks the protocol, and what it has requested."""

    def __init__(self, opened: socket.socket, *, creator: bool = False) -> None:
        opened.setblocking(False)
        self.socket = opened
        self.descriptor: int = opened.fileno()
        self.creator = creator
        """Whether it is the session's creator, who has not said yet what it wants."""
        self.role = ""
        self.decoder = protocol.Decoder()
        self.data = bytearray()
        self.client: Client | None = None
        """The attached client; it is also the `reader`."""
        self.reader: Reader | None = None
        self.backlog: deque[tuple[int, bytes]] = deque()
        """Frames that have come and are not handled yet."""
        self.waits: dict[int, Wanted] = {}
        """The requests that are answered at the session's end, by number."""
        self.closing = False
        self.closed = False
        self.blocked = False
        self.progress_at = self.heard_at = time.monotonic()
        """When the other side last took bytes, or told that some have come over a link; and when it last sent some."""
        self.unsent = 0
        self.unanswered = 0
        """Requests that have not been answered yet."""
        self.before_output = b""
        """Frames that may wait for the next OUTPUT, and go before it in the same packet."""
        self._acknowledged = self._told = 0
        """The newest INPUT that the program has, and that the other side was told of."""
        self._follows = -1
        """End position of the last OUTPUT or MORE, behind which MORE may follow; -1: it must not."""
        self._out: deque[memoryview] = deque()

    @property
    def listening(self) -> bool:
        """Whether its frames are still handled."""
        return not (self.closed or self.closing)

    @property
    def held(self) -> int:
        """Bytes that it has sent of a frame, or of a request, whose rest is yet to come."""
        return len(self.data) + self.decoder.held

    @property
    def idle(self) -> bool:
        """Whether it waits for nothing."""
        return not (self.client or self.reader or self.unanswered or self.unsent or self.backlog or self.creator)

    def has_work(self, log: OutputLog) -> bool:
        """Whether there are frames to handle, bytes to send, or a connection to close."""
        if self.backlog or self.closed or self.closing:
            return True
        reader = self.reader
        return not self.blocked and (
            self.unsent > 0 or (reader is not None and reader.position < log.head and reader.room() > 0)
        )

    def receive(self) -> bool:
        """Puts the frames that have come into the backlog; False if the other side closed. Raises ProtocolError."""
        try:
            data = self.socket.recv(_READ)
        except OSError as error:
            return error.errno == EAGAIN
        self.heard_at = time.monotonic()
        self.backlog += self.decoder.feed(data)
        return bool(data)

    def begin(self, request: int) -> bool:
        """Says that a request is going to be carried out, and then whether it still is to be.

        Who gives up shuts its end down first, and looks for BEGUN then (`wire.Connection.give_up`): either it is seen
        here to have gone, or it sees that the request has begun.
        """
        self.queue(protocol.numbered(protocol.BEGUN, request, b""))
        self.flush()
        if not self.closed and wire.hung_up(self.socket.fileno()):
            self.fail()
        return not self.closed

    def queue(self, *parts: bytes | memoryview) -> None:
        """Appends bytes to those that wait to be sent; `flush` sends them."""
        for part in parts:
            if part and not self.closed:
                self._out.append(memoryview(part))
                self.unsent += len(part)

    def flush(self) -> bool:
        """Sends what the socket takes; whether all of it went out. A connection that fails counts as closed."""
        while self._out and not self.closed:
            try:
                sent = self.socket.sendmsg(
                    list(self._out) if len(self._out) <= 64 else [self._out[index] for index in range(64)]
                )
            except OSError as error:
                if error.errno == EAGAIN:
                    self.blocked = True
                    return False
                self.fail()
                break
            self.unsent -= sent
            self.progress_at = time.monotonic()
            while sent:
                first = self._out[0]
                if sent < len(first):
                    self._out[0] = first[sent:]
                    break
                sent -= len(first)
                self._out.popleft()
        self.blocked = False
        return True

    def feed(self, log: OutputLog) -> None:
        """Sends what waits, then OUTPUT from the reader's position on, as far as the socket takes it."""
        while self.flush() and not self.closed:
            reader = self.reader
            room = reader.room() if reader is not None else 0
            if reader is None or not room or reader.position >= log.head:
                return
            if reader.position < log.base:
                reader.skipped += log.base - reader.position
                reader.position = log.base
            self._queue_output(reader, log, room)

    def queue_rest(self, log: OutputLog) -> None:
        """Queues OUTPUT up to the log's head, whatever the socket and the link take."""
        reader = self.reader
        while reader is not None and reader.fed() and log.base <= reader.position < log.head:
            self._queue_output(reader, log, protocol.CHUNK)

    def _queue_output(self, reader: Reader, log: OutputLog, most: int) -> None:
        views = log.read(reader.position, most)
        size = sum(map(len, views))
        self.queue(self._before(reader, size), *views)
        reader.position += size
        reader.was_sent(size)

    def queue_screen(self, position: int, screen: bytes) -> None:
        """Queues a SCREEN that stands for this position."""
        self._follows = -1
        self.queue(*protocol.pieces(protocol.SCREEN, position, screen, advance=False))
        if self.reader is not None:
            self.reader.was_sent(len(screen))

    def pass_on(self, log: OutputLog, block: bytes) -> None:
        """Sends the block that was appended last, at once if nothing waits before it; else as `feed` does."""
        reader = self.reader
        position, size = log.head - len(block), len(block)
        if self._out or self.closed or reader is None or reader.position != position or not 0 < size <= reader.room():
            self.feed(log)
            return
        before = self._before(reader, size)
        try:
            if size <= _SMALL:
                sent = self.socket.send(before + block)
            else:
                sent = self.socket.sendmsg((before, block))
        except OSError:  # `flush` finds out which
            sent = 0
        reader.position += size
        reader.was_sent(size)
        if sent:
            self.progress_at = time.monotonic()
        if sent < len(before) + size:
            self.queue(before[sent:], memoryview(block)[max(0, sent - len(before)) :])
            self.flush()

    def _before(self, reader: Reader, size: int) -> bytes:
        """What goes before so many bytes of output: the ACK that is due, the frames that have waited, the header."""
        position, waiting = reader.position, self.before_output
        if reader.brief and position == self._follows:
            header = protocol.header(protocol.MORE, size)
        else:
            header = protocol.numbered_header(protocol.OUTPUT, position, size)
        self._follows, self.before_output = position + size, b""
        return self._ack() + waiting + header

    def acknowledge(self, number: int) -> None:
        """Notes that the program has INPUT up to `number`; the next output, or `queue_ack`, carries the ACK."""
        self._acknowledged = number

    def queue_ack(self) -> None:
        """Queues the ACK that is due."""
        self.queue(self._ack())

    def _ack(self) -> bytes:
        """The ACK that is due, empty if none is. It says no number if that is one more than the last one's."""
        if not self._acknowledged:
            return b""
        before, self._told, self._acknowledged = self._told, self._acknowledged, 0
        if self._told == before + 1 and self.reader is not None and self.reader.brief:
            return protocol.frame(protocol.ACK)
        return protocol.numbered(protocol.ACK, self._told, b"")

    def respond(self, request: int, data: bytes = b"", **values: Unpack[Answer]) -> None:
        """Answers a request, with bytes if it has any."""
        for start in range(0, len(data), protocol.CHUNK):
            self.queue(protocol.frame(protocol.DATA, data[start : start + protocol.CHUNK]))
        self.queue(protocol.message(protocol.RESPONSE, {"id": request, "ok": True, **values}))
        self.unanswered -= 1

    def refuse(self, request: int, error: SeshError) -> None:
        """Answers a request with an error."""
        self.queue(protocol.message(protocol.RESPONSE, {"id": request, "error": error.facts()}))
        self.unanswered -= 1

    def dump(self) -> tuple[bytes, int]:
        """The bytes that wait to be sent, and the number of the INPUT whose ACK is due, 0 for none."""
        return b"".join(self._out), self._acknowledged

    def fail(self) -> None:
        """Gives the connection up. Its descriptor stays open until `drop`, or a new connection could get its number."""
        self.closed = True
        self.backlog.clear()
        self._out.clear()
        self.unsent = 0

    def drop(self) -> None:
        """Closes the connection now; what was not sent is lost with it."""
        self.fail()
        self.socket.close()


RAW = "raw"
"""Its terminal has the session's size: it gets the program's own bytes."""
DRAWN = "drawn"
"""Its terminal has another size: it gets screens drawn from the model."""
ASIDE = "aside"
"""It did not read: it gets nothing until it reads again, then what it missed and the screen."""
HELD = "held"
"""It shows a message: it gets nothing until it asks for the screen."""

ATTACH = "attach"
"""Needs scrollback and screen on a terminal that shows something else."""
REPAINT = "repaint"
"""Is fed raw, and needs the visible rows again: the session's size has changed."""
ENTER = "enter"
"""Was not fed raw, and needs the visible rows to be fed raw from there on."""
RESYNC = "resync"
"""Needs the lines that it missed, then the visible rows."""

_NEEDS = ("", REPAINT, ENTER, RESYNC, ATTACH)

REPLAY_LINES, MAX_LINES = 1_000, 1_000_000
"""Lines of scrollback that a client gets by default, and the most that it may request."""


class Origin:
    """Where a client comes from: its process, its terminal, its ssh agent; and `token`, by which it comes back."""

    __slots__ = ("auth_sock", "pid", "since", "token", "tty")

    def __init__(self, hello: Mapping[str, object]) -> None:
        self.pid = bounds.clamped(hello.get("pid"), 0, 1 << 31, 0)
        self.token = str(hello.get("client") or "")[:64]
        self.tty = plain(str(hello.get("tty") or "")[:256])
        self.auth_sock = str(hello.get("auth_sock") or "")[:1024]
        self.since = time.time()


class Person:
    """The person at a client."""

    __slots__ = ("focused", "tells", "titled", "typed_at")

    def __init__(self, hello: Mapping[str, object]) -> None:
        self.tells = hello.get("tells") is True
        """Whether the terminal can tell them something."""
        self.titled = hello.get("title") is True
        """Whether they see what runs in the title of its window."""
        self.typed_at = time.time()
        """When they last typed; attaching counts."""
        self.focused: bool | None = None
        """Whether the terminal has the focus; None for unknown."""


_MADE_ANEW = ("flow", "origin", "person", "replies", "titled", "uncover", "viewport")
"""Attributes of a client that another process image does not get by their names."""


class Client(Reader):
    """An attached client, made from its HELLO: its terminal, how it is fed, and what it has typed."""

    __slots__ = (
        "brief", "creator", "flow", "last_input", "last_typed", "left_at", "lines", "max_lines", "mode", "needed_at",
        "needs", "notice", "number", "origin", "person", "read_only", "remote", "replies", "shown", "size",
        "unacknowledged", "uncover", "viewport", "wants_screen",
    )  # fmt: skip

    def __init__(self, connection: Connection, number: int, hello: Mapping[str, object]) -> None:
        super().__init__(connection, 0)
        self.number = number
        self.origin, self.person = Origin(hello), Person(hello)
        self.size = clamp_size(hello.get("columns"), hello.get("rows"), hello.get("width"), hello.get("height"))
        self.read_only = hello.get("read_only") is True
        self.remote = hello.get("remote") is True
        self.flow: Flow | None = None
        """How much may be on its way over its link, if it says what it has got."""
        if self.remote and hello.get("got") is True:
            from sesh.daemon.clients.flow import Flow

            self.flow = Flow()
        self.brief = self.remote and hello.get("brief") is True
        self.creator = connection.creator
        """Whether the session was just made for it."""
        self.last_typed = 0
        """When it last typed, as a number that grows with each typing of any client; 0 for never."""
        self.mode = RAW
        self.needs = ATTACH
        self.needed_at = time.monotonic()
        """Since when it needs what it `needs`."""
        self.max_lines = bounds.clamped(hello.get("lines"), 0, MAX_LINES, REPLAY_LINES)
        """Lines of scrollback that it gets at most."""
        self.lines = 0
        """Lines of scrollback that come before its next screen."""
        self.shown: tuple[bool, Stacks] | None = None
        """Of a drawn client that was raw: whether its terminal is on the alternate screen, and what is pushed."""
        self.left_at = -1
        """The position up to which it had been fed when it was set aside, or its terminal left; -1 while it is fed."""
        self.notice = ""
        """A line of sesh's own, to be laid over the last row of its next screen."""
        self.uncover = b""
        """While such a line lies there: the bytes that draw the screen without it."""
        self.wants_screen = False
        """Whether it asked for the screen itself, and so gets the alternate screen too."""
        self.viewport: Viewport | None = None
        self.replies = ReplyFilter()
        self.last_input = 0
        """The number of its newest INPUT."""
        self.unacknowledged = 0
        """Bytes of its INPUT that the program has taken and no ACK has been sent for."""

    def dump(self) -> dict[str, object]:
        """Facts for another process image, by names that any sesh knows; `flow` and `replies` go by themselves."""
        parts = (self, self.origin, self.person)
        return {name: getattr(part, name) for part in parts for name in part.__slots__ if name not in _MADE_ANEW}

    def restore(self, values: Mapping[str, object]) -> None:
        """Goes on from what `dump` returned, of this sesh or an older one."""
        for part in (self, self.origin, self.person):
            for name in part.__slots__:
                if name in values and name not in _MADE_ANEW:
                    setattr(part, name, values[name])

    def fed(self) -> bool:
        return self.mode == RAW and self.needs in ("", REPAINT)

    def room(self) -> int:
        if not self.fed():
            return 0
        return protocol.CHUNK if self.flow is None else self.flow.room

    @property
    def link_full(self) -> bool:
        """Whether as much is on its way over its link as may be."""
        return self.flow is not None and not self.flow.room

    def was_sent(self, size: int) -> None:
        if self.flow is not None:
            self.flow.add(size, time.monotonic())

    def need(self, need: str) -> None:
        """Notes that the client needs a screen; a greater need that it has already is kept."""
        if _NEEDS.index(need) > _NEEDS.index(self.needs):
            self.needs = need
            self.needed_at = time.monotonic()

    def as_event(self) -> Event:
        """The client as events show it."""
        return {
            "client": self.number,
            "pid": self.origin.pid,
            "tty": self.origin.tty,
            "read_only": self.read_only,
        }

    def as_status(self) -> AttachedClient:
        """The client as `--status` shows it."""
        return {
            "id": self.number,
            "pid": self.origin.pid,
            "tty": self.origin.tty,
            "columns": self.size[0],
            "rows": self.size[1],
            "since": moments.stamp(self.origin.since),
            "read_only": self.read_only,
            "mode": self.mode,
        }
