"""The attached clients of a session: their terminals, and what each was sent, has acknowledged and has asked for.

The state of a client's output (`Output`) is stored nowhere: it is the first of these that is true.

| state    | it is true if                          | the client gets                    | it ends                     |
|----------|----------------------------------------|------------------------------------|-----------------------------|
| SENDING  | a screen is drawn, and not all of it   | its next pieces, as there is room  | with the last piece; at     |
|          | is sent                                |                                    | REDRAW                      |
| VIEWPORT | its terminal has another size than the | the changed rows of a part of the  | when the sizes agree: then  |
|          | session                                | screen, 30 times a second          | it is DUE                   |
| DRAWING  | a screen for it is begun, and not      | nothing                            | once it is drawn; DUE, if   |
|          | drawn                                  |                                    | it asks anew                |
| DUE      | it has asked for a screen: it is new   | output, if the program waits for   | when the emulator is near   |
|          | or left behind, has sent REDRAW, or a  | it and it needs that first; else   | and little is in flight:    |
|          | size has changed                       | nothing                            | DRAWING                     |
| LIVE     | else                                   | output, as there is room           | as it asks for a screen     |
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Optional

from sesh.daemon.base.due import NEVER
from sesh.daemon.clients.connection import PeerConnection, Reader
from sesh.daemon.clients.focus import Focus
from sesh.daemon.clients.reply_filter import ReplyFilter
from sesh.daemon.pty.output_log import OutputLog, Place
from sesh.schema.facts import AttachedClient
from sesh.system import platforms
from sesh.system.clock import STEADY
from sesh.text import sizes
from sesh.text.safe import plain
from sesh.text.sizes import Size, clamp_size
from sesh.text.times import stamp
from sesh.vt.render.replay import Replay
from sesh.vt.render.viewport import Viewport
from sesh.wire import protocol
from sesh.wire.messages import Hello
from sesh.wire.window import PATIENCE, LinkWindow, Window

FRAME = 16 << 10  # bytes of one frame of output: a client that leaves writes the frame that it has begun
REPLAY_LINES = 1_000  # lines of scrollback that a client gets by default
MAX_LINES = 1_000_000  # lines of scrollback that a client gets at most
MAX_RETURNING = 64  # clients that are remembered after they left; the oldest is dropped
WATCHED_FOR = 30.0  # seconds after a key in which the session counts as watched
LEADER_RETURNS = 2.0  # seconds that a lost leader has to return; meanwhile the session keeps its size


class Output(Enum):
    """The state of a client's output: see the table above."""

    SENDING = auto()
    VIEWPORT = auto()
    DRAWING = auto()
    DUE = auto()
    LIVE = auto()


_WORDS = {
    Output.SENDING: "aside", Output.VIEWPORT: "drawn", Output.DRAWING: "aside", Output.DUE: "aside", Output.LIVE: "raw"
}  # fmt: skip
"""The words in `status`."""


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
    version: str  # of its sesh
    has_display: bool  # programs of this machine show on its person's display

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
            version=plain(hello.get("version", "")[:20]),
            has_display=platforms.brings_display(hello.get("renewed", {})),
        )


@dataclass(frozen=True)
class LeftOut:
    """The lines that one terminal lacks, and nobody has told it: `count` of them, the last before number `before`."""

    count: int = 0
    before: int = 0

    def and_then(self, later: LeftOut) -> LeftOut:
        return LeftOut(self.count + later.count, later.before) if later.count else self


@dataclass(frozen=True)
class AskedScreen:
    """A screen for which a client waits, until it is drawn."""

    since: float  # time (monotonic)
    given_up: bool = False  # as leader, by a program that waited: next it gets the screen, not all output


@dataclass
class OutgoingScreen:
    """A screen on its way to one client: it is drawn in steps, then sent in pieces.

    `replay`: None if it is in pieces from the beginning. `images`, `effects`: what goes before and behind it.
    """

    position: int  # of the log, which it shows
    replay: Optional[Replay] = None
    left_out: LeftOut = LeftOut()  # lines that it does not bring
    images: bytes = b""
    effects: bytes = b""
    pieces: list[tuple[int, bytes]] = field(default_factory=list)  # those that are not sent, the next one last

    def draw(self, size: int) -> bool:
        """Draw the next part; return whether the screen is drawn, and in pieces of `size` bytes."""
        if self.replay is not None and self.replay.advance():
            return False
        replay = b"" if self.replay is None else self.replay.finish()
        self.pieces = [*protocol.screen_pieces(self.position, self.images + replay + self.effects, size)][::-1]
        return True


@dataclass
class Viewed:
    """A viewport that a terminal shows, and where the terminal stood before: it lacks the lines since then."""

    viewport: Viewport
    position: int  # in the log
    rows: int  # that it had
    due: float = 0.0  # time (monotonic) from which on it may be updated

    def begin_again(self, size: Size) -> None:
        """Draw all of the viewport anew, in a terminal of this size."""
        self.viewport = Viewport(*size[:2], clear=False, alternate=self.viewport.alternate)


class Client(Reader):
    """An attached client: its terminal, what it was sent and has acknowledged, and whether it has asked for a screen.

    `place`: where its terminal stands in the log; None before its first screen.
    """

    def __init__(self, connection: PeerConnection, number: int, hello: Hello) -> None:
        super().__init__(connection)
        now = time.monotonic()
        self.number = number
        self.terminal = Terminal.of(hello)
        self.size = clamp_size(hello.get("columns"), hello.get("rows"), hello.get("width"), hello.get("height"))
        self.window = LinkWindow(now) if hello.get("remote", False) else Window(now)
        self.attached_at = STEADY.now()
        self.used_at = self.attached_at  # when a person last used it
        self.place: Place | None = None
        self.asked: AskedScreen | None = AskedScreen(now)
        self.redraw_number = self.answered_number = 0  # of its last REDRAW, and of the last screen that it was sent
        self.acts_from = 0  # the head when it first attached: no effect of the output before acts on its terminal
        self.seen_to: int | None = None  # the position up to which its terminal's scrollback has earlier output
        self.begun = 0, 0  # bytes that it has of a frame that ends later, and lines that end in them
        self.screen: OutgoingScreen | None = None  # a screen on its way
        self.viewed: Viewed | None = None  # the viewport that its terminal shows
        self.left_out = LeftOut()
        self.reply_filter = ReplyFilter()
        self.focus = Focus.IN
        self.received_input = 0  # the number of the last INPUT that came, over any of its connections
        self.last_input = 0  # that of the last one that was typed

    @property
    def over_link(self) -> bool:
        return self.window.over_link

    def output(self, size: Size) -> Output:
        """Return the state of the client's output, in a session of this size."""
        screen = self.screen
        if screen is not None and screen.pieces:
            return Output.SENDING
        if self.size[:2] != size[:2]:
            return Output.VIEWPORT
        if screen is not None:
            return Output.DRAWING
        return Output.LIVE if self.asked is None else Output.DUE

    def in_step(self, size: Size) -> bool:
        """Return whether what was sent last, or is being sent, is the session itself, and no other screen is due."""
        return self.asked is None and self.size[:2] == size[:2]

    # -- what it was sent, and has acknowledged

    def note_sent(self, size: int, position: int, now: float) -> None:
        """Note `size` bytes that bring its terminal to `position`."""
        assert self.place is not None  # noqa: S101 (it has one from its first screen on)
        self.place.sent = position
        self.window.note_sent(size, position, now)

    def confirm(self, count: int, held_back_from: int | None, now: float) -> None:
        """Handle a GOT."""
        position = self.window.confirm(count, now)
        self._got(position if held_back_from is None or position is None else min(position, held_back_from))

    def confirm_all(self, now: float) -> None:
        """Take all bytes for acknowledged that the socket of a client without GOT has accepted."""
        if not self.connection.unsent:
            self._got(self.window.confirm_all(now))

    def _got(self, position: int | None) -> None:
        if position is not None and self.place is not None:
            self.place.got = max(self.place.got, position)  # -1 for what it has ignored

    def behind(self, log: OutputLog) -> int:
        """Return how many bytes of output its terminal may not have shown."""
        if self.place is None or self.viewed is not None:
            return 0
        return log.head - self.place.sent + self.window.in_flight

    def stuck_at(self) -> float:
        """Return the time from which on nobody waits for it; NEVER if it owes nothing."""
        at = self.window.stuck_at()
        return min(at, self.connection.progress_at + PATIENCE) if self.connection.unsent else at

    def lacks_nothing(self, head: int) -> bool:
        """Return whether there is nothing to send it: it has all output, and nobody has asked for a screen for it."""
        place = self.place
        if place is None or place.sent != head or self.asked is not None or self.screen is not None:
            return False
        return self.left_out.count == 0 and (self.terminal.acknowledges or not self.window.in_flight)

    def was_sent(self, position: int) -> bool:
        return self.place is not None and self.place.sent >= position and not self.connection.unsent

    # -- screens

    def ask_screen(self, now: float, *, given_up: bool = False) -> None:
        """Note that the client needs a screen, if it has not asked for one; one that is being drawn is out of date."""
        if self.asked is None:
            self.asked = AskedScreen(now, given_up)
        if self.screen is not None and not self.screen.pieces:
            self.screen = None

    def redraw_from(self, position: int, number: int, now: float) -> None:
        """Note that the terminal ignores all output between `position` and the next screen."""
        self.redraw_number = number
        self.screen = None
        self.window.forget_positions()
        self.ask_screen(now)
        if self.viewed is not None:
            self.viewed.begin_again(self.size)
        if self.place is not None:
            self.place.sent = max(self.place.got, min(position, self.place.sent))

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
            "mode": _WORDS[self.output(size)],
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
    """Of a viewport: position and rows before it (`Viewed`), and whether the alternate screen showed."""
    focus: Focus = Focus.IN


@dataclass(frozen=True)
class LostLeader:
    """A leader whose connection was lost: when it was used last, and until when (monotonic) it may return.

    `place`: after a reload, where its terminal stands, for which the program waits.
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
        self.due = NEVER  # time (monotonic) at which the leader is to be chosen: now, or once a lost one is given up

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
        self.due = 0.0

    def remember(self, client: Client) -> None:
        """Remember a client that leaves or is about to leave, in case it reconnects."""
        if not client.terminal.token:
            return
        viewed = None
        if client.viewed is not None:
            viewed = client.viewed.position, client.viewed.rows, client.viewed.viewport.alternate
        self.returning[client.terminal.token] = Returning(
            client.last_input,
            client.used_at,
            client.place if viewed is None else None,
            client.left_out,
            viewed,
            client.focus,
        )
        if len(self.returning) > MAX_RETURNING:
            del self.returning[next(iter(self.returning))]

    def remove(self, client: Client, *, returns: bool) -> None:
        """Remove a client. `returns`: its connection was lost, and it may be back at once."""
        self.remember(client)
        self.all.remove(client)
        self.due = 0.0
        if client is self.leader:
            self.leader = None
            self.lost = LostLeader(client.used_at, time.monotonic() + LEADER_RETURNS) if returns else LostLeader()

    def note_key(self, client: Client) -> None:
        """Note that a person has typed at a client, which is to lead."""
        client.used_at = STEADY.now()
        if client is not self.leader:
            self.due = 0.0

    def note_size(self, client: Client, size: Size) -> None:
        """Note a client's new size."""
        client.size = size
        self.due = 0.0

    def shows(self, client: Client, position: int) -> bool:
        """Return whether a client's terminal shows the session itself, and was sent it up to a position."""
        return client.in_step(self.size) and client.was_sent(position)

    def last_showing(self, position: int) -> Client | None:
        """Return the writable client used last among those that show the output up to a position."""
        return last_used([client for client in self.all if self.shows(client, position)])

    def choose_leader(self, now: float) -> Size | None:
        """Let the last used writable client lead; return the session's new size, None if it stays.

        While a lost leader may return, a client that was used before it does not take its place.
        """
        self.due = NEVER
        leader = last_used(self.all)
        if self.leader is None and now < self.lost.until and (leader is None or leader.used_at < self.lost.used_at):
            self.due = self.lost.until if self.all else NEVER
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
