"""From the pty to those who read it: the raw bytes first, the emulator behind, screens and pictures for the others."""

from __future__ import annotations

import time

from sesh import protocol
from sesh.daemon.clients.client import (
    ASIDE,
    ATTACH,
    DRAWN,
    ENTER,
    FARTHEST,
    HELD,
    RAW,
    REPAINT,
    RESYNC,
    STALLED,
    Client,
    Clients,
)
from sesh.daemon.clients.connection import Reader
from sesh.daemon.clients.model import BOUND, PATIENCE, Model
from sesh.daemon.pty.output_log import RETAINED, OutputLog

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.daemon.loop.timers import Timers

FRAME = 1 / 30
"""Seconds between two pictures for a client of another size."""
MOST_KEPT = RETAINED + (64 << 10)
"""Bytes that are kept although nobody needs them any more: a few are forgotten at once."""
FOLLOWER_FARTHEST = 16 << 20
"""Bytes that somebody who follows a job's output may be behind."""


class Relay:
    """Feeds every reader of a session's log, each as fast as it reads, none at another's cost."""

    def __init__(self, log: OutputLog, model: Model, clients: Clients, timers: Timers) -> None:
        self.log, self.model, self.clients, self.timers = log, model, clients, timers
        self.followers: list[Reader] = []
        self.seen = False
        """Whether any client has ever been attached."""
        self._drawn_at = 0.0

    def added(self, block: bytes = b"") -> bool:
        """Passes on what was appended to the log: raw clients and followers first. `block`: the last of it.

        Whether everybody has all of it, and nothing needs to be forgotten yet.
        """
        log = self.log
        drawn = late = False
        for client in self.clients.all:
            connection = client.connection
            if client.mode == RAW:
                if not connection.blocked:
                    connection.pass_on(log, block)
                late = late or connection.blocked
            elif client.mode == DRAWN:
                drawn = True
        for follower in self.followers:
            if not follower.connection.blocked:
                follower.connection.pass_on(log, block)
        if drawn:
            self.timers.ensure("draw", max(0.0, self._drawn_at + FRAME - time.monotonic()), self.draw)
        if late:
            for client in self.clients.slow(log):
                self._set_aside(client)
        for follower in self.followers:
            if follower.behind(log) > FOLLOWER_FARTHEST and self._stuck(follower):
                follower.skipped += log.head - follower.position
                follower.position = log.head
        return not (drawn or late or self.followers) and log.head - log.base <= MOST_KEPT

    def paused(self) -> bool:
        """Whether the program has to wait: for the emulator, for a screen that is owed, or for who sets the pace."""
        lag = self.model.lag
        if lag and (lag >= BOUND or any(client.needs for client in self.clients.all)):
            return True
        if self.log.head - self.log.base <= FARTHEST and not self.followers:
            return False  # nobody can be far behind
        awaited = self.clients.awaited(self.log)
        if awaited is not None:
            self.timers.ensure("pace", STALLED, self._impatient)
            return True
        for follower in self.followers:
            if follower.behind(self.log) > FOLLOWER_FARTHEST and not self._stuck(follower):
                self.timers.ensure("pace", STALLED, self._impatient)  # the next turn asks again
                return True
        return False

    def _stuck(self, reader: Reader) -> bool:
        return time.monotonic() - reader.connection.touched > STALLED

    def _impatient(self) -> None:
        """Some time after the program began to wait for a client: whether that client still reads."""
        for client in self.clients.slow(self.log):
            self._set_aside(client)

    def _set_aside(self, client: Client) -> None:
        """The client gets nothing more until its socket is empty; a screen replaces what it was not given."""
        self.clients.set_aside(client, ASIDE)
        self.model.mark(client.position)

    def writable(self, client: Client) -> None:
        """A client's socket takes bytes again."""
        client.connection.feed(self.log)
        if client.connection.unsent:
            return
        if client.mode == ASIDE:
            self.clients.bring_back(client)
        elif client.mode == DRAWN:
            self.timers.ensure("draw", 0, self.draw)

    def serve(self) -> bool:
        """Gives their screens to the clients that need one, as soon as the emulator has come far enough.

        True while some still wait: the emulator is to be fed on, and the program is not read from.
        """
        waiting = [client for client in self.clients.all if client.needs and client.mode in (RAW, DRAWN)]
        if not waiting:
            return False
        if all(self._first(client) for client in waiting):
            for client in waiting:
                self._begin(client)
                self._tell(client)
            return False
        model = self.model
        until = min(client.asked for client in waiting) + PATIENCE
        for turn in range(4):
            if model.lag and (not turn or time.monotonic() < until):
                model.step()
        if not model.lag:
            model.catch_up(0)
        now = time.monotonic()
        left = False
        for client in waiting:
            if client.needs == ATTACH and model.lag and now - client.asked > PATIENCE:
                self._show(client)
            elif not model.lag and (client.needs != REPAINT or client.position >= model.position):
                self._show(client)
            else:
                left = left or bool(model.lag)
            self._tell(client)
        return left

    def _tell(self, client: Client) -> None:
        """Shows a client the line that was kept for it, now that it has its screen."""
        if client.notice and not client.needs and client.mode in (RAW, DRAWN):
            text, client.notice = client.notice, ""
            self.hold(client, text)

    def hold(self, client: Client, text: str) -> None:
        """Shows a client a line of sesh's own; what the program prints meanwhile it gets afterwards."""
        client.connection.feed(self.log)
        self.model.mark(client.position)
        self.clients.set_aside(client, HELD)
        client.connection.queue(protocol.message(protocol.NOTICE, {"text": text, "hold": True}))

    def _first(self, client: Client) -> bool:
        """Whether a client gets the session's bytes from the very first on: they need no emulator.

        Its creator does; another one, maybe hours later, where they do nothing but what a screen made of them would.
        """
        return (
            client.needs == ATTACH
            and client.mode == RAW
            and not self.seen
            and self.log.base == 0
            and not self.model.loaded
            and self.log.head <= FARTHEST
            and (client.creator or self._harmless(client))
        )

    def _harmless(self, client: Client) -> bool:
        from sesh.vt.render.clean_screen import REPLAY_SAFE_LIMIT, replay_safe

        columns, rows = client.size[:2]
        return self.log.head <= REPLAY_SAFE_LIMIT and replay_safe(self.log.bytes(0), columns, rows + client.lines)

    def _begin(self, client: Client) -> None:
        """A fresh screen, then the log from its birth."""
        from sesh.vt.render.clean_screen import clean_screen

        self.seen = True
        client.needs = ""
        client.position = 0
        client.connection.queue(*protocol.pieces(protocol.SCREEN, 0, clean_screen(client.size[1]), advance=False))
        client.connection.feed(self.log)

    def _show(self, client: Client) -> None:
        """Sends the screen that a client needs, and feeds it from there on."""
        from sesh.vt.render.replay import repaint, replay

        if client.mode == RAW and client.connection.unsent > FARTHEST:
            self._set_aside(client)  # it asks for screens and takes none
            return
        self.seen = True
        model = self.model
        model.settle()
        emulator = model.emulator
        need, client.needs = client.needs, ""
        left, client.left = client.left, -1
        if client.mode == DRAWN:
            if need == ENTER:  # until now it was raw: its terminal is on the screen that it was on there
                client.alternate = model.alternate_at(client.position)
            client.position = model.position
            self._draw(client, clear=need == ATTACH)
            return
        if need == ATTACH:
            screen = replay(emulator, lines=client.lines)
        elif need == ENTER:
            screen = repaint(emulator, was_alternate=client.alternate)
        elif need == RESYNC and left >= 0:
            lines = min(model.scrolled_since(left), client.most)
            screen = repaint(emulator, lines=lines, was_alternate=model.alternate_at(left))
        elif need == REPAINT and emulator.alternate and not client.wants:
            return  # the program draws it anew
        else:
            screen = repaint(emulator)
        client.wants = False
        client.position = model.position
        client.connection.queue(*protocol.pieces(protocol.SCREEN, model.position, screen, advance=False))
        client.connection.feed(self.log)

    def draw(self) -> None:
        """Brings the pictures of all clients of another size up to date."""
        self.timers.clear("draw")
        if self.model.lag:
            self.model.catch_up(FRAME / 2)
        for client in self.clients.all:
            if client.mode == DRAWN and not client.needs:
                self._draw(client)
        self._drawn_at = time.monotonic()
        if self.model.lag:
            self.timers.ensure("draw", FRAME, self.draw)

    def _draw(self, client: Client, *, clear: bool = False) -> None:
        """One picture; a client that has not taken the last one yet gets the next once it has.

        `clear`: the terminal shows something else, which is scrolled away first.
        """
        from sesh.vt.render.viewport import Viewport

        if client.view is None:
            client.view = Viewport(*client.size[:2], clear=clear)
        if not client.connection.flush():
            return
        picture = client.view.draw(self.model.emulator)
        client.position = self.model.position
        if picture:
            client.connection.queue(*protocol.pieces(protocol.SCREEN, self.model.position, picture, advance=False))
            client.connection.flush()

    def trim(self) -> None:
        """Forgets the bytes that every reader has passed."""
        if self.log.head - self.log.base <= MOST_KEPT:
            return
        needed = self.model.position
        for client in self.clients.all:
            if client.fed():
                needed = min(needed, client.position)
        for follower in self.followers:
            needed = min(needed, follower.position)
        self.log.trim(needed)
