"""An attached client: its terminal, what that is fed and needs, and its input."""

from __future__ import annotations

import time
from collections.abc import Mapping

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

RAW = "raw"
"""Mode of a client whose terminal has the session's size: it gets the program's own bytes."""
DRAWN = "drawn"
"""Mode of a client whose terminal has another size: it gets screens drawn from the model."""
ASIDE = "aside"
"""Mode of a client that did not read: it gets nothing until it reads again, then the lines it missed and the screen."""
HELD = "held"
"""Mode of a client that shows a message: it gets nothing until it asks for the screen."""

ATTACH = "attach"
"""Need of scrollback and screen, on a terminal that shows something else."""
REPAINT = "repaint"
"""Need of the visible rows again: the session's size has changed, or the client has asked."""
ENTER = "enter"
"""Need of the visible rows after a change between raw and drawn."""
RESYNC = "resync"
"""Need of the missed lines, then the visible rows."""

_FED = ("", REPAINT)
"""Needs with which a raw client is fed."""
_NEEDS = (*_FED, ENTER, RESYNC, ATTACH)
"""Needs from the least to the greatest; empty for none."""

LAG, LAG_OVER_LINK = 1 << 20, 64 << 10
"""Bytes that a client may be behind; over a link beside those on their way, behind which each key's echo comes."""
REPLAY_LINES, MAX_LINES = 1_000, 1_000_000
"""Lines of scrollback that a client gets by default, and the most that it may request."""


class ClientTerminal(Reader):
    """The other end of an attached client, as its HELLO says: a process, a terminal, and a person at it."""

    __slots__ = (
        "auth_sock", "machine", "max_lines", "number", "pid", "read_only", "remote", "since",
        "size", "tells", "token", "tty", "typed_at",
    )  # fmt: skip

    def __init__(self, connection: Connection, number: int, hello: Mapping[str, object]) -> None:
        super().__init__(connection, 0)
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
        self.max_lines = bounds.clamped(hello.get("lines"), 0, MAX_LINES, REPLAY_LINES)
        """Lines of scrollback that it gets at most."""


class Client(ClientTerminal):
    """An attached client: what its terminal is fed and needs, and its input.

    It gets OUTPUT while its mode is RAW and it needs nothing, or REPAINT; else a screen is due, or it gets nothing.
    """

    __slots__ = (
        "creator", "last_input", "last_typed", "left_at", "lines", "mode", "needed_at", "needs", "notice", "replies",
        "reported", "shown", "unacknowledged", "uncover", "viewport", "wants_screen", "window",
    )  # fmt: skip

    def __init__(self, connection: Connection, number: int, hello: Mapping[str, object]) -> None:
        super().__init__(connection, number, hello)
        self.window: Window | None = None
        if self.remote and hello.get("got") is True:
            self.window = Window()
        self.creator = connection.creator
        """True if the session was just made for it."""
        self.last_typed = 0
        """The turn (`Clients.turn`) in which it last typed; 0 for never."""
        self.mode = RAW
        self.needs = ATTACH
        self.needed_at = time.monotonic()
        """Time (monotonic) since which it needs what it `needs`."""
        self.lines = 0
        """Lines of scrollback that come before its next screen."""
        self.shown: tuple[bool, Stacks] | None = None
        """Terminal of a drawn client that was raw: whether it is on the alternate screen, and what is pushed."""
        self.left_at = -1
        """The position up to which it had been fed when it was set aside, or its terminal left; -1 while it is fed."""
        self.reported = -1
        """The position up to which a drawn client has the program's reports; -1 for none."""
        self.notice = ""
        """A line of sesh's own, to be laid over the last row of its next screen."""
        self.uncover = b""
        """Bytes that draw the screen without such a line, while one lies there."""
        self.wants_screen = False
        """True if it asked for the screen itself, and so gets the alternate screen too."""
        self.viewport: Viewport | None = None
        self.replies = ReplyFilter()
        self.last_input = 0
        """The number of its newest INPUT."""
        self.unacknowledged = 0
        """Bytes of its INPUT that the program has taken and no ACK has been sent for."""

    def fed(self) -> bool:
        return self.mode == RAW and self.needs in _FED

    def late(self, log: OutputLog) -> bool:
        """Return whether it is so far behind that the program waits for it, or a screen replaces what it missed."""
        return self.behind(log) > (LAG if self.window is None else LAG_OVER_LINK)

    def room(self) -> int:
        if self.mode != RAW or self.needs not in _FED:
            return 0
        return protocol.CHUNK if self.window is None else self.window.room

    @property
    def fed_up_to(self) -> int:
        """The position up to which its terminal shows the output."""
        return self.position if self.left_at < 0 else self.left_at

    @property
    def covered(self) -> bool:
        """True if a line of sesh's own lies over its last row."""
        return bool(self.uncover) or (self.viewport is not None and self.viewport.covered)

    @property
    def link_full(self) -> bool:
        """True if as much is on its way over its link as may be."""
        return self.window is not None and not self.window.room

    def need(self, need: str) -> None:
        """Notes that the client needs a screen; a greater need that it has already is kept."""
        if _NEEDS.index(need) > _NEEDS.index(self.needs):
            self.needs = need
            self.needed_at = time.monotonic()

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
            "mode": self.mode,
        }


def client_of(connection: Connection) -> Client | None:
    """Return the client that is attached over a connection."""
    return connection.reader if isinstance(connection.reader, Client) else None
