"""The attached clients of a session: their terminals, and how each gets output."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Optional, Union

from sesh.daemon.base.observers import Observers
from sesh.daemon.clients.connection import PeerConnection, Reader, Window
from sesh.daemon.clients.reply_filter import ReplyFilter
from sesh.daemon.pty.output_log import OutputLog
from sesh.daemon.screen.model import TerminalState
from sesh.schema.facts import AttachedClient
from sesh.system.clock import STEADY
from sesh.text import sizes
from sesh.text.safe import plain
from sesh.text.sizes import Size, clamp_size
from sesh.text.times import stamp
from sesh.vt.render.replay import Replay
from sesh.vt.render.viewport import Viewport
from sesh.wire import protocol
from sesh.wire.messages import Hello

LAG = 1 << 20  # bytes that a client may lag; above it, the client is late
LAG_OVER_LINK = 64 << 10
"""Bytes that a client over a link may lag, besides those in flight: an echo waits behind all of them."""
BLANK = -1  # the position of a client whose terminal does not show the session yet
REPLAY_LINES = 1_000  # lines of scrollback that a client gets by default
MAX_LINES = 1_000_000  # lines of scrollback that a client gets at most
MAX_DEPARTED = 64  # clients whose last INPUT is remembered after they left; the oldest is dropped
WATCHED_FOR = 30.0  # seconds after a key in which the session counts as watched


# -- how a client gets the program's output


@dataclass(frozen=True)
class Live:
    """The client gets the program's bytes, from its position on."""


@dataclass(frozen=True)
class Due:
    """The client gets nothing yet; next the lines that its terminal lacks, and the screen."""

    unfinished: Replay | None = None  # of these


@dataclass(frozen=True)
class Viewing:
    """The client gets a viewport: its terminal and the session differ in size."""

    viewport: Viewport


ClientState = Union[Live, Due, Viewing]
MODES = {Live: "raw", Due: "aside", Viewing: "drawn"}
"""The words for the states in `status`: `mode` of a client."""


# -- clients


@dataclass(frozen=True)
class Terminal:
    """What a client says in HELLO about its terminal and its attachment."""

    pid: int
    tty: str
    machine: str
    auth_sock: str
    token: str  # identifies the client when it reconnects
    read_only: bool
    lines: int  # the most lines that it gets when it attaches, or after it was late

    @classmethod
    def of(cls, hello: Hello) -> Terminal:
        return cls(
            pid=hello.get("pid", 0),
            tty=plain(hello.get("tty", "")[:256]),
            machine=plain(hello.get("machine", "")[:256]),
            auth_sock=hello.get("auth_sock", "")[:1024],
            token=hello.get("client", "")[:64],
            read_only=hello.get("read_only", False),
            lines=sizes.clamped(hello.get("lines"), 0, MAX_LINES, REPLAY_LINES),
        )


class Client(Reader):
    """An attached client: its terminal, how it gets output, and what is due to it."""

    def __init__(
        self, connection: PeerConnection, number: int, hello: Hello, in_flight: Callable[[int], object]
    ) -> None:
        super().__init__(connection, BLANK)
        self.number = number
        self.terminal = Terminal.of(hello)
        self.size = clamp_size(hello.get("columns"), hello.get("rows"), hello.get("width"), hello.get("height"))
        self.attached_at = STEADY.now()
        self.used_at = self.attached_at  # when a person last used it
        if hello.get("remote", False):
            self.window = Window(in_flight)
            self.limit = LAG_OVER_LINK
        else:
            self.limit = LAG
        self.state: ClientState = Due()
        self.seen_to: int | None = None  # the position up to which its terminal's scrollback has earlier output
        self.before_viewport: TerminalState | None = None
        """The terminal's state before it showed a viewport, but `alternate` as it is, until it shows a screen again."""
        self.redraw_number = 0  # of its last REDRAW
        self.replies = ReplyFilter()
        self.last_input = 0

    @property
    def over_link(self) -> bool:
        return self.window is not None

    @property
    def gets_output(self) -> bool:
        return isinstance(self.state, Live)

    @property
    def blank(self) -> bool:
        """True if its terminal does not show the session yet."""
        return self.position == BLANK

    def was_sent_all(self, log: OutputLog) -> bool:
        return self.position == log.head and not self.connection.unsent

    # -- transitions between the states

    def resume(self, *, live: bool) -> None:
        """Go on with bytes from the position on, or else with another screen."""
        self.before_viewport = None
        self.state = Live() if live else Due()

    def await_screen(self) -> None:
        """Wait for missed lines and a screen; one that waits already waits for another one."""
        self.state = Due()

    def redraw_from(self, position: int, number: int) -> None:
        """Note that the terminal ignores all output between `position` and the next screen."""
        self.redraw_number = number
        if not self.blank:
            self.position = position

    def begin_viewport(self, before: TerminalState) -> None:
        """Change to a viewport, whose terminal was in the state `before`."""
        self.before_viewport = before
        columns, rows = self.size[:2]
        self.state = Viewing(Viewport(columns, rows, clear=self.blank))

    # -- screens

    @property
    def takes_screen(self) -> bool:
        """True if a screen that is sent now would arrive soon."""
        return not self.connection.unsent and (self.window is None or self.window.drained)

    def send_screen(self, position: int, replay: bytes) -> None:
        """Send the screen of a position."""
        self.position = position
        self.connection.queue(*protocol.screen_frames(position, self.redraw_number, replay))
        if self.window is not None:
            self.window.add(len(replay), position)
        self.connection.flush()  # at once: during a flood, the end of the loop's turn may be far away

    def as_status(self) -> AttachedClient:
        columns, rows = self.size[:2]
        return {
            "id": self.number,
            "pid": self.terminal.pid,
            "tty": self.terminal.tty,
            "machine": self.terminal.machine or None,
            "columns": columns,
            "rows": rows,
            "since": stamp(STEADY.wall_time(self.attached_at)),
            "read_only": self.terminal.read_only,
            "mode": MODES[type(self.state)],
        }


def client_of(connection: PeerConnection) -> Client | None:
    return connection.reader if isinstance(connection.reader, Client) else None


@dataclass(frozen=True)
class Departed:
    """What is remembered of a client that has left, in case it comes back."""

    last_input: int  # the number of its last INPUT
    used_at: float
    before_viewport: Optional[TerminalState] = None


class Clients:
    """The attached clients, and their leader, whose terminal gives the session its size."""

    def __init__(self, size: Size) -> None:
        self.all: list[Client] = []
        self.leader: Client | None = None  # see `choose_leader`
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
        self.choose_leader()

    def remember(self, client: Client) -> None:
        """Remember a client that leaves or is about to leave, in case it reconnects."""
        if not client.terminal.token:
            return
        self.departed[client.terminal.token] = Departed(client.last_input, client.used_at, client.before_viewport)
        if len(self.departed) > MAX_DEPARTED:
            del self.departed[next(iter(self.departed))]

    def remove(self, client: Client) -> None:
        self.remember(client)
        self.all.remove(client)
        self.choose_leader()

    def note_key(self, client: Client) -> None:
        """Note that a person has typed at a client, which becomes the leader."""
        client.used_at = STEADY.now()
        if client is not self.leader:
            self.choose_leader()

    def choose_leader(self) -> None:
        """Let the last used writable client lead; the session gets the size of its terminal."""
        self.leader = leader = _last_used(self.all)
        if leader is not None and leader.size != self.size:
            self.size = leader.size
            self.on_resize(leader.size)

    def replying(self, log: OutputLog) -> Client | None:
        """Return the last used client that has all output: its terminal replies to queries."""
        return _last_used([client for client in self.all if client.gets_output and client.was_sent_all(log)])


def _last_used(clients: list[Client]) -> Client | None:
    writable = [client for client in clients if not client.terminal.read_only]
    return max(writable, key=lambda client: client.used_at, default=None)
