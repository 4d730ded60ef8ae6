"""Sends the program's output on: raw bytes first, the emulator behind, and screens for the clients that need them."""

from __future__ import annotations

import time
from collections.abc import Callable

from sesh.daemon.clients.client import AFTER_IMAGE, LAG, LAG_OVER_LINK, Client, Drawn, Due, Live, Need
from sesh.daemon.clients.connection import Reader
from sesh.daemon.clients.echoes import Echoes
from sesh.daemon.clients.registry import STALLED, Clients
from sesh.daemon.pty.output_log import OutputLog
from sesh.daemon.screen.model import CATCH_UP_TIME, MOMENT, Model
from sesh.loop.loop import Loop
from sesh.vt.render.clean_screen import clean_screen
from sesh.vt.render.replay import NOTHING_PUSHED, repaint, replay
from sesh.vt.render.viewport import Viewport

FRAME_TIME = 1 / 30
"""Seconds between two screens for a drawn client."""
TRIM_FROM = 64 << 10
"""Bytes in the log from which on it is trimmed, so that many are dropped at a time."""
ATTACH_TIME, RETURN_TIME, BEHIND_TIME = 0.05, 2.0, 0.25
"""Seconds that a client waits for the emulator before it gets its present screen: one that attaches; one that missed
output, or where little is left; and for each further one."""
TOO_LONG = 4.0
"""Seconds that clients wait for the emulator until it leaves output out."""
FOLLOWER_LAG = 16 << 20
"""Bytes that a follower of a job's output may be behind."""


class Relay:
    """Feeds every reader of a session's log as fast as it reads, none at another's cost.

    `flags` returns those of the terminal (`protocol.echoed`).
    """

    def __init__(self, log: OutputLog, model: Model, clients: Clients, loop: Loop, flags: Callable[[], int]) -> None:
        self.log, self.model, self.clients, self.timers, self._flags = log, model, clients, loop.timers, flags
        self._soon = loop.soon
        self.followers: list[Reader] = []
        self.seen = False
        """True if any client was ever shown the session."""
        self.echoes: Echoes | None = None
        """Made for the first client that predicts."""
        self.served = True
        """False until the creator has said what it wants: it may want the output from the beginning."""
        self.paced: Callable[[], object] = lambda: None
        """Called when readers have come further, or the program is to wait for one."""
        self.reports: Callable[[int, int, bool], str] = lambda *_: ""
        """The sequences that a screen needs for what the program has reported (see `Reports.sequences`)."""
        self._drawn_at = 0.0
        self._behind_since = 0.0
        """The time (monotonic) since which clients wait for the emulator; 0 while none does."""
        clients.changed = self._changed

    def _changed(self, client: Client, before: Live | Due | Drawn) -> None:
        """Take in that a client has another state: mark the position from which it misses output; serve its need."""
        if isinstance(before, Live) and isinstance(client.state, Due):
            self.model.mark(client.position)
        if client.state.need:
            self._soon(self.serve)

    # -- output

    def deliver(self, block: bytes = b"") -> None:
        """Pass on what was appended to the log, live clients and followers first. `block`: the last of it."""
        log = self.log
        drawn = late = False
        if self.echoes is not None:
            self.echoes.tell()
        for client in self.clients.all:
            if isinstance(client.state, Live):
                if not client.connection.blocked:
                    client.connection.pass_on(log, block)
                late = late or client.late(log)
            elif isinstance(client.state, Drawn):
                drawn = True
            if client.state.need:
                self._soon(self.serve)
        for follower in self.followers:
            if not follower.connection.blocked:
                follower.connection.pass_on(log, block)
            if follower.behind(log) > FOLLOWER_LAG and self._stuck(follower):  # it goes on at the log's head
                follower.skipped += log.head - follower.position
                follower.position = log.head
        if drawn:
            self.timers.ensure("draw", max(0.0, self._drawn_at + FRAME_TIME - time.monotonic()), self.draw)
        if late:
            self._set_late_aside()

    def get_echoes(self) -> Echoes:
        """The echoes of what clients that predict type."""
        if self.echoes is None:
            self.echoes = Echoes(self.log, self.model, self.timers, self._flags)
        return self.echoes

    def paused(self) -> bool:
        """Return whether the program has to wait: for the emulator, a client that needs a screen, or the leader."""
        if self.model.lag and (self.model.room <= 0 or any(self._awaits(client) for client in self.clients.all)):
            return True
        if self.log.head - self.log.base <= LAG_OVER_LINK and not self.followers:
            return False  # no reader can be far behind
        waits = self.clients.awaits_leader(self.log) or any(
            follower.behind(self.log) > FOLLOWER_LAG and not self._stuck(follower) for follower in self.followers
        )
        if waits:
            self.timers.ensure("pace", STALLED, self._set_late_aside)
        return waits

    def _stuck(self, reader: Reader) -> bool:
        return time.monotonic() - reader.connection.progress_at > STALLED

    def _set_late_aside(self) -> None:
        """Feed clients that are far behind nothing more; when they read again they get what they missed."""
        for client in self.clients.too_slow(self.log):
            self.clients.need(client, Need.RESYNC)
        self._soon(self.paced)

    def writable(self, client: Client) -> None:
        """Go on with a client whose socket, or whose link, takes bytes again."""
        self._soon(self.paced)
        client.connection.feed(self.log)
        if client.state.need:
            self._soon(self.serve)
        elif isinstance(client.state, Drawn) and client.reads():
            self.timers.ensure("draw", 0, self.draw)

    def trim(self) -> None:
        """Drop the bytes that every reader has passed; none while the creator may want them, if they are few."""
        if not (self.served or self.model.full):
            return
        if self.log.head - self.log.base <= self.log.retained + TRIM_FROM:
            return
        readers = [*self.followers, *(client for client in self.clients.all if client.fed())]
        self.log.trim(min([self.model.position, *(reader.position for reader in readers)]))

    # -- screens

    def _awaits(self, client: Client) -> bool:
        """Return whether a client waits for a screen, and would take it now."""
        return client.state.need > Need.NONE and (client.fed() or client.reads())

    def serve(self) -> None:
        """Send screens to the clients that wait for one, once the emulator has come far enough; the program waits.

        Output that the emulator has not seen when a client attaches reaches that client as screens: the bytes would act
        again.
        """
        waiting = [client for client in self.clients.all if self._awaits(client)]
        if not any(client.state.need for client in self.clients.all):
            self._behind_since = 0.0
        if not waiting:
            return
        self._soon(self.paced)
        if all(self._from_start(client) for client in waiting):
            for client in waiting:
                self._send_from_start(client)
            return
        model = self.model
        until = min(client.state.since for client in waiting) + CATCH_UP_TIME
        if self._behind_since and time.monotonic() - self._behind_since > TOO_LONG:
            model.skip_ahead()
        for turn in range(4):  # one step at least, the others while no client has waited too long
            if model.lag and (not turn or time.monotonic() < until):
                model.step()
        if not model.lag:
            model.catch_up(0)
        now = time.monotonic()
        self._behind_since = (self._behind_since or now) if model.lag else 0.0
        for client in waiting:
            if self._is_due(client, now):
                self._send_screen(client)
        if model.lag:
            self.timers.set("screens", 0.0, self.serve)

    def _is_due(self, client: Client, now: float) -> bool:
        """Return whether a client gets its screen now; behind, the one that the emulator has come to after a wait."""
        model, state = self.model, client.state
        if isinstance(state, Live):  # it has all that the screen shows, and no image would be cut in two
            return not (model.lag or model.in_image) and client.position >= model.position
        if state.since == AFTER_IMAGE:
            return not (model.lag or model.in_image)
        if not model.lag:
            return True
        if state.need == Need.RESYNC or model.lag <= MOMENT:  # what is little always comes first
            return now - state.since >= RETURN_TIME
        return now - state.since >= ATTACH_TIME

    def _from_start(self, client: Client) -> bool:
        """Return whether a client gets the session's bytes from the first one on: the creator does."""
        new = client.state.need == Need.ATTACH and client.position < 0 and self._fits(client)
        return client.creator and new and not self.seen and self.log.base == 0 and self.log.head <= LAG

    def _fits(self, client: Client) -> bool:
        return client.size[:2] == self.clients.size[:2]

    def _send_from_start(self, client: Client) -> None:
        """Send a clean screen, then the log from its first byte on."""
        self.seen = True
        client.position = 0
        client.send_screen(0, clean_screen(*client.size[:2]))
        self.clients.become(client, Live())
        client.connection.feed(self.log)

    def _send_screen(self, client: Client) -> None:
        """Send the screen that a client needs, and feed it from there on: bytes if it has the session's size."""
        model, state = self.model, client.state
        model.apply_size()
        self.seen = True
        if isinstance(state, Live):
            self._repaint(client)
        elif isinstance(state, Due) and self._fits(client):
            self._restore(client, state)
        elif isinstance(state, Due):
            attach = state.need == Need.ATTACH
            beneath = (False, NOTHING_PUSHED) if attach else state.beneath or model.shown_at(client.position)
            client.position = -1 if attach else client.position
            self.clients.become(client, Drawn(Viewport(*client.size[:2], clear=attach), beneath))
            self._draw(client)

    def _repaint(self, client: Client) -> None:
        """Send a live client the visible rows again, unless the program draws them itself."""
        model = self.model
        if client.connection.unsent > LAG:  # it requests screens and takes none
            self.clients.need(client, Need.RESYNC)
            return
        self.clients.become(client, Live())
        if client.asks or not model.emulator.alternate:
            status = self.reports(client.position, model.position, True)
            client.send_screen(model.position, repaint(model.emulator, status=status))

    def _restore(self, client: Client, due: Due) -> None:
        """Send a client what it lacks: all there is, or the missed lines, if it missed any, and the screen.

        It is live then. But if the emulator is behind, or in an image, another screen follows: the rest of the image
        would be text, and nobody knows where the cursor is behind it.
        """
        model, emulator = self.model, self.model.emulator
        if due.need == Need.ATTACH:
            lines = client.max_lines if client.replays else 0
            if client.position >= 0:
                lines = min(model.scrolled_since(client.position), lines)
            screen = replay(emulator, lines=lines, status=self.reports(-1, model.position, True))
        else:
            alternate, pushed = due.beneath or model.shown_at(client.position)
            lines, gap = 0 if due.beneath else model.missed_since(client.position), b""
            if lines > client.max_lines:  # what the terminal shows does not go on in these lines, and stays above them
                gap, alternate = b"\x1b[?1049l" * alternate + clean_screen(*client.size[:2]), False
            lines, status = min(lines, client.max_lines), self.reports(client.position, model.position, True)
            screen = gap + repaint(emulator, lines=lines, was_alternate=alternate, pushed=pushed, status=status)
        client.position = model.position
        client.send_screen(model.position, screen)
        if model.lag:
            self.clients.become(client, Due(Need.RESYNC, time.monotonic() - RETURN_TIME + BEHIND_TIME))
        elif model.in_image:
            self.clients.become(client, Due(Need.RESYNC, AFTER_IMAGE))
        else:
            self.clients.become(client, Live())
            client.connection.feed(self.log)
            return
        model.mark(client.position)

    def draw(self) -> None:
        """Bring the screens of all drawn clients up to date."""
        self.timers.clear("draw")
        self.model.catch_up(FRAME_TIME / 2)
        for client in self.clients.all:
            self._draw(client)
        self._drawn_at = time.monotonic()
        if self.model.lag:
            self.timers.ensure("draw", FRAME_TIME, self.draw)

    def _draw(self, client: Client) -> None:
        """Send a drawn client one screen; one that has not taken the last yet gets the next once it has."""
        state = client.state
        if not isinstance(state, Drawn) or not client.connection.flush() or client.link_full:
            return
        screen = state.viewport.draw(self.model.emulator)
        screen += self.reports(client.position, self.model.position, False).encode()
        client.position = self.model.position
        if screen:
            client.send_screen(self.model.position, screen)
            client.connection.flush()
