"""An attached client: its terminal, what that is fed and waits for, and its input."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from sesh import measures, moments, protocol
from sesh.daemon.clients.connection import Connection, Reader, Window
from sesh.daemon.clients.replies import ReplyFilter
from sesh.daemon.screen.model import Shown
from sesh.measures import clamp_size
from sesh.messages import Introduction
from sesh.schema import AttachedClient
from sesh.vt.render.viewport import Viewport
from sesh.wording import plain

LAG, LAG_OVER_LINK = 1 << 20, 64 << 10
"""Bytes that a client may be behind; over a link beside those on their way, behind which each key's echo comes."""
REPLAY_LINES, MAX_LINES = 1_000, 1_000_000
"""Lines of scrollback that a client gets by default, and the most that it may request."""


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
    since: float
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
    attached over a link; `confirms`: and reports what has come there. `replays`: it gets scrollback when it attaches;
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
    confirms: bool
    replays: bool
    lines: int

    @classmethod
    def of(cls, hello: Introduction) -> Terminal:
        """Return the terminal of a HELLO."""
        return cls(
            pid=hello.get("pid", 0),
            tty=plain(hello.get("tty", "")[:256]),
            machine=plain(hello.get("machine", "")[:256]),
            auth_sock=hello.get("auth_sock", "")[:1024],
            token=hello.get("client", "")[:64],
            tells=hello.get("tells", False),
            read_only=hello.get("read_only", False),
            remote=hello.get("remote", False),
            confirms=hello.get("remote", False) and hello.get("got", False),
            replays=hello.get("replay", True),
            lines=measures.clamped(hello.get("lines"), 0, MAX_LINES, REPLAY_LINES),
        )


class Client(Reader):
    """An attached client: its terminal, what that is fed, and its input."""

    def __init__(self, connection: Connection, number: int, hello: Introduction, mark: Callable[[int], object]) -> None:
        super().__init__(connection, -1)
        self._mark = mark
        """Has the state be remembered at a position up to which the terminal may show output when the link breaks."""
        self.number, self.terminal = number, Terminal.of(hello)
        self.size = clamp_size(hello.get("columns"), hello.get("rows"), hello.get("width"), hello.get("height"))
        self.since = self.typed_at = moments.STEADY.now()
        """Times at which it came, and at which its person last typed; attaching counts."""
        self.limit = LAG
        if self.terminal.confirms:
            self.window, self.limit = Window(), LAG_OVER_LINK
        self.state: Live | Due | Drawn = Due(time.monotonic(), attach=True)
        self.asks = False
        """True if it has sent REDRAW, which its next screen answers."""
        self.replies = ReplyFilter()
        self.last_input = 0
        """The number of its newest INPUT."""
        self.unacknowledged = 0
        """Bytes of its INPUT that the program has taken and no ACK has been sent for."""

    def fed(self) -> bool:
        return isinstance(self.state, Live)

    def was_sent(self, size: int) -> None:
        super().was_sent(size)
        self._mark(self.position)

    def reads(self) -> bool:
        """Send what waits; return whether so little is on its way then that a screen would come soon."""
        return self.connection.flush() and (self.window is None or self.window.drained)

    def send_screen(self, position: int, screen: bytes) -> None:
        """Send a screen that stands for this position: a SCREEN, or REDRAW if the client has asked."""
        kind, self.asks = protocol.REDRAW if self.asks else protocol.SCREEN, False
        self.position = position
        self.connection.queue(*protocol.pieces(kind, position, screen))
        self.was_sent(len(screen))
        self.connection.flush()  # in a flood, the end of the turn is far away

    def as_status(self) -> AttachedClient:
        """Return the client as `--status` shows it."""
        return {
            "id": self.number,
            "pid": self.terminal.pid,
            "tty": self.terminal.tty,
            "machine": self.terminal.machine or None,
            "columns": self.size[0],
            "rows": self.size[1],
            "since": moments.stamp(moments.STEADY.told(self.since)),
            "read_only": self.terminal.read_only,
            "mode": self.state.mode,
        }


def client_of(connection: Connection) -> Client | None:
    """Return the client that is attached over a connection."""
    return connection.reader if isinstance(connection.reader, Client) else None
