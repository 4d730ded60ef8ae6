"""Sends the program's output, screens and viewports; sets the pace of program and emulator."""

from __future__ import annotations

import time

from sesh.daemon.clients.client import Client, Clients, Due, Viewing
from sesh.daemon.clients.connection import STALLED, PeerConnection, Reader
from sesh.daemon.clients.echoes import Echoes
from sesh.daemon.pty.output_log import MAX_LAG
from sesh.daemon.pty.pump import Pump
from sesh.daemon.screen.model import SMALL_LAG, STEP_TIME, Model, TerminalState
from sesh.daemon.screen.reports import Reports
from sesh.loop.loop import Loop
from sesh.text.sizes import Size
from sesh.vt.render.replay import Replay, repainting, replaying

TRIM_FROM = 64 << 10  # bytes beyond the retained ones at which the log is trimmed
PACK_AFTER = 2.0  # seconds after the emulator's last step until its scrollback is compressed
FRAME_TIME = 1 / 30  # seconds between two updates of a viewport
_SCHEME_REPORTS, _SCHEME_QUERY = 2031, "\x1b[?996n"
"""The mode in which a terminal reports a change of its colour scheme, and the query for it (contour's protocol)."""


class Relay:
    """Sends each reader output or screens at its pace; the program waits for late ones."""

    def __init__(self, pump: Pump, model: Model, clients: Clients, reports: Reports, loop: Loop) -> None:
        self._pump = pump
        self._log = pump.log
        self._model = model
        self._clients = clients
        self._reports = reports
        self._timers = loop.timers
        self._soon = loop.soon
        self.followers: dict[PeerConnection, Reader] = {}
        self.echoes = Echoes(pump, model, clients, loop.timers)
        self._viewports_sent_at = 0.0  # time (monotonic)

    def deliver(self) -> None:
        """Send new output: bytes at once, viewports after a while."""
        self.echoes.report_flags()
        for reader in (*self._clients.all, *self.followers.values()):
            if not reader.connection.blocked:
                reader.connection.send_output(self._log)
        self.send_due_soon()
        self._schedule_viewports()
        self._schedule_emulator()

    def send_due_soon(self) -> None:
        """At the end of the loop's turn, send due screens, and set the pace."""
        self._soon(self._send_and_pace)

    def _send_and_pace(self) -> None:
        screen_due = False
        try:
            screen_due = self.send_due()
        finally:
            self.pace(screen_due=screen_due)

    def go_on_with(self, connection: PeerConnection) -> None:
        """Continue with a peer whose socket or link has room again."""
        self.send_due_soon()
        connection.send_output(self._log)
        self._schedule_viewports()

    def repaint(self, client: Client) -> None:
        """Send a client no more bytes, but soon the missed lines and a screen."""
        if client.gets_output:
            self._model.remember(client.position)
        client.await_screen()
        self.send_due_soon()

    def resize(self, size: Size) -> None:
        """Resize the model; if the cells change, send all clients another screen."""
        if size[:2] != (self._model.columns, self._model.rows):
            for client in self._clients.all:
                self.repaint(client)
        self._model.resize(*size)

    # -- clients that wait

    def _waiting(self) -> list[tuple[Client, Due]]:
        return [(client, client.state) for client in self._clients.all if isinstance(client.state, Due)]

    def send_due(self) -> bool:
        """Send ready screens; return whether a client waits for one that is not ready."""
        # A client that has just attached does not wait for that: it gets the screen that the emulator has, and another
        # one later. It never gets the bytes in between. The program wrote them before the client came, and they would
        # ring bells or send queries a second time.
        model = self._model
        due = [each for each in self._waiting() if each[0].connection.flush() and each[0].takes_screen]
        if not due:
            return False
        if model.lag <= SMALL_LAG or not all(client.blank for client, _ in due):
            model.catch_up(STEP_TIME)
        for client, state in due:
            if client.blank or not (model.lag or model.in_image):
                self._send_next(client, state)
        if model.lag:
            self.send_due_soon()
        return any(
            client.takes_screen and (model.lag > 0 or state.unfinished is not None) for client, state in self._waiting()
        )

    def _send_next(self, client: Client, state: Due) -> None:
        """Send a client its screen once it is made; a viewport if the sizes differ."""
        self._model.apply_size()
        if client.size[:2] != self._clients.size[:2]:
            client.begin_viewport(self._shown_by(client))
            self._send_viewport(client)
            return
        replay = state.unfinished or (self._replay(client) if client.blank else self._repaint(client))
        if replay.advance():
            client.state = Due(replay)
            self.send_due_soon()
        else:
            self._complete(client, replay.finish(self._after_screen(client)))

    def _replay(self, client: Client) -> Replay:
        """Begin to draw the scrollback and the screen for a client that has just attached."""
        lines = client.terminal.lines
        if client.seen_to is not None:
            lines = min(self._model.scrolled_since(client.seen_to), lines)
        return replaying(self._model.emulator, lines=lines)

    def _shown_by(self, client: Client) -> TerminalState:
        """Return the state of a client's terminal, apart from a viewport."""
        return client.before_viewport or self._model.shown_at(client.position)

    def _repaint(self, client: Client) -> Replay:
        """Begin to draw the lines that a client's terminal missed, and the screen."""
        emulator = self._model.emulator
        shown = self._shown_by(client)
        viewed = client.before_viewport is not None  # since then it has shown a viewport, and misses no lines
        missed = 0 if viewed else self._model.missed_since(client.position)
        most = client.terminal.lines if client.is_late(self._log) else emulator.settle().scrollback.count
        clear = missed > most  # some are not sent: first the old screen goes to the scrollback
        continues = not (viewed or clear) and shown.columns == emulator.columns
        return repainting(
            emulator,
            lines=min(missed, most),
            begun=shown.open_rows if continues else 0,
            was_alternate=shown.alternate,
            pushed=shown.stacks,
            clear=clear,
        )

    def _after_screen(self, client: Client) -> str:
        """Return what follows the screen on a client's terminal."""
        reports = self._reports.sequences(client.position, self._model.position, every=True)
        # A program that wants reports of the colour scheme gets one from each terminal that attaches.
        wants_scheme = client.blank and self._model.emulator.mode(_SCHEME_REPORTS)
        return reports + (_SCHEME_QUERY if wants_scheme else "")

    def _complete(self, client: Client, replay: bytes) -> None:
        """Send a client its screen, and make it live."""
        # In an image, it gets another screen later instead: the rest of the image would be shown as text.
        model = self._model
        client.send_screen(model.position, replay)
        model.remember(model.position)  # a REDRAW may start there
        live = not (model.lag or model.in_image)
        client.resume(live=live)
        if live:
            client.connection.send_output(self._log)

    # -- clients with a viewport

    def _schedule_viewports(self) -> None:
        """Send the viewports, at most once in `FRAME_TIME`, if a client has one."""
        for client in self._clients.all:
            if isinstance(client.state, Viewing):
                due_at = self._viewports_sent_at + FRAME_TIME
                self._timers.ensure(self.send_viewports, max(0.0, due_at - time.monotonic()))

    def send_viewports(self) -> None:
        """Send all viewports; again each `FRAME_TIME` until the emulator has caught up."""
        self._timers.clear(self.send_viewports)
        self._model.catch_up(FRAME_TIME / 2)
        for client in self._clients.all:
            self._send_viewport(client)
        self._viewports_sent_at = time.monotonic()
        if self._model.lag:
            self._timers.ensure(self.send_viewports, FRAME_TIME)

    def _send_viewport(self, client: Client) -> None:
        state = client.state
        if isinstance(state, Viewing) and client.connection.flush() and client.room:
            position = self._model.position
            reports = self._reports.sequences(client.position, position, every=False)
            if update := state.viewport.update(self._model.emulator) + reports.encode():
                client.send_screen(position, update)
            client.before_viewport = self._shown_by(client)._replace(alternate=state.viewport.alternate)
            client.position = position

    # -- the emulator

    def finish(self) -> None:
        """Emulate the rest of the output, and send screens without awaiting an image's end."""
        self._schedule_emulator()
        self.send_due_soon()

    def local_positions(self) -> list[int]:
        return [client.position for client in self._clients.all if client.gets_output and not client.over_link]

    def _schedule_emulator(self) -> None:
        seconds = self._model.wait_time()
        if seconds is not None:
            self._timers.set(self._step, seconds)

    def _step(self) -> None:
        """Run the emulator for a few milliseconds, unless more output has just come."""
        try:
            wait = self._model.wait_time()
            if wait is None or wait == 0:  # None: a request has drawn the rest, and the scrollback may be packed
                self._timers.set(self._pack, PACK_AFTER)
                self._model.step()
                self.send_due_soon()
        finally:
            self._schedule_emulator()

    def _pack(self) -> None:
        """Compress the scrollback of a session that prints nothing, step by step."""
        if not self._model.pack():
            self._timers.set(self._pack, 0)

    # -- the program's pace

    def pace(self, *, screen_due: bool = False) -> None:
        """Read from the program unless it waits; drop bytes that all readers have read."""
        readers = [reader for reader in (*self.followers.values(), *self._clients.all) if reader.gets_output]
        program_waits = False
        for reader in readers:
            if not reader.is_late(self._log):
                continue
            if self._is_waited_for(reader):
                program_waits = True
            elif isinstance(reader, Client):
                self.repaint(reader)
            else:
                reader.skip_to(self._log.head)
        if program_waits:
            self._timers.ensure(self.send_due_soon, STALLED)
        self._pump.set_paused(paused=program_waits or screen_due or self._model.lag >= MAX_LAG)
        if self._log.head - self._log.base > self._log.retained + TRIM_FROM:
            self._log.trim(min([self._model.position, *(reader.position for reader in readers)]))

    def _is_waited_for(self, reader: Reader) -> bool:
        matters = not isinstance(reader, Client) or reader is self._clients.leader
        return matters and not reader.stalled
