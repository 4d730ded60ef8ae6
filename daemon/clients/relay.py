"""Passes the program's output on: raw bytes first, the emulator behind, and screens for clients that need them."""

from __future__ import annotations

import time
from collections.abc import Callable

from sesh import machine
from sesh.daemon.clients.client import Client, Clients, Drawn, Due, Live
from sesh.daemon.clients.connection import STALLED, Reader
from sesh.daemon.clients.echoes import Echoes
from sesh.daemon.pty.output_log import LARGEST, OutputLog
from sesh.daemon.screen.model import MOMENT, STEP_TIME, Model, Shown
from sesh.loop.loop import Loop
from sesh.vt.render.clean_screen import clean_screen
from sesh.vt.render.replay import repaint, replay
from sesh.vt.render.viewport import Viewport

PACK_AFTER = 2.0  # seconds after the emulator's last step until its scrollback is packed
FRAME_TIME = 1 / 30  # seconds between two screens for a drawn client
TRIM_FROM = 64 << 10  # bytes in the log from which on it is trimmed
TOO_LONG = 4.0  # seconds that clients wait for the emulator until it leaves output out


class Relay:
    """Feeds every reader of a session's log as fast as it reads, none at another's cost.

    `flags` returns those of the terminal (`protocol.echoed`).
    """

    def __init__(self, log: OutputLog, model: Model, clients: Clients, loop: Loop, flags: Callable[[], int]) -> None:
        self.log, self.model, self.clients, self.timers = log, model, clients, loop.timers
        self._soon = loop.soon
        self.followers: list[Reader] = []
        self.echoes = Echoes(log, model, loop.timers, flags)
        self.paced: Callable[[], object] = lambda: None  # called when the program may continue, or is to wait
        self.reports: Callable[[int, int, bool], str] = lambda *_: ""  # see `Reports.sequences`
        self._drawn_at = 0.0
        self._behind_since = 0.0  # the time (monotonic) since which clients wait for the emulator; 0 for none

    # -- output

    def deliver(self) -> None:
        log = self.log
        late = False
        self.echoes.report()
        for reader in (*self.clients.all, *self.followers):
            if reader.fed():
                if not reader.connection.blocked:
                    reader.connection.feed(log)
                late = late or reader.late(log)
        if late:
            self._set_late_aside()
        if any(isinstance(client.state, Drawn) for client in self.clients.all):
            self.timers.ensure("draw", max(0.0, self._drawn_at + FRAME_TIME - time.monotonic()), self.draw)
        if self.waited_for:
            self._soon(self.serve)
        self._follow()

    def program_ended(self) -> None:
        """Draw the rest, and serve those who wait for a screen behind an image."""
        self._follow()
        self._soon(self.serve)

    # -- the emulator

    def _follow(self) -> None:
        """Have the emulator follow output that has come, unless it is so little that it may wait for more."""
        seconds = self.model.wait_time()
        if seconds is None:
            self.timers.clear("emulator")
        else:
            self.timers.set("emulator", seconds, self._step)

    def _step(self) -> None:
        """Draw for a few milliseconds, unless more output has come."""
        try:
            if not self.model.wait_time():
                self.timers.set("pack", PACK_AFTER, self._pack)
                self.model.step()
                self._soon(self.paced)
                if self.waited_for:
                    self._soon(self.serve)
        finally:
            self._follow()

    def _pack(self) -> None:
        """Pack the scrollback, some milliseconds at a time."""
        until = time.monotonic() + STEP_TIME
        for _ in self.model.emulator.scrollback.pack():
            if time.monotonic() >= until:
                self.timers.set("pack", 0, self._pack)
                return
        machine.trim_memory()

    # -- how fast the program may write

    def paused(self) -> bool:
        """Return whether the program has to wait: for the emulator, a client that needs a screen, or a reader."""
        if self.model.lag >= LARGEST or (self.model.lag and self._takers()):
            return True
        leader = self.clients.leader
        pacing = [*self.followers, leader] if leader is not None and leader.fed() else self.followers
        waits = any(reader.late(self.log) and not reader.connection.stalled for reader in pacing)
        if waits:
            self.timers.ensure("pace", STALLED, self._set_late_aside)
        return waits

    def _set_late_aside(self) -> None:
        """Leave readers behind that are late, save those that set the program's pace and still read."""
        log, leader = self.log, self.clients.leader
        for client in self.clients.all:
            if client.fed() and client.late(log) and (client is not leader or client.connection.stalled):
                self.set_aside(client)
        for follower in self.followers:
            if follower.late(log) and follower.connection.stalled:
                follower.skip_to(log.head)
        self._soon(self.paced)

    def set_aside(self, client: Client) -> None:
        """Feed a client nothing more until it gets another screen, with the lines that it misses."""
        if isinstance(client.state, Live):
            self.model.mark(client.position)
        if not isinstance(client.state, Due):
            client.state = Due(client.state.beneath)
        self._soon(self.serve)

    def resized(self) -> None:
        for client in self.clients.all:
            self.set_aside(client)

    def writable(self, client: Client) -> None:
        """Continue with a client whose socket, or link, takes bytes again."""
        self._soon(self.paced)
        client.connection.feed(self.log)
        if isinstance(client.state, Due):
            self._soon(self.serve)
        elif isinstance(client.state, Drawn) and client.reads():
            self.timers.ensure("draw", 0, self.draw)

    def trim(self) -> None:
        """Drop the bytes that every reader has passed."""
        if self.log.head - self.log.base > self.log.retained + TRIM_FROM:
            readers = [reader for reader in (*self.followers, *self.clients.all) if reader.fed()]
            self.log.trim(min([self.model.position, *(reader.position for reader in readers)]))

    # -- screens

    @property
    def waited_for(self) -> bool:
        return any(isinstance(client.state, Due) for client in self.clients.all)

    def _takers(self) -> list[tuple[Client, Due]]:
        """Return the clients that wait for a screen, and can take it now."""
        due = [(client, client.state) for client in self.clients.all if isinstance(client.state, Due)]
        return [(client, state) for client, state in due if client.reads()]

    def serve(self) -> None:
        """Send screens to the clients that wait for one, once the emulator is up to date; the program waits for it.

        A client that attaches gets one at once, and another one then: bytes that came before it would act again.
        """
        model, takers = self.model, self._takers()
        if not self.waited_for:
            self._behind_since = 0.0
        if not takers:
            return
        self._soon(self.paced)
        if self._behind_since and time.monotonic() - self._behind_since > TOO_LONG:
            model.skip_ahead()
        if model.lag <= MOMENT or not all(due.attach for _, due in takers):
            model.catch_up(STEP_TIME)
        self._behind_since = (self._behind_since or time.monotonic()) if model.lag else 0.0
        for client, due in takers:
            if due.attach or not (model.lag or model.in_image):
                self._send_screen(client, due)
        if model.lag:
            self.timers.set("screens", 0.0, self.serve)

    def _send_screen(self, client: Client, due: Due) -> None:
        """Send the screen that a client needs; then feed it bytes if it has the session's size."""
        model = self.model
        model.apply_size()
        if client.size[:2] == self.clients.size[:2]:
            self._restore(client, due)
        else:
            beneath = Shown() if due.attach else due.beneath or model.shown_at(client.position)
            client.position = -1 if due.attach else client.position
            client.state = Drawn(Viewport(*client.size[:2], clear=due.attach), beneath)
            self._draw(client)

    def _restore(self, client: Client, due: Due) -> None:
        """Send a client scrollback and screen, or the lines that it missed and the screen.

        It is live then. But if the emulator is behind, or in an image, another screen follows: the rest of the image
        would be text, and nobody knows where the cursor is behind it.
        """
        model, emulator = self.model, self.model.emulator
        if due.attach:
            lines = client.terminal.lines if client.terminal.replays else 0
            if client.position >= 0:
                lines = min(model.scrolled_since(client.position), lines)
            screen = replay(emulator, lines=lines, status=self.reports(-1, model.position, True))
        else:
            shown = due.beneath or model.shown_at(client.position)
            lines, gap, alternate = 0 if due.beneath else model.missed_since(client.position), b"", shown.alternate
            if lines > client.terminal.lines:  # these lines do not follow on the terminal's, which stay above them
                gap, alternate = b"\x1b[?1049l" * alternate + clean_screen(*client.size[:2]), False
            begun = 0 if gap or due.beneath or shown.columns != emulator.columns else shown.open_rows
            lines, status = min(lines, client.terminal.lines), self.reports(client.position, model.position, True)
            screen = gap + repaint(
                emulator, lines=lines, begun=begun, was_alternate=alternate, pushed=shown.stacks, status=status
            )
        client.send_screen(model.position, screen)
        if model.lag or model.in_image:
            client.state = Due()
            model.mark(client.position)
        else:
            client.state = Live()
            client.connection.feed(self.log)

    def draw(self) -> None:
        self.timers.clear("draw")
        self.model.catch_up(FRAME_TIME / 2)
        for client in self.clients.all:
            self._draw(client)
        self._drawn_at = time.monotonic()
        if self.model.lag:
            self.timers.ensure("draw", FRAME_TIME, self.draw)

    def _draw(self, client: Client) -> None:
        """Send a drawn client one screen, unless it has not taken the last."""
        state, position = client.state, self.model.position
        if isinstance(state, Drawn) and client.connection.flush() and client.room():
            screen = state.viewport.draw(self.model.emulator) + self.reports(client.position, position, False).encode()
            client.position = position
            if screen:
                client.send_screen(position, screen)
