"""Sends each client once in a turn what is due to it, and says how much the program may print.

What a client gets follows from the state of its output: `client` has a table of them.

The program waits for the leader and for each follower while they are further behind than their limit, and make
progress. Lines are left out for a client that nobody waits for, after an outage of which the log has lost some, and
where they exceed what a client wants at an attach; it is told how many.
"""

from __future__ import annotations

from math import inf

from sesh.daemon.base.due import NEVER
from sesh.daemon.base.faults import FaultLog
from sesh.daemon.clients.client import (
    FRAME,
    AskedScreen,
    Client,
    Clients,
    Follower,
    LeftOut,
    OutgoingScreen,
    Output,
    Viewed,
)
from sesh.daemon.clients.connection import PeerConnection
from sesh.daemon.pty.output_log import MAX_LAG, OutputLog, Place
from sesh.daemon.pty.pty import READ_LIMIT
from sesh.daemon.screen.feed import STEP_TIME, ScreenFeed
from sesh.daemon.screen.program_status import ProgramStatus
from sesh.vt.effects import EffectKind
from sesh.vt.render.replay import Replay, repainting, replaying
from sesh.vt.render.viewport import Viewport
from sesh.wire import protocol
from sesh.wire.window import HERE, MIN_WINDOW, PATIENCE

FRAME_TIME = 1 / 30  # seconds between two updates of a viewport
SCREEN_WAITS = 0.05  # seconds that a screen waits for the emulator to catch up; then the emulator's present one is sent
LINES_WAIT = 5.0  # the same, where the terminal has later lines than that screen, which would come twice
QUIET = 0.5  # seconds without output after which a client that does not lead is told what it lacks
PIECE = MIN_WINDOW >> 1  # bytes of one frame of a screen over a link
_SCHEME_REPORTS, _SCHEME_QUERY = 2031, "\x1b[?996n"
"""The mode in which a terminal reports a change of its colour scheme, and the query for it (contour's protocol)."""


class Sender:
    """Sends output, screens and viewports."""

    def __init__(
        self, log: OutputLog, feed: ScreenFeed, clients: Clients, program_status: ProgramStatus, faults: FaultLog
    ) -> None:
        self._faults = faults
        self._log = log
        self._feed = feed
        self._clients = clients
        self._program_status = program_status
        self.followers: dict[PeerConnection, Follower] = {}
        self.due = NEVER  # time (monotonic) at which something is to be sent although nothing comes

    def send(self, now: float) -> None:
        """Send each reader what is due to it."""
        self.due = NEVER
        for follower in self.followers.values():
            self._follow(follower)
        head = self._log.head
        for client in self._clients.all:
            if not (client.connection.closing or client.lacks_nothing(head)):
                try:
                    self._send_to(client, now)
                except Exception as error:  # the others go on
                    self._faults.note("a client could not be sent its output", error)
                    client.connection.discard()

    def _send_to(self, client: Client, now: float) -> None:
        connection = client.connection
        if not client.terminal.acknowledges and connection.flush():
            client.confirm_all(now)  # first: no other turn may come after its last bytes have left
        output = client.output(self._clients.size)
        if output is Output.LIVE and self._ask_if_left_behind(client, now):
            output = Output.DUE
        if output is Output.SENDING:
            self._send_pieces(client, now)
        elif connection.unsent and not connection.flush():
            pass  # its socket takes nothing
        elif output is Output.VIEWPORT:
            self._send_viewport(client, now)
        elif output is Output.LIVE:
            self._send_output(client, now)
        else:
            self._send_screen(client, now)
        if not client.terminal.acknowledges:
            client.confirm_all(now)
        if client.left_out.count:
            self._tell_in_time(client, now)

    def _ask_if_left_behind(self, client: Client, now: float) -> bool:
        """Note that a client needs a screen if output alone does not do for it any more; return whether that is so."""
        log = self._log
        is_late = client.behind(log) > client.window.size
        is_cut_off = client.place is not None and client.place.sent < log.base
        if not (is_cut_off or (is_late and not self._is_waited_for(client, now))):
            return False
        client.ask_screen(now, given_up=is_late and client is self._clients.leader)
        return True

    def _is_waited_for(self, client: Client, now: float) -> bool:
        awaits_image = client.asked is not None and self._feed.in_image  # whose rest the program must print
        return client is self._clients.leader and now <= client.stuck_at() and not awaits_image

    # -- output

    def _follow(self, follower: Follower) -> None:
        log = self._log
        connection = follower.connection
        while follower.position < log.head and not connection.closing and connection.flush():
            if follower.position < log.base:
                follower.skip_to(log.base)
            size = min(protocol.CHUNK, log.head - follower.position)
            connection.unsent += protocol.output_header(follower.position, size)
            for piece in log.read(follower.position, size):
                connection.unsent += piece
            follower.position += size
        connection.flush()

    def _send_output(self, client: Client, now: float) -> None:
        """Send output in frames that end at marks, while there is room."""
        place = client.place
        log = self._log
        if place is None or place.sent >= log.head:
            return
        connection = client.connection
        window = client.window
        while place.sent < log.head:
            if len(connection.unsent) >= protocol.CHUNK and not connection.flush():
                return
            end = log.mark_within(place.sent, min(window.frame, FRAME))
            size = end - place.sent
            if not window.takes(size):
                break
            connection.unsent += protocol.output_header(place.sent, size)
            if place.sent < client.acts_from:
                connection.unsent += self._without_effects(place.sent, end, client.acts_from)
            else:
                for piece in log.read(place.sent, size):
                    connection.unsent += piece
            client.note_sent(size, end, now)
        connection.flush()

    def _without_effects(self, start: int, end: int, since: int) -> bytes:
        """Return output in which no effect acts that begins before `since`: terminals ignore NUL, which replaces it."""
        output = bytearray(self._log.content(start, end))
        for effect in self._log.effects.all:
            first, last = max(start, effect.start), min(end, effect.end)
            if first < last and effect.start < since:
                output[first - start : last - start] = bytes(last - first)
        return bytes(output)

    # -- screens

    def _send_screen(self, client: Client, now: float) -> None:
        """Draw the lines that a client's terminal lacks, and the screen; once they are drawn, begin to send them."""
        if client.screen is None:
            if not self._is_time_for_screen(client, now):
                return
            client.screen = self._begin_screen(client)
        screen = client.screen
        if not screen.draw(PIECE if client.over_link else protocol.CHUNK):
            self.due = now  # goes on in the next turn
            return
        client.left_out = client.left_out.and_then(screen.left_out)
        needs_another = self._feed.in_image or screen.position > self._feed.position
        client.asked = AskedScreen(now) if needs_another else None
        self._send_pieces(client, now)

    def _is_time_for_screen(self, client: Client, now: float) -> bool:
        """Return whether the screen that a client waits for is to be drawn now; send it output that it needs before."""
        feed = self._feed
        place = client.place
        if feed.lag:
            feed.catch_up(STEP_TIME)
        if place is not None and self._needs_bytes(client, place, now):
            self._go_on(client, place, now)
            return False
        if feed.lag or feed.in_image:
            until = (now if client.asked is None else client.asked.since) + self._patience(client)
            if feed.lag:
                self.due = now
            elif place is not None:
                return False  # the output that ends the image begins the next turn
            else:
                self.due = min(self.due, max(now, until))
            if now < until or (feed.in_image and place is not None):
                return False
            if place is not None and client.viewed is None and place.sent > feed.position:
                self._go_on(client, place, now)
                return False
        return client.takes_screen  # else a GOT, or room in the socket, begins the next turn

    def _patience(self, client: Client) -> float:
        """Return the seconds that a screen waits for the emulator; more where the terminal has later lines."""
        has_later_lines = client.place is None and client.seen_to is not None and client.seen_to > self._feed.position
        return LINES_WAIT if has_later_lines else SCREEN_WAITS

    def _needs_bytes(self, client: Client, place: Place, now: float) -> bool:
        """Return whether a client for whom the program waits needs output before it can have a screen.

        A terminal needs what was printed before its size changed: the emulator notes how rows move at the resize.
        And it needs the lines that the scrollback has lost.
        """
        feed = self._feed
        if client.viewed is not None or place.sent < self._log.base or not self._is_waited_for(client, now):
            return False
        if client.asked is not None and client.asked.given_up:
            return False
        if place.sent < self._log.resized_at:
            return True
        if place.sent > feed.position:
            return False
        return feed.missed_since(feed.state_at(place.sent)) > feed.emulator.screen.scrollback.count

    def _go_on(self, client: Client, place: Place, now: float) -> None:
        """Let a client show output although it waits for a screen, which comes later."""
        if client.answered_number != client.redraw_number:
            client.answered_number = client.redraw_number
            begun = self._begun_line(place.sent, client.size[0])
            for data in (b"", begun):  # an empty screen is an answer, and says nothing of what the terminal shows
                client.connection.queue(protocol.screen_frame(place.sent, client.redraw_number, data))
            client.note_sent(len(begun), place.sent, now)
        self._send_output(client, now)

    def _begun_line(self, position: int, columns: int) -> bytes:
        """Return bytes that print the beginning of a line again, which sesh's own line may have covered."""
        begun = self._log.content(max(self._log.base, position - columns - 1), position).rpartition(b"\n")[2]
        return b"\r" + begun if 0 < len(begun) <= columns and begun.isascii() and begun.decode().isprintable() else b""

    def _begin_screen(self, client: Client) -> OutgoingScreen:
        """Begin to draw the lines that a client's terminal lacks, and the screen; note which lines are left out."""
        feed = self._feed
        place = client.place
        feed.apply_size()
        status = self._after_screen(client)
        images, effects = self._effects(client, place)
        if place is None:
            replay, left_out = self._first_screen(client, status)
        else:
            replay, left_out = self._repaint(client, place, status)
        position = feed.position
        if place is None and client.seen_to is not None:
            position = max(position, client.seen_to)  # the output between is above this screen already
        if place is None or client.viewed is not None:
            client.viewed = None
            client.place = Place(position, position)
            self._log.places.append(client.place)
        feed.note_state()
        return OutgoingScreen(position, replay, left_out, images, effects)

    def _effects(self, client: Client, place: Place | None) -> tuple[bytes, bytes]:
        """Return the effects of the output that a screen replaces: images, which it may cover, and all others.

        The others follow it, so that a terminal reports its cursor where the screen has it.
        """
        if place is None or not self._log.effects.all:
            return b"", b""
        between = self._log.effects.between(place.sent, self._feed.position)
        effects = [each for each in between if each.start >= client.acts_from]
        images = [each.data for each in effects if each.kind is EffectKind.IMAGE]
        return b"".join(images), b"".join(each.data for each in effects if each.kind is not EffectKind.IMAGE)

    def _first_screen(self, client: Client, status: str) -> tuple[Replay, LeftOut]:
        """Begin to draw a session on a terminal that may have some of its lines above other text."""
        feed = self._feed
        lines = client.terminal.lines
        missed = lines
        if client.seen_to is not None:
            state = feed.state_within(client.seen_to, *client.begun)
            missed = max(0, feed.missed_since(state) - state.on_screen)
            lines = min(missed, lines)
        return replaying(feed.emulator, lines=lines, status=status), self._left_out(missed - lines, lines)

    def _repaint(self, client: Client, place: Place, status: str) -> tuple[Replay, LeftOut]:
        """Begin to draw on a terminal that shows the session, or a viewport of it."""
        feed = self._feed
        emulator = feed.emulator
        viewed = client.viewed
        state = feed.state_at(place.sent if viewed is None else viewed.position)
        if viewed is not None:
            first_line = state.first_line_in(viewed.rows)
            state = state._replace(alternate=viewed.viewport.alternate, first_line=first_line)
        missed = feed.missed_since(state)
        is_viewport = viewed is not None
        keeps_all = client is self._clients.leader and not is_viewport and place.sent >= self._log.base
        lines = min(missed, emulator.screen.scrollback.count if keeps_all else client.terminal.lines)
        clear = lines < missed and not is_viewport  # first the old screen goes to the terminal's scrollback
        if clear:
            missed = max(0, missed - state.on_screen)
            lines = min(lines, missed)
        continues = not (is_viewport or clear) and state.columns == emulator.columns
        replay = repainting(
            emulator,
            lines=lines,
            begun=state.open_rows if continues else 0,
            was_alternate=state.alternate,
            pushed=state.stacks,
            clear=clear,
            status=status,
        )
        return replay, self._left_out(missed - lines, lines)

    def _after_screen(self, client: Client) -> str:
        """Return what follows the screen on a client's terminal."""
        since = -1 if client.place is None else client.place.sent
        reports = self._program_status.sequences(since, self._feed.position, every=True)
        # A program that wants reports of the colour scheme gets one from each terminal that attaches.
        wants_scheme = client.place is None and self._feed.emulator.mode(_SCHEME_REPORTS)
        return reports + (_SCHEME_QUERY if wants_scheme else "")

    def _send_pieces(self, client: Client, now: float) -> None:
        """Send the rest of a screen, while there is room."""
        place, screen = client.place, client.screen
        while place is not None and screen is not None and client.connection.flush():
            position, data = screen.pieces[-1]
            if not client.window.takes(len(data)):
                return
            screen.pieces.pop()
            client.connection.unsent += protocol.screen_frame(position, client.redraw_number, data)
            client.answered_number = client.redraw_number
            client.note_sent(len(data), place.sent if screen.pieces else position, now)
            if not screen.pieces:
                client.screen = screen = None
        client.connection.flush()

    # -- clients with a viewport

    def _send_viewport(self, client: Client, now: float) -> None:
        """Send a viewport's changes, if it is time for them."""
        feed = self._feed
        if client.viewed is None:
            client.viewed = self._begin_viewport(client, now)
        viewed, place = client.viewed, client.place
        if place is None or (place.sent == self._log.head and client.asked is None):
            return
        if now < viewed.due:
            self.due = min(self.due, viewed.due)
            return
        if not client.takes_screen:
            return
        feed.catch_up(FRAME_TIME / 2)
        feed.apply_size()
        viewed.due = now + FRAME_TIME
        client.asked = None
        reports = self._program_status.sequences(place.sent, feed.position, every=False)
        images, effects = self._effects(client, place)
        update = images + viewed.viewport.update(feed.emulator) + reports.encode() + effects
        place.sent = feed.position
        if update or client.answered_number != client.redraw_number:
            client.answered_number = client.redraw_number
            client.connection.unsent += protocol.screen_frame(feed.position, client.redraw_number, update)
            client.note_sent(len(update), feed.position, now)
        if feed.lag:
            self.due = min(self.due, viewed.due)
        client.connection.flush()

    def _begin_viewport(self, client: Client, now: float) -> Viewed:
        """Leave the log with a client; its terminal lacks the lines that scroll off from now on."""
        place = client.place
        client.ask_screen(now)
        if place is None:
            position = self._feed.position
            self._log.hold(position)
            self._feed.note_state()
        else:
            position = place.sent
            self._log.leave(place, keep=False)
            self._feed.keep_states(place)
        sent = -1 if place is None else position
        client.place = Place(sent, sent)
        return Viewed(Viewport(*client.size[:2], clear=place is None), position, client.size[1])

    # -- lines that are left out

    def _left_out(self, count: int, drawn: int) -> LeftOut:
        return LeftOut(count, self._feed.first_line - drawn) if count > 0 else LeftOut()

    def _tell_in_time(self, client: Client, now: float) -> None:
        """Tell a client what its terminal lacks: the leader at once, others in one line after the output."""
        quiet_at = self._log.appended_at + QUIET
        if client is self._clients.leader or (client.was_sent(self._log.head) and quiet_at <= now):
            self._tell(client)
        elif client.was_sent(self._log.head):
            self.due = min(self.due, quiet_at)

    def _tell(self, client: Client) -> None:
        """Tell a client how many lines its terminal lacks, and how many of them the scrollback has."""
        out = client.left_out
        client.left_out = LeftOut()
        kept = min(out.count, max(0, out.before - self._feed.emulator.screen.scrollback.first))
        client.connection.queue(protocol.message(protocol.NOTICE, {"left_out": out.count, "kept": kept}))

    # -- the program's pace

    def allowance(self, now: float) -> float:
        """Return how many bytes the program may print before it must wait; trim the log, of which readers need less.

        Set `due` to when a reader that makes no progress is given up.
        """
        log = self._log
        needed = self._feed.position
        if log.head - needed >= MAX_LAG:
            return 0
        allowed = self._allowed_by_leader(now)
        for follower in self.followers.values():
            if follower.waited_for(now):
                room = HERE - follower.behind(log)
                allowed = min(allowed, room)
                needed = min(needed, follower.position)
                if room <= 0:
                    self.due = min(self.due, follower.connection.progress_at + PATIENCE)
        if log.has_spare:
            viewed = [each.place.got for each in self._clients.all if each.viewed and each.place]
            log.release(needed, self._feed.position, min(viewed, default=log.head))
        return max(0, allowed)

    def _allowed_by_leader(self, now: float) -> float:
        """Return how many bytes the program may print before it waits for the leader, or for a lost one."""
        log = self._log
        leader = self._clients.leader
        if leader is None:
            lost = self._clients.lost
            if lost.place is None or now >= lost.until:
                return inf
            self.due = min(self.due, lost.until)
            return HERE - (log.head - lost.place.got)
        room = leader.window.size - leader.behind(log)
        if room >= READ_LIMIT:  # no read takes more, whoever waits
            return room
        if not self._is_waited_for(leader, now):
            return inf
        if room <= 0:
            self.due = min(self.due, leader.stuck_at())
        return room
