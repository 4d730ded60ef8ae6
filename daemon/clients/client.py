"""A client that is attached: its terminal, how it is fed, and what it has typed.

The attached clients together: who leads, whose size rules, who sets the pace, whose terminal is asked.
"""

from __future__ import annotations

import time

from sesh.daemon.clients.connection import Connection, Reader
from sesh.daemon.pty.input import WINDOW
from sesh.daemon.pty.replies import ReplyFilter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sesh.daemon.pty.output_log import OutputLog
    from sesh.vt.render.viewport import Viewport

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
    """A number that a connection sent, held within bounds."""
    return min(max(value, low), high) if isinstance(value, int) and not isinstance(value, bool) else otherwise


def clamp_size(columns: Any, rows: Any, width: Any = 0, height: Any = 0) -> tuple[int, int, int, int]:
    """A terminal's size within what the model holds (1 to 1,000 columns and rows); 0 means not known: 80x24."""
    return (
        _whole(columns or 80, 1, 1000, 80),
        _whole(rows or 24, 1, 1000, 24),
        _whole(width, 0, 0xFFFF, 0),
        _whole(height, 0, 0xFFFF, 0),
    )


class Client(Reader):
    """What the daemon knows of one attached client, made from its HELLO."""

    __slots__ = (
        "alternate", "asked", "auth_sock", "creator", "left", "lines", "mode", "most", "needs", "notice", "number",
        "pid", "read_only", "remote", "replies", "sequence", "since", "size", "token", "tty", "typed",
        "unacknowledged", "view", "wants",
    )  # fmt: skip

    def __init__(self, connection: Connection, number: int, hello: dict[str, Any]) -> None:
        super().__init__(connection, 0)
        self.number = number
        self.pid = _whole(hello.get("pid"), 0, 1 << 31, 0)
        self.token = str(hello.get("client") or "")[:64]
        self.tty = "".join(each for each in str(hello.get("tty") or "")[:256] if each.isprintable())
        self.auth_sock = str(hello.get("auth_sock") or "")[:1024]
        self.size = clamp_size(hello.get("columns"), hello.get("rows"), hello.get("width"), hello.get("height"))
        self.read_only = hello.get("read_only") is True
        self.remote = hello.get("remote") is True
        self.creator = connection.first
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
        self.view: Viewport | None = None
        self.replies = ReplyFilter()
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


FARTHEST = 1 << 20
"""Bytes that a client may be behind: the one that sets the pace makes the program wait there, others are set aside."""
STALLED = 2.0
"""Seconds without one byte taken, after which the program waits for its client no longer."""

Size = tuple[int, int, int, int]


class Clients:
    """The clients of one session. `apply` gives the session another size; it returns whether that changed anything."""

    def __init__(self, size: Size, apply: Callable[[Size], bool]) -> None:
        self.all: list[Client] = []
        self.size = size
        self._apply = apply
        self.turn = self.numbers = 0
        """The newest turn at typing, and the newest client's number."""

    def __len__(self) -> int:
        return len(self.all)

    def next_number(self) -> int:
        """A number for a new client."""
        self.numbers += 1
        return self.numbers

    @property
    def leader(self) -> Client | None:
        """The client that typed last, attaching counted, read-only ones apart."""
        if len(self.all) == 1:
            return None if self.all[0].read_only else self.all[0]
        able = [client for client in self.all if not client.read_only]
        return max(able, key=lambda client: client.typed, default=None)

    def add(self, client: Client) -> None:
        """Takes a client in; its size rules from now on, unless it only watches."""
        self.all.append(client)
        if client.read_only:
            self._fit(client)
        else:
            self.typed(client)

    def remove(self, client: Client) -> None:
        """Lets a client go; the next most recent one's size rules."""
        self.all.remove(client)
        self.obey()

    def typed(self, client: Client) -> bool:
        """Notes that a client typed: it leads. Whether it did not before."""
        if client.typed == self.turn and self.turn:
            return False
        self.turn += 1
        client.typed = self.turn
        self.obey()
        return True

    def obey(self) -> None:
        """Gives the session the leader's size, and every client the way of feeding that fits its own."""
        leader = self.leader
        if leader is not None and leader.size != self.size:
            grown = leader.size[:2] != self.size[:2]
            self.size = leader.size
            self._apply(leader.size)
            if grown:
                for client in self.all:
                    if client.mode == RAW:
                        client.need(REPAINT)
        for client in self.all:
            self._fit(client)

    def _fit(self, client: Client) -> None:
        """Raw for a terminal of the session's size, else drawn; one that is set aside or held stays so."""
        if client.mode in (ASIDE, HELD):
            return
        mode = RAW if client.size[:2] == self.size[:2] else DRAWN
        if mode != client.mode:
            client.mode = mode
            client.view = None
            client.need(ENTER)

    def set_aside(self, client: Client, mode: str) -> None:
        """Feeds a client nothing until it reads again (ASIDE) or asks for the screen (HELD)."""
        if client.left < 0:
            client.left = client.position
        client.mode = mode
        client.needs = ""

    def bring_back(self, client: Client) -> None:
        """Feeds a client again that was set aside or held: first what it missed."""
        client.mode = RAW if client.size[:2] == self.size[:2] else DRAWN
        client.view = None
        client.need(RESYNC)

    def slow(self, log: OutputLog) -> list[Client]:
        """The raw clients that are too far behind and are not waited for."""
        late = [client for client in self.all if client.fed() and client.behind(log) > FARTHEST]
        if not late:
            return late
        now = time.monotonic()
        leader = self.leader
        return [client for client in late if (client is not leader or now - client.connection.touched > STALLED)]

    def awaited(self, log: OutputLog) -> Client | None:
        """The client for which the program waits: the leader, where it is too far behind and still takes bytes."""
        leader = self.leader
        if leader is None or not leader.fed() or leader.behind(log) <= FARTHEST:
            return None
        return leader

    def asked(self, log: OutputLog) -> Client | None:
        """The client whose terminal answers the program's queries: raw, writable, reading; the last active one."""
        able = [
            client for client in self.all if client.fed() and not client.read_only and client.behind(log) <= FARTHEST
        ]
        return max(able, key=lambda client: client.typed, default=None)
