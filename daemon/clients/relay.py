"""Sends the program's output to readers: raw bytes, or screens drawn by the emulator."""

from __future__ import annotations

import ctypes
import time
from contextlib import suppress

from sesh.daemon.base.timer import Timer
from sesh.daemon.clients.client import Aside, Client, Clients, Drawn
from sesh.daemon.clients.connection import STALLED, Reader
from sesh.daemon.clients.echoes import Echoes
from sesh.daemon.pty.output_log import MAX_LAG
from sesh.daemon.pty.pump import Pump
from sesh.daemon.reports import Reports
from sesh.daemon.screen.model import SMALL_LAG, STEP_TIME, Model, TerminalState
from sesh.loop.loop import Loop
from sesh.measures import Size
from sesh.vt.render.clean_screen import clean_screen
from sesh.vt.render.replay import Replay, repainting, replaying

PACK_AFTER = 2.0  # seconds after the emulator's last step until its scrollback is compressed
FRAME_TIME = 1 / 30  # seconds between two screens of a drawn client
TRIM_FROM = 64 << 10  # bytes beyond the retained ones at which the log is trimmed
_SCHEME_REPORTS, _SCHEME_QUERY = 2031, "\x1b[?996n"
"""The mode in which a terminal reports a change of its colour scheme, and the query for it (contour's protocol)."""
KEEP_UP_FROM = 256 << 10  # bytes before `MAX_LAG` from which on output is emulated between two reads
KEEP_UP, KEEP_UP_TIME = 8 << 10, 0.0005
"""Bytes emulated between two reads, and the most seconds: in this time the kernel's buffer of the pty fills."""
TOO_LONG = 4.0  # seconds that clients wait for the emulator; then it skips output
_LIBRARY = ctypes.CDLL(None)  # libc; loaded once, because each is a class in a cycle


class Relay:
    """Sends output to each reader at its pace; the program waits for late ones."""

    def __init__(self, pump: Pump, model: Model, clients: Clients, reports: Reports, loop: Loop) -> None:
        self._pump, self.log = pump, pump.log
        self.model, self._reports = model, reports
        self.clients = clients
        self.timers, self._soon = loop.timers, loop.soon
        self.followers: list[Reader] = []
        self.echoes = Echoes(pump, model)
        self._drawn_at = 0.0
        self._waiting_since = 0.0  # time (monotonic) since which clients wait for the emulator; 0 if none waits

    def deliver(self) -> None:
        """Send new output: bytes at once, screens for drawn clients at most once in `FRAME_TIME`."""
        self.echoes.report()
        for reader in (*self.clients.all, *self.followers):
            if not reader.connection.blocked:
                reader.connection.send_output(self.log)
        self.settle()
        if any(isinstance(client.state, Drawn) for client in self.clients.all):
            self.timers.ensure(Timer.DRAW, max(0.0, self._drawn_at + FRAME_TIME - time.monotonic()), self.draw)
        self._schedule_emulator()

    def settle(self) -> None:
        """At the end of the loop's turn, send due screens, and set the pace."""
        self._soon(self._send_and_pace)

    def _send_and_pace(self) -> None:
        screen_due = False
        try:
            self._send_due_screens()
            screen_due = self._screen_is_due()
        finally:
            self.pace(screen_due=screen_due)

    def finish(self) -> None:
        """Emulate the rest of the output, and send screens without awaiting an image's end."""
        self._schedule_emulator()
        self.settle()

    # -- the emulator

    def keep_up(self) -> None:
        """Emulate a little between reads if the program will soon wait for the emulator."""
        if self.model.lag >= MAX_LAG - KEEP_UP_FROM:
            self.model.step(self.model.position + KEEP_UP, KEEP_UP_TIME)

    def local_positions(self) -> list[int]:
        return [client.position for client in self.clients.all if client.window is None and client.gets_output()]

    def _schedule_emulator(self) -> None:
        seconds = self.model.wait_time()
        if seconds is None:
            self.timers.clear(Timer.EMULATOR)
        else:
            self.timers.set(Timer.EMULATOR, seconds, self._step)

    def _step(self) -> None:
        """Run the emulator for a few milliseconds, unless more output has just come."""
        try:
            if not self.model.wait_time():  # 0; or None, if a request has drawn the rest: it may be packed, too
                self.timers.set(Timer.PACK, PACK_AFTER, self._pack)
                self.model.step()
                self.settle()
        finally:
            self._schedule_emulator()

    def _pack(self) -> None:
        until = time.monotonic() + STEP_TIME
        for _ in self.model.emulator.settle().scrollback.pack():
            if time.monotonic() >= until:
                self.timers.set(Timer.PACK, 0, self._pack)
                return
        with suppress(AttributeError):  # only some systems have malloc_trim(3)
            _LIBRARY.malloc_trim(0)

    # -- the program's pace

    def pace(self, *, screen_due: bool = False) -> None:
        """Read from the program unless it waits; drop bytes that all readers have read."""
        readers = [reader for reader in (*self.followers, *self.clients.all) if reader.gets_output()]
        late = [reader for reader in readers if reader.is_late(self.log)]
        waited_for = [reader for reader in late if self._is_waited_for(reader)]
        for reader in late:
            if reader in waited_for:
                continue
            if isinstance(reader, Client):
                self.set_aside(reader)
            else:
                reader.skip_to(self.log.head)
        if waited_for:
            self.timers.ensure(Timer.PACE, STALLED, self.settle)
        self._pump.pace(paused=bool(waited_for) or screen_due or self.model.lag >= MAX_LAG)
        if self.log.head - self.log.base > self.log.retained + TRIM_FROM:
            self.log.trim(min([self.model.position, *(reader.position for reader in readers)]))

    def _is_waited_for(self, reader: Reader) -> bool:
        matters = not isinstance(reader, Client) or reader is self.clients.leader
        return matters and not reader.connection.stalled

    def set_aside(self, client: Client) -> None:
        """Send a client no more bytes, but soon a screen and the missed lines."""
        if client.gets_output():
            self.model.remember(client.position)
        client.set_aside()
        self.settle()

    def resize(self, size: Size) -> None:
        """Resize the model; if the cells change, send all clients another screen."""
        if size[:2] != (self.model.columns, self.model.rows):
            for client in self.clients.all:
                self.set_aside(client)
        self.model.resize(*size)

    def go_on_with(self, client: Client) -> None:
        """Continue with a client whose socket or link has room again."""
        self.settle()
        client.connection.send_output(self.log)
        if isinstance(client.state, Drawn):
            client.connection.flush()
            if client.takes_screen:
                self.timers.ensure(Timer.DRAW, 0, self.draw)

    # -- screens

    def _aside(self) -> list[tuple[Client, Aside]]:
        return [(client, client.state) for client in self.clients.all if isinstance(client.state, Aside)]

    def _screen_is_due(self) -> bool:
        return any(client.takes_screen and (self.model.lag or aside.drawing) for client, aside in self._aside())

    def _send_due_screens(self) -> None:
        """Send clients that are set aside their screens once the emulator has caught up."""
        # A client that has just attached does not wait for that: it gets the screen that the emulator has, and another
        # one later. It never gets the bytes in between. The program wrote them before the client came, and they would
        # ring bells or send queries a second time.
        model, aside = self.model, self._aside()
        if not aside:
            self._waiting_since = 0.0
            return
        for client, _ in aside:
            client.connection.flush()
        due = [(client, state) for client, state in aside if client.takes_screen]
        if not due:
            return
        if self._waiting_since and time.monotonic() - self._waiting_since > TOO_LONG:
            model.skip_ahead()
        if model.lag <= SMALL_LAG or not all(state.attach for _, state in due):
            model.catch_up(STEP_TIME)
        if not model.lag or any(state.drawing for _, state in due):
            self._waiting_since = 0.0
        elif not self._waiting_since:
            self._waiting_since = time.monotonic()
        for client, state in due:
            if state.attach or not (model.lag or model.in_image):
                self._send_screen(client, state)
        if model.lag:
            self.settle()

    def _send_screen(self, client: Client, aside: Aside) -> None:
        """Send a client its screen or the next part, replayed if the sizes match."""
        # If parts were sent, the rest of the scrollback follows at any size: nothing would send these lines later.
        self.model.apply_size()
        fits, drawing = client.size[:2] == self.clients.size[:2], aside.drawing
        partly_sent = drawing is not None and client.blank
        if not (fits or partly_sent):
            self._begin_drawn(client, aside)
            return
        if drawing is None:
            drawing = self._replay(client) if aside.attach else self._repaint(client, aside.before_drawn)
        if drawing.advance():
            client.draw_on(aside, drawing)
            self.settle()
        elif fits:
            self._complete(client, drawing.finish(self._status(-1 if aside.attach else client.position)))
        else:
            self._begin_drawn(client, aside)

    def _begin_drawn(self, client: Client, aside: Aside) -> None:
        shown = TerminalState() if aside.attach else aside.before_drawn or self.model.shown_at(client.position)
        client.begin_drawn(shown, clear=aside.attach)
        self._draw(client)

    def _replay(self, client: Client) -> Replay:
        lines = client.terminal.lines if client.terminal.replays else 0
        if not client.blank:
            lines = min(self.model.scrolled_since(client.position), lines)
        return replaying(self.model.emulator, lines=lines)

    def _repaint(self, client: Client, before_drawn: TerminalState | None) -> Replay:
        """Begin to draw the lines that a client's terminal missed, and the screen."""
        model, emulator = self.model, self.model.emulator
        shown = before_drawn or model.shown_at(client.position)
        lines = 0 if before_drawn else model.missed_since(client.position)
        most = client.terminal.lines if client.is_late(self.log) else emulator.settle().scrollback.count
        start, alternate = b"", shown.alternate
        if lines > most:  # some are not sent: first the old screen goes to the scrollback
            start = (b"\x1b[?1049l" if alternate else b"") + clean_screen(*client.size[:2])
            alternate = False
        continues = not start and not before_drawn and shown.columns == emulator.columns
        return repainting(
            emulator,
            lines=min(lines, most),
            begun=shown.open_rows if continues else 0,
            was_alternate=alternate,
            pushed=shown.stacks,
            start=start,
        )

    def _status(self, since: int) -> str:
        """Return what follows the screen on a terminal that shows output up to `since`."""
        # A program that wants reports of the colour scheme gets one from each terminal that attaches.
        query = _SCHEME_QUERY if since < 0 and self.model.emulator.mode(_SCHEME_REPORTS) else ""
        return self._reports.sequences(since, self.model.position, every=True) + query

    def _complete(self, client: Client, screen: bytes) -> None:
        """Send a client its whole screen, or the rest of it, and make it live."""
        # In an image, set it aside for another screen instead: the rest of the image would be shown as text.
        model = self.model
        client.send_screen(model.position, screen)
        live = not (model.lag or model.in_image)
        client.resume(model.position, live=live)
        if live:
            client.connection.send_output(self.log)
        else:
            model.remember(client.position)

    def draw(self) -> None:
        """Send drawn clients their screens, each `FRAME_TIME` until the emulator has caught up."""
        self.timers.clear(Timer.DRAW)
        self.model.catch_up(FRAME_TIME / 2)
        for client in self.clients.all:
            self._draw(client)
        self._drawn_at = time.monotonic()
        if self.model.lag:
            self.timers.ensure(Timer.DRAW, FRAME_TIME, self.draw)

    def _draw(self, client: Client) -> None:
        state, position = client.state, self.model.position
        if isinstance(state, Drawn) and client.connection.flush() and client.room():
            status = self._reports.sequences(client.position, position, every=False)
            client.draw(position, state.viewport.update(self.model.emulator) + status.encode())
