"""A client that is attached: its terminal, how it is fed, and what it has typed."""

from __future__ import annotations

import time

from sesh.daemon.input import WINDOW
from sesh.daemon.peer import Peer, Reader
from sesh.daemon.replies import Replies

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sesh.daemon.view import View

RAW = "raw"
"""Its terminal has the session's size: it gets the program's own bytes."""
DRAWN = "drawn"
"""Its terminal has another size: the model is drawn into it."""
ASIDE = "aside"
"""It did not read: it gets nothing until it reads again, then what it missed and the screen."""
HELD = "held"
"""It shows a message: it gets nothing until it asks for the screen."""

ATTACH = "attach"
"""Needs scrollback and screen on a terminal that shows something else."""
REPAINT = "repaint"
"""Fed raw, and needs the visible rows anew: the session's size has changed."""
ENTER = "enter"
"""Was not fed raw, and needs the visible rows to be fed raw from there on."""
RESYNC = "resync"
"""Needs the lines that it missed, then the visible rows."""

_NEEDS = ("", REPAINT, ENTER, RESYNC, ATTACH)

REPLAY_LINES, MOST_LINES = 1_000, 1_000_000
"""Lines of scrollback that a client gets unless it says otherwise, and the most that it may ask for."""

ACKNOWLEDGE_AT = WINDOW >> 3
"""Bytes after which an ACK goes out by itself; smaller ones travel with the next output."""


def _whole(value: Any, low: int, high: int, otherwise: int) -> int:
    """A number that a peer sent, held within bounds."""
    return min(max(value, low), high) if isinstance(value, int) and not isinstance(value, bool) else otherwise


def clamp_size(columns: Any, rows: Any, width: Any = 0, height: Any = 0) -> tuple[int, int, int, int]:
    """A terminal's size within what the model holds (1 to 1,000 columns and rows); 0 means not known: 80x24."""
    return (
        _whole(columns or 80, 1, 1000, 80),
        _whole(rows or 24, 1, 1000, 24),
        _whole(width, 0, 0xFFFF, 0),
        _whole(height, 0, 0xFFFF, 0),
    )


class Attachment(Reader):
    """What the daemon knows of one attached client, made from its HELLO."""

    __slots__ = (
        "alternate", "asked", "auth_sock", "creator", "left", "lines", "mode", "most", "needs", "notice", "number",
        "pid", "read_only", "remote", "replies", "sequence", "since", "size", "token", "tty", "typed",
        "unacknowledged", "view", "wants",
    )  # fmt: skip

    def __init__(self, peer: Peer, number: int, hello: dict[str, Any]) -> None:
        super().__init__(peer, 0)
        self.number = number
        self.pid = _whole(hello.get("pid"), 0, 1 << 31, 0)
        self.token = str(hello.get("client") or "")[:64]
        self.tty = "".join(each for each in str(hello.get("tty") or "")[:256] if each.isprintable())
        self.auth_sock = str(hello.get("auth_sock") or "")[:1024]
        self.size = clamp_size(hello.get("columns"), hello.get("rows"), hello.get("width"), hello.get("height"))
        self.read_only = hello.get("read_only") is True
        self.remote = hello.get("remote") is True
        self.creator = peer.first
        """Whether the session was made for it, just now."""
        self.since = time.time()
        self.typed = 0
        """When it typed last, as a number that grows with each typing of any client; 0 for never."""
        self.mode = RAW
        self.needs = ATTACH
        self.asked = time.monotonic()
        self.most = _whole(hello.get("lines"), 0, MOST_LINES, REPLAY_LINES)
        """Lines of scrollback that it gets at most."""
        self.lines = 0
        """Lines of scrollback that come before its next screen."""
        self.alternate = False
        """Whether a drawn client's terminal is on the alternate screen."""
        self.left = -1
        """The position up to which it had been fed when it was set aside; -1 while it is fed."""
        self.notice = ""
        """A line of sesh's own that it is shown when it has got its screen."""
        self.wants = False
        """Whether it asked for the screen itself, the alternate one too."""
        self.view: View | None = None
        self.replies = Replies()
        self.sequence = 0
        """The number of the newest INPUT that came from it."""
        self.unacknowledged = 0
        """Bytes of its INPUT that the program has taken and no ACK has told it of."""

    def fed(self) -> bool:
        return self.mode == RAW and self.needs in ("", REPAINT)

    def need(self, what: str) -> None:
        """Has the client get a screen; a need that stands already and is greater is kept."""
        if _NEEDS.index(what) > _NEEDS.index(self.needs):
            self.needs = what
            self.asked = time.monotonic()

    def facts(self) -> dict[str, Any]:
        """The client as `--status` shows it."""
        return {
            "id": self.number,
            "pid": self.pid,
            "tty": self.tty,
            "columns": self.size[0],
            "rows": self.size[1],
            "since": self.since,
            "read_only": self.read_only,
            "mode": self.mode,
        }
