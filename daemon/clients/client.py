"""The attached clients of a session: their terminals, and what each was sent, has acknowledged and has asked for."""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Optional

from sesh.daemon.clients.connection import PeerConnection, Reader
from sesh.daemon.clients.reply_filter import ReplyFilter
from sesh.daemon.clients.window import HERE, PATIENCE, Window
from sesh.daemon.pty.output_log import OutputLog, Place
from sesh.schema.facts import AttachedClient
from sesh.system.clock import STEADY
from sesh.text import sizes
from sesh.text.safe import plain
from sesh.text.sizes import Size, clamp_size
from sesh.text.times import stamp
from sesh.vt.render.replay import Replay
from sesh.vt.render.viewport import Viewport
from sesh.wire.messages import Hello

FRAME = 16 << 10  # bytes of one frame of output: a client that leaves writes the frame that it has begun
REPLAY_LINES = 1_000  # lines of scrollback that a client gets by default
MAX_LINES = 1_000_000  # lines of scrollback that a client gets at most
MAX_RETURNING = 64  # clients that are remembered after they left; the oldest is dropped
WATCHED_FOR = 30.0  # seconds after a key in which the session counts as watched
LEADER_RETURNS = 2.0  # seconds that a lost leader has to return; meanwhile the session keeps its size


class Mode(Enum):
    """How a client gets the session; the values are the words in `status`."""

    LIVE = "raw"  # the program's bytes
    DUE = "aside"  # next a screen
    VIEWPORT = "drawn"  # a part of the screen, drawn: its terminal and the session differ in size


class Follower(Reader):
    """A request that gets the output as it comes, such as that of `logs -f`."""

    def __init__(self, connection: PeerConnection, position: int) -> None:
        super().__init__(connection)
        self.position = position
        self.skipped = 0  # bytes

    def behind(self, log: OutputLog) -> int:
        return log.head - self.position + len(self.connection.unsent)

    def waited_for(self, now: float) -> bool:
        """Return whether the program would wait for it: it reads what it is sent."""
        return not self.connection.unsent or now - self.connection.progress_at <= PATIENCE

    def skip_to(self, position: int) -> None:
        self.skipped += position - self.position
        self.position = position


@dataclass(frozen=True)
class Terminal:
    """What a client says in HELLO about its terminal and its attachment."""

    pid: int
    tty: str
    machine: str
    auth_sock: str
    token: str  # identifies the client when it reconnects
    read_only: bool
    lines: int  # the most lines that it gets when it attaches, or where others are left out
    acknowledges: bool  # it sends GOT

    @classmethod
    def of(cls, hello: Hello) -> Terminal:
        remote = hello.get("remote", False)
        return cls(
            pid=hello.get("pid", 0),
            tty=plain(hello.get("tty", "")[:256]),
            machine=plain(hello.get("machine", "")[:256]),
            auth_sock=hello.get("auth_sock", "")[:1024],
            token=hello.get("client", "")[:64],
            read_only=hello.get("read_only", False),
            lines=sizes.clamped(hello.get("lines"), 0, MAX_LINES, REPLAY_LINES),
            acknowledges=remote or hello.get("acknowledges", False),
        )


@dataclass(frozen=True)
class LeftOut:
    """The lines that one terminal lacks, and nobody has told it: `count` of them, the last before number `before`."""

    count: int = 0
    before: int = 0

    def and_then(self, later: LeftOut) -> LeftOut:
        return LeftOut(self.count + later.count, later.before) if later.count else self


class Drawing(NamedTuple):
    """A screen that is being drawn, the position of the log that it shows, and what it does not show.

    `left_out`: lines; `images`, `effects`: what goes before and behind the screen.
    """

    replay: Replay
    position: int
    left_out: LeftOut
    images: bytes
    effects: bytes


class Client(Reader):
    """An attached client: its terminal, what it was sent and has acknowledged, and whether it has asked for a screen.

    Its mode follows from these (`mode`). `place`: where its terminal stands in the log; None before its first screen.
    """

    def __init__(self, connection: PeerConnection, number: int, hello: Hello) -> None:
        super().__init__(connection)
        now = time.monotonic()
        self.number = number
        self.terminal = Terminal.of(hello)
        self.size = clamp_size(hello.get("columns"), hello.get("rows"), hello.get("width"), hello.get("height"))
        self.window = Window(now, over_link=hello.get("remote", False))
        self.attached_at = STEADY.now()
        self.used_at = self.attached_at  # when a person last used it
        self.place: Place | None = None
        self.asked_at: float | None = now  # time (monotonic) since which it waits for a screen; None if it does not
        self.was_given_up = False  # as leader, by a program that waited: next it gets the screen, not all output
        self.redraw_number = self.answered_number = 0  # of its last REDRAW, and of the last screen that it was sent
        self.acts_from = 0  # the head when it first attached: no effect of the output before acts on its terminal
        self.seen_to: int | None = None  # the position up to which its terminal's scrollback has earlier output
        self.drawing: Drawing | None = None  # a screen that is not complete
        self.pieces: list[tuple[int, bytes]] = []  # of a screen that are not sent, the next one last
        self.viewport: Viewport | None = None
        self.viewport_due = 0.0  # time (monotonic) from which the next viewport may be sent
        self.viewed_from = 0  # where its terminal stood in the log before it showed a viewport
        self.viewed_rows = 0  # and how many rows it had
        self.left_out = LeftOut()
        self.replies = ReplyFilter()
        self.received_input = 0  # the number of the last INPUT that came, over any of its connections
        self.last_input = 0  # that of the last one that was typed

    @property
    def over_link(self) -> bool:
        return self.window.over_link

    def mode(self, size: Size) -> Mode:
        """Return how the client gets a session of this size."""
        if self.size[:2] != size[:2]:
            return Mode.VIEWPORT
        return Mode.LIVE if self.asked_at is None else Mode.DUE

    # -- what it was sent, and has acknowledged

    def sent(self, size: int, position: int, now: float) -> None:
        """Note `size` bytes that bring its terminal to `position`."""
        assert self.place is not None  # noqa: S101 (it has one from its first screen on)
        self.place.sent = position
        self.window.sent(size, position, now)

    def confirm(self, count: int, now: float) -> None:
        """Handle a GOT."""
        self._got(self.window.confirm(count, now))

    def confirm_all(self, now: float) -> None:
        """Take all bytes for acknowledged that the socket of a client without GOT has accepted."""
        if not self.connection.unsent:
            self._got(self.window.confirm_all(now))

    def _got(self, position: int | None) -> None:
        if position is not None and self.place is not None:
            self.place.got = max(self.place.got, position)  # -1 for what it has ignored

    def behind(self, log: OutputLog) -> int:
        """Return how many bytes of output its terminal may not have shown."""
        if self.place is None or self.viewport is not None:
            return 0
        return log.head - self.place.sent + self.window.in_flight

    def stuck_at(self) -> float:
        """Return the time from which on nobody waits for it; inf if it owes nothing."""
        at = self.window.stuck_at()
        return min(at, self.connection.progress_at + PATIENCE) if self.connection.unsent else at

    def was_sent(self, position: int) -> bool:
        return self.place is not None and self.place.sent >= position and not self.connection.unsent

    # -- screens

    def ask_screen(self, now: float) -> None:
        """Note that the client needs a screen; one that is being drawn is out of date."""
        if self.asked_at is None:
            self.asked_at = now
        self.drawing = None

    def redraw_from(self, position: int, number: int, now: float) -> None:
        """Note that the terminal ignores all output between `position` and the next screen."""
        self.redraw_number = number
        self.pieces.clear()
        self.window.forget_positions()
        self.ask_screen(now)
        if self.viewport is not None:
            self.begin_viewport(clear=False, alternate=self.viewport.alternate)
        if self.place is not None:
            self.place.sent = max(self.place.got, min(position, self.place.sent))

    def begin_viewport(self, *, clear: bool, alternate: bool = False) -> None:
        """Begin to draw a viewport anew.

        `clear`: first scroll the terminal's content away; `alternate`: it shows its alternate screen.
        """
        self.viewport = Viewport(*self.size[:2], clear=clear)
        self.viewport.alternate = alternate

    @property
    def takes_screen(self) -> bool:
        """True if a screen that is sent now would arrive soon."""
        return not self.connection.unsent and self.window.nearly_empty

    def as_status(self, size: Size) -> AttachedClient:
        """Return its row in `status` of a session of this size."""
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
            "mode": self.mode(size).value,
        }


def client_of(connection: PeerConnection) -> Client | None:
    return connection.reader if isinstance(connection.reader, Client) else None


@dataclass(frozen=True)
class Returning:
    """What is remembered of a client that has left, in case it comes back."""

    last_input: int  # the number of its last INPUT
    used_at: float
    place: Optional[Place] = None
    left_out: LeftOut = LeftOut()
    viewed: Optional[tuple[int, int, bool]] = None
    """Of a viewport: `viewed_from`, `viewed_rows`, and whether the alternate screen showed."""


@dataclass(frozen=True)
class LostLeader:
    """A leader whose connection was lost: when it was used last, and until when (monotonic) it may return.

    `place`: where its terminal stands, if the program waits for it meanwhile.
    """

    used_at: float = 0.0
    until: float = 0.0
    place: Optional[Place] = None


@dataclass(frozen=True)
class ClientsState:
    """What a reload keeps of the clients: they come back, and none of them takes the leader's place meanwhile."""

    size: Size
    last_number: int
    returning: dict[str, Returning]
    lost: LostLeader


class Clients:
    """The attached clients, and their leader, whose terminal gives the session its size."""

    def __init__(self, size: Size) -> None:
        self.all: list[Client] = []
        self.leader: Client | None = None  # see `choose_leader`
        self.size = size
        self.last_number = 0  # of the newest client
        self.returning: dict[str, Returning] = {}  # by the client's token
        self.lost = LostLeader()
        self.lost_limit = HERE  # bytes that the program may print beyond what the terminal of a lost leader has shown
        self._is_chosen = True  # nothing has changed since the leader was chosen

    def __len__(self) -> int:
        return len(self.all)

    @property
    def state(self) -> ClientsState:
        """What a reload keeps: each client may return."""
        for client in self.all:
            self.remember(client)
        lost = self.lost
        if self.leader is not None:
            lost = LostLeader(self.leader.used_at, time.monotonic() + LEADER_RETURNS, self.leader.place)
        return ClientsState(self.size, self.last_number, self.returning, lost)

    @state.setter
    def state(self, state: ClientsState) -> None:
        self.size, self.last_number = state.size, state.last_number
        self.returning, self.lost = state.returning, state.lost

    @property
    def watched(self) -> bool:
        """True if a person has typed or attached in the last `WATCHED_FOR` seconds."""
        return any(STEADY.now() - client.used_at < WATCHED_FOR for client in self.all)

    def add(self, client: Client) -> None:
        self.all.append(client)
        self.last_number = client.number
        self._is_chosen = False

    def remember(self, client: Client) -> None:
        """Remember a client that leaves or is about to leave, in case it reconnects."""
        if not client.terminal.token:
            return
        viewed = (
            None if client.viewport is None else (client.viewed_from, client.viewed_rows, client.viewport.alternate)
        )
        self.returning[client.terminal.token] = Returning(
            client.last_input, client.used_at, client.place if viewed is None else None, client.left_out, viewed
        )
        if len(self.returning) > MAX_RETURNING:
            del self.returning[next(iter(self.returning))]

    def remove(self, client: Client, *, returns: bool) -> None:
        """Remove a client. `returns`: its connection was lost, and it may be back at once."""
        self.remember(client)
        self.all.remove(client)
        self._is_chosen = False
        if client is self.leader:
            self.leader = None
            self.lost = self._lost(client, time.monotonic()) if returns else LostLeader()
            self.lost_limit = client.window.size

    def _lost(self, leader: Client, now: float) -> LostLeader:
        """Return what is kept of a lost leader. The program waits for one whose link may be replaced by the next.

        The connection of a client on this machine is lost only with the client.
        """
        is_waited_for = leader.over_link and leader.viewport is None and now <= leader.stuck_at()
        return LostLeader(leader.used_at, now + LEADER_RETURNS, leader.place if is_waited_for else None)

    def note_key(self, client: Client) -> None:
        """Note that a person has typed at a client, which is to lead."""
        client.used_at = STEADY.now()
        self._is_chosen = self._is_chosen and client is self.leader

    def note_size(self, client: Client, size: Size) -> None:
        """Note a client's new size."""
        client.size = size
        self._is_chosen = False

    def shows(self, client: Client, position: int) -> bool:
        """Return whether a client gets the program's bytes, and was sent those up to a position."""
        return client.mode(self.size) is Mode.LIVE and client.was_sent(position)

    def last_showing(self, position: int) -> Client | None:
        """Return the writable client used last among those that show the output up to a position."""
        return last_used([client for client in self.all if self.shows(client, position)])

    @property
    def due(self) -> float:
        """The time (monotonic) at which a lost leader is given up."""
        if not self._is_chosen:
            return 0.0
        return self.lost.until if self.lost.until and self.all else float("inf")

    def choose_leader(self, now: float) -> Size | None:
        """Let the last used writable client lead; return the session's new size, None if it stays.

        While a lost leader may return, a client that was used before it does not take its place.
        """
        if self._is_chosen and now < (self.lost.until or float("inf")):
            return None
        self._is_chosen = True
        leader = last_used(self.all)
        if self.leader is None and now < self.lost.until and (leader is None or leader.used_at < self.lost.used_at):
            return None
        self.leader = leader
        self.lost = LostLeader()
        if leader is None or leader.size == self.size:
            return None
        self.size = leader.size
        return leader.size


def last_used(clients: list[Client]) -> Client | None:
    """Return the writable client that was used last."""
    writable = [client for client in clients if not client.terminal.read_only]
    return max(writable, key=lambda client: client.used_at, default=None)
