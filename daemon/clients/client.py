"""The attached clients of a session: their terminals, and how each gets output."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

from sesh import measures, protocol
from sesh.daemon.base.observers import Observers
from sesh.daemon.clients.connection import PeerConnection, Reader, Window
from sesh.daemon.clients.replies import ReplyFilter
from sesh.daemon.pty.output_log import OutputLog
from sesh.daemon.screen.model import TerminalState
from sesh.measures import STEADY, Size, clamp_size, stamp
from sesh.messages import Hello
from sesh.schema import AttachedClient
from sesh.vt.render.replay import Replay
from sesh.vt.render.viewport import Viewport
from sesh.wording import plain

LAG = 1 << 20  # bytes that a client may lag; above it, the client is late
LAG_OVER_LINK = 64 << 10  # the same over a link, not counting the bytes in flight; an echo waits behind all these bytes
REPLAY_LINES, MAX_LINES = 1_000, 1_000_000  # lines of scrollback that a client gets: by default, at most
PACE = 0.7  # seconds that an ACK waits for later ones; then it goes with the next output
QUIET = 0.3  # seconds without a key after which an ACK is sent alone
ACK_FROM = protocol.INPUT_WINDOW >> 3  # bytes of INPUT after which an ACK is sent at once, not with the next output
MAX_DEPARTED = 64  # clients whose last INPUT is remembered after they left; the oldest is dropped
WATCHED_FOR = 30.0  # seconds after a key in which the session counts as watched


@dataclass(frozen=True)
class Live:
    """The client gets the program's bytes, from its position on."""

    mode: ClassVar[str] = "raw"  # the name of this state in `--status`
    before_drawn: ClassVar[TerminalState | None] = None


@dataclass(frozen=True)
class Aside:
    """The client gets nothing until it has read everything; then it gets a screen.

    Before the screen it gets the scrollback if it has just attached, else the lines that it missed: none if its
    terminal shows drawn screens, else those after its position (-1: its terminal shows no output yet).
    """

    mode: ClassVar[str] = "aside"
    before_drawn: TerminalState | None = None  # if the terminal shows drawn screens: its state before the first one
    attach: bool = False  # the client has just attached
    drawing: Replay | None = None  # the screen, while it is drawn in parts


@dataclass(frozen=True)
class Drawn:
    """The client gets drawn screens: its terminal and the session differ in size."""

    mode: ClassVar[str] = "drawn"
    viewport: Viewport
    before_drawn: TerminalState


@dataclass(frozen=True)
class Terminal:
    """What a client says in HELLO about its terminal and its attachment."""

    pid: int
    tty: str
    machine: str
    auth_sock: str
    token: str  # identifies the client when it reconnects
    tells: bool  # the terminal shows notifications
    read_only: bool
    remote: bool  # attached over a link
    replays: bool  # gets scrollback when it attaches
    lines: int  # the most lines that it gets when it attaches, or after it was late

    @classmethod
    def of(cls, hello: Hello) -> Terminal:
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


class DueAck:
    """The ACK that is due to a client.

    It goes with output, at most each `PACE`, or alone in a pause of typing: a packet for each key would cost as much as
    the key, and half as many bytes again as `ssh -C` (`bench.links.wire`).
    """

    def __init__(self) -> None:
        self.number = 0  # of the last INPUT to acknowledge, 0 for none
        self._from = 0.0  # time (monotonic) from which it goes with output
        self._size = 0  # bytes of INPUT since an ACK was last sent at once

    def add(self, number: int, size: int, *, at_once: bool) -> bool:
        """Note an INPUT of `size` bytes; return whether its ACK goes at once."""
        if not self.number:
            self._from = time.monotonic() + PACE
        self.number = number
        self._size += size
        at_once = at_once or self._size >= ACK_FROM
        if at_once:
            self._size = 0
        return at_once

    @property
    def goes_with_output(self) -> bool:
        return self.number != 0 and time.monotonic() >= self._from

    def take(self) -> int:
        number, self.number = self.number, 0
        return number


class Client(Reader):
    def __init__(
        self, connection: PeerConnection, number: int, hello: Hello, in_flight: Callable[[int], object]
    ) -> None:
        super().__init__(connection, -1)
        self.number, self.terminal = number, Terminal.of(hello)
        self.size = clamp_size(hello.get("columns"), hello.get("rows"), hello.get("width"), hello.get("height"))
        self.since = self.used_at = STEADY.now()  # when it attached, and when a person last used it
        self.window = Window(in_flight) if self.terminal.remote and hello.get("got", False) else None
        self.limit = LAG if self.window is None else LAG_OVER_LINK
        self.state: Live | Aside | Drawn = Aside(attach=True)
        self.redraw_due = False  # the next screen responds to a REDRAW
        self.replies = ReplyFilter()
        self.last_input = 0
        self.ack = DueAck()

    def gets_output(self) -> bool:
        return isinstance(self.state, Live)

    def take_ack(self) -> int:
        return self.ack.take() if self.ack.goes_with_output else 0

    def send_ack(self) -> None:
        """Send the due ACK, if any, before further output."""
        if number := self.ack.take():
            self.connection.queue(protocol.numbered(protocol.ACK, number, b""))
            self.connection.flush()

    @property
    def blank(self) -> bool:
        """True if its terminal shows no output of the session yet."""
        return self.position < 0

    def was_sent_all(self, log: OutputLog) -> bool:
        return self.position == log.head and not self.connection.unsent

    # -- transitions between the states, with the position

    def resume(self, position: int, *, live: bool) -> None:
        """Go on from `position`, with the bytes after it, or else with a screen."""
        self.position = position
        self.state = Live() if live else Aside()

    def set_aside(self) -> None:
        """Make the client wait for a screen. A replay that has begun goes on."""
        if not (isinstance(self.state, Aside) and self.state.attach):
            self.state = Aside(self.state.before_drawn)

    def redraw_from(self, position: int) -> None:
        """Note that the terminal ignores all output between `position` and the next screen."""
        if isinstance(self.state, Aside) and self.state.attach:
            self.state = Aside(attach=True)  # it ignores parts of its replay, which begins again
        else:
            self.position = position

    def draw_on(self, aside: Aside, drawing: Replay) -> None:
        """Send the drawn part if the terminal is blank; draw the rest later."""
        # A terminal that shows output gets all parts at once: if the link broke between two parts, the terminal would
        # get the lines of the first part twice. No echo would come earlier otherwise, because these lines must enter
        # the scrollback before the screen that the echo changes.
        if self.blank:
            self.send_part(drawing.take())
        self.state = replace(aside, drawing=drawing)

    def begin_drawn(self, before_drawn: TerminalState, *, clear: bool) -> None:
        """Change to drawn screens; `clear` if the terminal does not show this session whole."""
        if clear:
            self.position = -1
        self.state = Drawn(Viewport(*self.size[:2], clear=clear), before_drawn)

    def draw(self, position: int, screen: bytes) -> None:
        self.position = position
        if screen:
            self.send_screen(position, screen)

    # -- screens

    @property
    def takes_screen(self) -> bool:
        """True if a screen that is sent now would arrive soon."""
        return not self.connection.unsent and (self.window is None or self.window.drained)

    def send_part(self, screen: bytes) -> None:
        """Send a part of a screen; a client without the last part is blank."""
        self._send(protocol.SCREEN, protocol.PART, screen)

    def send_screen(self, position: int, screen: bytes) -> None:
        """Send the screen of a position, as REDRAW if the client has sent one."""
        kind = protocol.REDRAW if self.redraw_due else protocol.SCREEN
        self.redraw_due = False
        self.position = position
        self._send(kind, position, screen)

    def _send(self, kind: int, position: int, screen: bytes) -> None:
        self.connection.queue(*protocol.screen_frames(kind, position, screen))
        if self.window is not None:
            self.window.add(len(screen), self.position)
        self.connection.flush()  # at once: during a flood, the end of the loop's turn may be far away

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


def client_of(connection: PeerConnection) -> Client | None:
    return connection.reader if isinstance(connection.reader, Client) else None


@dataclass(frozen=True)
class Departed:
    last_input: int  # the number of its last INPUT
    used_at: float
    exact: bool  # its terminal shows the raw output up to its position


class Clients:
    def __init__(self, size: Size) -> None:
        self.all: list[Client] = []
        self.leader: Client | None = None  # the client that typed last (attaching counts), except read-only ones
        self.size = size
        self.on_resize: Observers[[Size]] = Observers()  # called with the session's new size
        self.last_number = 0  # of the newest client
        self.departed: dict[str, Departed] = {}  # by the client's token

    def __len__(self) -> int:
        return len(self.all)

    @property
    def watched(self) -> bool:
        """True if a person has typed or attached in the last `WATCHED_FOR` seconds."""
        return any(STEADY.now() - client.used_at < WATCHED_FOR for client in self.all)

    def add(self, client: Client) -> None:
        self.all.append(client)
        self.last_number = client.number
        self.fit()

    def remember(self, client: Client) -> None:
        """Remember a client that leaves or is about to leave, in case it reconnects."""
        if not client.terminal.token:
            return
        state = client.state
        partly_drawn = client.blank and isinstance(state, Aside) and state.drawing is not None
        exact = state.before_drawn is None and not partly_drawn
        self.departed[client.terminal.token] = Departed(client.last_input, client.used_at, exact)
        if len(self.departed) > MAX_DEPARTED:
            del self.departed[next(iter(self.departed))]

    def remove(self, client: Client) -> None:
        self.remember(client)
        self.all.remove(client)
        self.fit()

    def lead(self, client: Client) -> None:
        """Note that a person has typed at a client, which leads from now on."""
        client.used_at = STEADY.now()
        if client is not self.leader:
            self.fit()

    def fit(self) -> None:
        """Choose the leader, and give the session the size of its terminal."""
        self.leader = leader = _last_used(self.all)
        if leader is not None and leader.size != self.size:
            self.size = leader.size
            self.on_resize(leader.size)

    def replying(self, log: OutputLog) -> Client | None:
        """Return the last used client that has all output: its terminal replies to queries."""
        return _last_used([client for client in self.all if client.gets_output() and client.was_sent_all(log)])


def _last_used(clients: list[Client]) -> Client | None:
    writable = [client for client in clients if not client.terminal.read_only]
    return max(writable, key=lambda client: client.used_at, default=None)
