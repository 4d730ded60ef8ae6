"""Sends the program's output to readers; sets the pace of program and emulator."""

from __future__ import annotations

from sesh.daemon.clients.client import Client, Clients
from sesh.daemon.clients.connection import STALLED, PeerConnection, Reader
from sesh.daemon.clients.echoes import Echoes
from sesh.daemon.clients.screens import Screens
from sesh.daemon.pty.output_log import MAX_LAG
from sesh.daemon.pty.pump import Pump
from sesh.daemon.reports import Reports
from sesh.daemon.screen.model import Model
from sesh.loop.loop import Loop
from sesh.measures import Size

TRIM_FROM = 64 << 10  # bytes beyond the retained ones at which the log is trimmed
PACK_AFTER = 2.0  # seconds after the emulator's last step until its scrollback is compressed


class Relay:
    """Sends output to each reader at its pace; the program waits for late ones."""

    def __init__(self, pump: Pump, model: Model, clients: Clients, reports: Reports, loop: Loop) -> None:
        self._pump = pump
        self._log = pump.log
        self._model = model
        self._clients = clients
        self._timers = loop.timers
        self._soon = loop.soon
        self.followers: dict[PeerConnection, Reader] = {}
        self.echoes = Echoes(pump, model, clients, loop.timers)
        self.screens = Screens(pump.log, model, clients, reports, loop.timers, self.send_due_soon)

    def deliver(self) -> None:
        """Send new output: bytes at once, viewports after a while."""
        self.echoes.report_flags()
        for reader in (*self._clients.all, *self.followers.values()):
            if not reader.connection.blocked:
                reader.connection.send_output(self._log)
        self._soon(self._send_and_pace)
        self.screens.schedule_viewports()
        self._schedule_emulator()

    def send_due_soon(self) -> None:
        """At the end of the loop's turn, send due screens, and set the pace."""
        self._soon(self._send_and_pace)

    def _send_and_pace(self) -> None:
        screen_due = False
        try:
            screen_due = self.screens.send_due()
        finally:
            self.pace(screen_due=screen_due)

    def go_on_with(self, connection: PeerConnection) -> None:
        """Continue with a peer whose socket or link has room again."""
        self.send_due_soon()
        connection.send_output(self._log)
        self.screens.schedule_viewports()

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
