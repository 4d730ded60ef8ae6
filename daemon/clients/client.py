"""An attached client: its terminal, what that is fed and waits for, and its input."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

from sesh import bounds, moments, protocol
from sesh.bounds import clamp_size
from sesh.daemon.clients.connection import Connection, Reader
from sesh.daemon.clients.replies import ReplyFilter
from sesh.daemon.clients.window import Window
from sesh.daemon.pty.output_log import OutputLog
from sesh.schema import AttachedClient
from sesh.vt.modes import Stacks
from sesh.vt.render.viewport import Viewport
from sesh.wording import plain

LAG, LAG_OVER_LINK = 1 << 20, 64 << 10
"""Bytes that a client may be behind; over a link beside those on their way, behind which each key's echo comes."""
REPLAY_LINES, MAX_LINES = 1_000, 1_000_000
"""Lines of scrollback that a client gets by default, and the most that it may request."""
AFTER_IMAGE = float("inf")
"""Value of `Due.since`: the screen is due when the image ends that the program is printing."""


class Need(IntEnum):
    """The screens that a client can wait for; each makes up for all that a lesser one does."""

    NONE = 0
    REPAINT = 1
    """The visible rows: the session's size has changed, or the client has asked."""
    RESYNC = 2
    """The missed lines, then the visible rows."""
    ATTACH = 3
    """Scrollback and screen, on a terminal that shows something else."""


Beneath = tuple[bool, Stacks]
"""The terminal of a drawn client, as the program's bytes left it: True for the alternate screen; and what is pushed."""


@dataclass(frozen=True)
class Live:
    """Fed with the program's bytes from the client's position on; a REPAINT that it needs comes between two of them."""

    mode: ClassVar[str] = "raw"
    beneath: ClassVar[Beneath | None] = None
    need: Need = Need.NONE
    since: float = 0.0
    """Time (monotonic) from which on it has this need."""


@dataclass(frozen=True)
class Due:
    """Fed with nothing until the client has read what it was sent, and its screen can be made.

    The terminal shows the output up to the client's position (-1: none), or a drawing over what is `beneath`.
    """

    mode: ClassVar[str] = "aside"
    need: Need
    since: float
    beneath: Beneath | None = None


@dataclass(frozen=True)
class Drawn:
    """Fed with screens drawn from the model, as the terminal has another size than the session."""

    mode: ClassVar[str] = "drawn"
    need: ClassVar[Need] = Need.NONE
    since: ClassVar[float] = 0.0
    viewport: Viewport
    beneath: Beneath


class ClientTerminal(Reader):
    """The other end of an attached client, as its HELLO says: a process, a terminal, and a person at it."""

    __slots__ = (
        "auth_sock", "machine", "max_lines", "number", "pid", "read_only", "remote", "replays", "since",
        "size", "tells", "token", "tty", "typed_at",
    )  # fmt: skip

    def __init__(self, connection: Connection, number: int, hello: Mapping[str, object]) -> None:
        super().__init__(connection, -1)
        self.number = number
        self.pid = bounds.clamped(hello.get("pid"), 0, 1 << 31, 0)
        self.token = str(hello.get("client") or "")[:64]
        """Its own choice, by which it comes back."""
        self.tty = plain(str(hello.get("tty") or "")[:256])
        self.machine = plain(str(hello.get("machine") or "")[:256])
        self.auth_sock = str(hello.get("auth_sock") or "")[:1024]
        self.since = self.typed_at = moments.STEADY.now()
        """Times at which it came, and at which its person last typed; attaching counts."""
        self.tells = hello.get("tells") is True
        """True if it can tell the person something."""
        self.size = clamp_size(hello.get("columns"), hello.get("rows"), hello.get("width"), hello.get("height"))
        self.read_only = hello.get("read_only") is True
        self.remote = hello.get("remote") is True
        self.replays = hello.get("replay") is not False
        """True if it gets scrollback when it attaches."""
        self.max_lines = bounds.clamped(hello.get("lines"), 0, MAX_LINES, REPLAY_LINES)
        """Lines of scrollback that it gets at most."""


class Client(ClientTerminal):
    """An attached client: what its terminal is fed and waits for, and its input."""

    __slots__ = ("asks", "creator", "last_input", "last_typed", "replies", "state", "unacknowledged", "window")

    def __init__(self, connection: Connection, number: int, hello: Mapping[str, object]) -> None:
        super().__init__(connection, number, hello)
        self.window: Window | None = None
        if self.remote and hello.get("got") is True:
            self.window = Window()
        self.creator = connection.creator
        """True if the session was just made for it."""
        self.state: Live | Due | Drawn = Due(Need.ATTACH, time.monotonic())
        """Set by `Clients.become`."""
        self.asks = False
        """True if it has sent REDRAW, which its next whole screen answers."""
        self.last_typed = 0
        """The turn (`Clients.turn`) in which it last typed; 0 for never."""
        self.replies = ReplyFilter()
        self.last_input = 0
        """The number of its newest INPUT."""
        self.unacknowledged = 0
        """Bytes of its INPUT that the program has taken and no ACK has been sent for."""

    def fed(self) -> bool:
        return isinstance(self.state, Live)

    def late(self, log: OutputLog) -> bool:
        """Return whether it is so far behind that the program waits for it, or a screen replaces what it missed."""
        return self.behind(log) > (LAG if self.window is None else LAG_OVER_LINK)

    def room(self) -> int:
        if not isinstance(self.state, Live):
            return 0
        return protocol.CHUNK if self.window is None else self.window.room

    def reads(self) -> bool:
        """Send what waits; return whether so little is on its way then that a screen would come soon."""
        return self.connection.flush() and (self.window is None or self.window.drained)

    @property
    def link_full(self) -> bool:
        """True if as much is on its way over its link as may be."""
        return self.window is not None and not self.window.room

    def send_screen(self, position: int, screen: bytes) -> None:
        """Queue a screen that stands for this position: a SCREEN, or REDRAW if the client has asked."""
        kind, self.asks = protocol.REDRAW if self.asks else protocol.SCREEN, False
        self.connection.queue(*protocol.pieces(kind, position, screen, advance=False))
        self.was_sent(len(screen))

    def as_status(self) -> AttachedClient:
        """The client as `--status` shows it."""
        return {
            "id": self.number,
            "pid": self.pid,
            "tty": self.tty,
            "machine": self.machine or None,
            "columns": self.size[0],
            "rows": self.size[1],
            "since": moments.stamp(moments.STEADY.told(self.since)),
            "read_only": self.read_only,
            "mode": self.state.mode,
        }


def client_of(connection: Connection) -> Client | None:
    """Return the client that is attached over a connection."""
    return connection.reader if isinstance(connection.reader, Client) else None
