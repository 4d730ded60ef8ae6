"""The attached clients: their terminals, what those are fed, which one leads, and which answers queries."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from sesh import measures, protocol
from sesh.daemon.clients.connection import Connection, Reader
from sesh.daemon.clients.replies import ReplyFilter
from sesh.daemon.pty.output_log import OutputLog
from sesh.daemon.screen.model import Shown
from sesh.measures import STEADY, Size, clamp_size, stamp
from sesh.messages import Introduction
from sesh.schema import AttachedClient
from sesh.vt.render.viewport import Viewport
from sesh.wording import plain

LAG, LAG_OVER_LINK = 1 << 20, 64 << 10
"""Bytes that a client may be behind; over a link besides those on their way, behind which each key's echo comes."""
WINDOW, PIECE = 256 << 10, 16 << 10
"""Bytes that may be on their way over a link; and that are sent at once: GOT comes when a frame is whole."""
REPLAY_LINES, MAX_LINES = 1_000, 1_000_000  # lines of scrollback that a client gets by default, and at most
MAX_DEPARTED = 64  # clients that are remembered, so that they can return to their place
WATCHED_FOR = 30.0  # seconds since the last key in which a person counts as looking


@dataclass(frozen=True)
class Live:
    """Fed with the program's bytes from the client's position on."""

    mode: ClassVar[str] = "raw"
    beneath: ClassVar[Shown | None] = None


@dataclass(frozen=True)
class Due:
    """Fed with nothing until the client has read what it was sent, and its screen can be made.

    The terminal shows the output up to the client's position (-1: none), or a drawing over what is `beneath`. With
    `attach` it shows something else, and gets scrollback and screen; else the lines that it missed, and the screen.
    """

    mode: ClassVar[str] = "aside"
    beneath: Shown | None = None
    attach: bool = False


@dataclass(frozen=True)
class Drawn:
    """Fed with screens drawn from the model, as the terminal has another size than the session."""

    mode: ClassVar[str] = "drawn"
    viewport: Viewport
    beneath: Shown


@dataclass(frozen=True)
class Terminal:
    """A client's terminal, where it is, and how it is attached.

    `token`: the client's own choice, by which it comes back. `tells`: it can tell the person something. `remote`: it is
    attached over a link. `replays`: it gets scrollback when it attaches;
    `lines`: so many lines at most, as of those that it misses later.
    """

    pid: int
    tty: str
    machine: str
    auth_sock: str
    token: str
    tells: bool
    read_only: bool
    remote: bool
    replays: bool
    lines: int

    @classmethod
    def of(cls, hello: Introduction) -> Terminal:
        return cls(
            pid=hello.get("pid", 0),
            tty=plain(hello.get("tty", "")[:256]),
            machine=plain(hello.get("machine", "")[:256]),
            auth_sock=hello.get("auth_sock", "")[:1024],
            token=hello.get("client", "")[:64],
            tells=hello.get("tells", False),
            read_only=hello.get("read_only", False),
            remote=hello.get("remote", False),
            replays=hello.get("replay", True),
            lines=measures.clamped(hello.get("lines"), 0, MAX_LINES, REPLAY_LINES),
        )


class Client(Reader):
    """An attached client.

    The buffers on the way over a link (sockets, pipes, ssh's window, TCP) hold megabytes. So such a client reports the
    bytes that have come (GOT), and no more than a window is sent beyond them: no key waits behind seconds of output.
    """

    def __init__(self, connection: Connection, number: int, hello: Introduction, mark: Callable[[int], object]) -> None:
        super().__init__(connection, -1)
        self._mark = mark  # has the model remember a state that the terminal may show when the link breaks
        self.number, self.terminal = number, Terminal.of(hello)
        self.size = clamp_size(hello.get("columns"), hello.get("rows"), hello.get("width"), hello.get("height"))
        self.since = self.typed_at = STEADY.now()  # came; its person last typed (attaching counts)
        self.confirms = self.terminal.remote and hello.get("got", False)
        self.limit = LAG_OVER_LINK if self.confirms else LAG
        self._sent = self._got = 0
        self.state: Live | Due | Drawn = Due(attach=True)
        self.asks = False  # true if it has sent REDRAW, which the next screen answers
        self.replies = ReplyFilter()
        self.last_input = 0
        self.unacknowledged = 0  # bytes of its INPUT without an ACK

    def fed(self) -> bool:
        return isinstance(self.state, Live)

    def room(self) -> int:
        return super().room() if not self.confirms else PIECE if self._sent - self._got < WINDOW else 0

    def was_sent(self, size: int) -> None:
        self._sent += size
        self._mark(self.position)

    def arrived(self, count: int) -> bool:
        """Take the report of all bytes that came; return whether it is news. Ignore an impossible count."""
        news = self._got < count <= self._sent
        if news:
            self._got = count
        return news

    @property
    def drained(self) -> bool:
        """True if so little is on its way that a screen would come soon."""
        return not self.confirms or self._sent - self._got <= WINDOW >> 2

    def reads(self) -> bool:
        """Send waiting bytes; return whether a screen would come soon."""
        return self.connection.flush() and self.drained

    def send_screen(self, position: int, screen: bytes) -> None:
        """Send a screen that stands for this position: a SCREEN, or REDRAW if the client has asked."""
        kind, self.asks = protocol.REDRAW if self.asks else protocol.SCREEN, False
        self.position = position
        self.connection.queue(*protocol.pieces(kind, position, screen))
        self.was_sent(len(screen))
        self.connection.flush()  # in a flood, the end of the turn is far away

    def as_status(self) -> AttachedClient:
        return {
            "id": self.number,
            "pid": self.terminal.pid,
            "tty": self.terminal.tty,
            "machine": self.terminal.machine or None,
            "columns": self.size[0],
            "rows": self.size[1],
            "since": stamp(STEADY.wall_time(self.since)),
            "read_only": self.terminal.read_only,
            "mode": self.state.mode,
        }


def client_of(connection: Connection) -> Client | None:
    return connection.reader if isinstance(connection.reader, Client) else None


class Clients:
    """The attached clients of one session. `resize` gives the session another size."""

    def __init__(self, size: Size, resize: Callable[[Size], None]) -> None:
        self.all: list[Client] = []
        self.size, self.resize = size, resize
        self.last_number = 0
        self.departed: OrderedDict[str, tuple[int, bool]] = OrderedDict()
        """Clients that have left, by token: the newest INPUT's number; True if the terminal shows raw output."""

    def __len__(self) -> int:
        return len(self.all)

    @property
    def leader(self) -> Client | None:
        """The client that typed last (attaching counts); read-only ones are left out."""
        return _newest(self.all)

    @property
    def watched(self) -> bool:
        """True if a person has typed here, or attached, a moment ago."""
        return any(STEADY.now() - client.typed_at < WATCHED_FOR for client in self.all)

    def add(self, client: Client) -> None:
        self.all.append(client)
        self.last_number = client.number
        if not client.terminal.read_only:
            self.typed(client)

    def remember(self, client: Client) -> None:
        if client.terminal.token:
            self.departed[client.terminal.token] = client.last_input, client.state.beneath is None
            while len(self.departed) > MAX_DEPARTED:
                self.departed.popitem(last=False)

    def remove(self, client: Client) -> None:
        self.remember(client)
        self.all.remove(client)
        self.fit()

    def typed(self, client: Client) -> None:
        client.typed_at = STEADY.now()
        self.fit()

    def fit(self) -> None:
        leader = self.leader
        if leader is not None and leader.size != self.size:
            self.size = leader.size
            self.resize(leader.size)

    def answering(self, log: OutputLog) -> Client | None:
        """Return the client whose terminal answers the program's queries: raw, writable, reading; the last active."""
        return _newest([client for client in self.all if client.fed() and not client.late(log)])


def _newest(clients: list[Client]) -> Client | None:
    writable = [client for client in clients if not client.terminal.read_only]
    return max(writable, key=lambda client: client.typed_at, default=None)
