"""Sends the program's output on: raw bytes first, the emulator behind, and screens for the clients that need them."""

from __future__ import annotations

import time
from collections.abc import Callable

from sesh import protocol
from sesh.bounds import Size
from sesh.daemon.clients.connection import (
    ASIDE,
    ATTACH,
    DRAWN,
    ENTER,
    HELD,
    LAG,
    LAG_OVER_LINK,
    RAW,
    REPAINT,
    RESYNC,
    Client,
    Reader,
)  # fmt: skip
from sesh.daemon.clients.echoes import Echoes
from sesh.daemon.clients.registry import STALLED, Clients
from sesh.daemon.pty.output_log import OutputLog
from sesh.daemon.screen.model import CATCH_UP_TIME, MOMENT, Model
from sesh.loop.loop import Loop
from sesh.vt.render.clean_screen import clean_screen
from sesh.vt.render.overlay import overlay
from sesh.vt.render.replay import NOTHING_PUSHED, repaint, replay
from sesh.vt.render.viewport import Viewport

FRAME_TIME = 1 / 30
"""Seconds between two screens for a drawn client."""
TRIM_FROM = 64 << 10
"""Bytes in the log from which on it is trimmed, so that many are dropped at a time."""
ATTACH_TIME, RETURN_TIME, BEHIND_TIME = 0.05, 2.0, 0.25
"""Seconds that a client waits for the emulator before it gets its present screen: one that attaches, where it may catch
up by then; one that was set aside; and for each further one."""
_AFTER_IMAGE = float("inf")
"""Value of `needed_at`: the client was painted in the middle of an image, and is painted again when that ends."""
FOLLOWER_LAG = 16 << 20
"""Bytes that a follower of a job's output may be behind."""

LINE_TIME = 5.0
"""Seconds that the line of what was missed stays, unless output or a key takes it away."""
MAX_NOTICE = 4096
"""Characters of a line of sesh's own."""


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
        self._slow: dict[int, Size] = {}
        """The session's size when clients were set aside that had fallen behind, by their numbers."""
        self._lines: dict[int, str] = {}
        """The last line of sesh's own that was laid over each client's last row, by the clients' numbers; for
        `LINE_TIME`."""

    def deliver(self, block: bytes = b"") -> None:
        """Passes on what was appended to the log, raw clients and followers first. `block`: the last of it."""
        log = self.log
        drawn = late = False
        if self.echoes is not None:
            self.echoes.tell()
        for client in self.clients.all:
            connection = client.connection
            if client.mode == RAW:
                if client.uncover:
                    self.uncover(client)
                if not connection.blocked:
                    connection.pass_on(log, block)
                late = late or connection.blocked
            elif client.mode == DRAWN:
                drawn = True
            if client.needs:
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
            self._set_slow_aside()

    def get_echoes(self) -> Echoes:
        """The echoes of what clients that predict type."""
        if self.echoes is None:
            self.echoes = Echoes(self.log, self.model, self.timers, self._flags)
        return self.echoes

    def paused(self) -> bool:
        """Returns whether the program has to wait: for the emulator, a client that needs a screen, or the leader."""
        lag = self.model.lag
        if lag and (self.model.room <= 0 or any(client.needs for client in self.clients.all)):
            return True
        if self.log.head - self.log.base <= LAG_OVER_LINK and not self.followers:
            return False  # no reader can be far behind
        waits = self.clients.awaits_leader(self.log) or any(
            follower.behind(self.log) > FOLLOWER_LAG and not self._stuck(follower) for follower in self.followers
        )
        if waits:
            self.timers.ensure("pace", STALLED, self._set_slow_aside)
        return waits

    def _stuck(self, reader: Reader) -> bool:
        return time.monotonic() - reader.connection.progress_at > STALLED

    def _set_slow_aside(self) -> None:
        """Sets clients aside that do not read; called some time after the program, or output, began to wait for one."""
        for client in self.clients.too_slow(self.log):
            self._set_aside(client)
            self._slow[client.number] = self.clients.size
        self._soon(self.paced)
        present = {client.number for client in self.clients.all}
        self._slow = {number: size for number, size in self._slow.items() if number in present}

    def _set_aside(self, client: Client) -> None:
        """Sends a client nothing until its socket is empty; a screen will replace what it missed."""
        self.clients.set_aside(client, ASIDE)
        self.model.mark(client.position)

    def writable(self, client: Client) -> None:
        """Goes on with a client whose socket, or whose link, takes bytes again."""
        self._soon(self.paced)
        client.connection.feed(self.log)
        if client.connection.unsent or (client.window is not None and not client.window.drained):
            return
        if client.mode == ASIDE:
            size = self._slow.pop(client.number, None)
            self.clients.bring_back(client)
            # The same object: it was not another one in between, for which the bytes may have been made.
            if client.mode == RAW and size is self.clients.size and client.window is None:
                self._go_on(client)
        elif client.mode == DRAWN:
            self.timers.ensure("draw", 0, self.draw)

    def _go_on(self, client: Client) -> None:
        """Feeds a client that was set aside from where it stood, if memory holds that and a screen would come late."""
        if not self.model.near(self.log.head) and client.left_at >= self.log.base:
            client.needs, client.position, client.left_at = "", client.left_at, -1
            client.connection.feed(self.log)

    def serve(self) -> None:
        """Sends screens to the clients that need one, once the emulator has come far enough; the program waits.

        Output that the emulator has not seen when a client attaches reaches that client as screens: the bytes would act
        again.
        """
        waiting = [client for client in self.clients.all if client.needs and client.mode in (RAW, DRAWN)]
        if not waiting:
            return
        self._soon(self.paced)
        if all(self._from_start(client) for client in waiting):
            for client in waiting:
                self._send_from_start(client)
            return
        model = self.model
        until = min(client.needed_at for client in waiting) + CATCH_UP_TIME
        model.skip_ahead()
        for turn in range(4):  # one step at least, the others while no client has waited too long
            if model.lag and (not turn or time.monotonic() < until):
                model.step()
        if not model.lag:
            model.catch_up(0)
        behind = model.lag > 0
        now = time.monotonic()
        for client in waiting:
            if behind:  # the screen that the emulator has come to, after a long wait; what is little always comes first
                short = ATTACH_TIME if model.near(self.log.head) else 0.0
                most = RETURN_TIME if client.needs == RESYNC or model.lag <= MOMENT else short
                due = client.needs in (ATTACH, RESYNC) and now - client.needed_at >= most
            elif client.needed_at == _AFTER_IMAGE:
                due = not model.in_image
            else:
                due = client.needs != REPAINT or client.position >= model.position
            if due:
                self._send_screen(client)
        if model.lag:
            self.timers.set("screens", 0.0, self.serve)

    def uncover(self, client: Client) -> None:
        """Takes a line of sesh's own off a client's last row; `flush` or the next output sends that."""
        if client.mode == DRAWN and client.viewport is not None and client.viewport.covered:
            self.timers.ensure("draw", 0, self.draw)
        screen, client.uncover = client.uncover, b""
        if screen and client.mode == RAW:
            client.connection.queue_screen(client.position, screen)

    def _laid(self, client: Client) -> None:
        """Has the line that was just laid over the last row go by itself: it may cover the prompt."""
        self._lines[client.number], client.notice = client.notice, ""

        def uncover() -> None:
            self._lines.pop(client.number, None)
            if client in self.clients.all:
                self.uncover(client)
                client.connection.flush()

        self.timers.set(("line", client.number), LINE_TIME, uncover)

    def reveal(self, client: Client) -> None:
        """Takes any line of sesh's own away, and sends at once what the client was not sent for it."""
        self.uncover(client)
        if client.mode == HELD:
            self.clients.bring_back(client)
            self.model.catch_up()
            self._send_screen(client)

    def hold(self, client: Client, text: str) -> None:
        """Shows a client a line of sesh's own, after which it gets what the program printed meanwhile.

        One that waits for a screen gets the line with it. One that lies there already comes first.
        """
        if (laid := self._lines.pop(client.number, "")) and client.covered:
            text = f"{laid}; {text}"
        text = text[:MAX_NOTICE]
        if client.needs:
            client.notice = (f"{client.notice}; {text}" if client.notice else text)[:MAX_NOTICE]
            return
        client.connection.queue_rest(self.log)
        self.model.mark(client.position)
        self.clients.set_aside(client, HELD)
        client.connection.queue(protocol.message(protocol.NOTICE, {"text": text, "hold": True}))
        client.connection.flush()
        self.model.catch_up()  # the screen is wanted soon, and at once if the client leaves

    def _from_start(self, client: Client) -> bool:
        """Returns whether a client gets the session's bytes from the first one on: the creator does."""
        new = client.needs == ATTACH and client.mode == RAW and client.left_at < 0 and not client.notice
        unread = not self.seen and self.log.base == 0 and self.log.head <= LAG
        return client.creator and new and unread

    def _send_from_start(self, client: Client) -> None:
        """Sends a clean screen, then the log from its first byte on."""
        self.seen = True
        client.needs, client.position = "", 0
        client.connection.queue_screen(0, clean_screen(*client.size[:2]))
        client.connection.feed(self.log)

    def _send_screen(self, client: Client) -> None:
        """Sends the screen that a client needs, and feeds it from there on.

        The need says how much the terminal lacks: ATTACH replays the scrollback, ENTER and RESYNC repaint from the
        screen that the terminal is known to show, REPAINT leaves an alternate screen to the program. A raw client needs
        nothing then, unless the emulator is behind or in an image: a RESYNC from the new position follows.
        """
        if client.mode == RAW and client.connection.unsent > LAG:
            self._set_aside(client)  # it requests screens and takes none
            return
        self.seen = True
        model = self.model
        model.apply_size()
        emulator = model.emulator
        need, client.needs = client.needs, ""
        left_at, client.left_at = client.left_at, -1
        covered, client.uncover = client.uncover, b""
        since = -1 if need == ATTACH else client.position if left_at < 0 else left_at
        if client.mode == DRAWN:
            if need == ENTER:  # it was raw until now, so its terminal is on the screen of its position
                client.shown = model.shown_at(client.position)
            client.position, client.reported = model.position, since
            self._draw(client, clear=need == ATTACH)
            return
        status = self.reports(since, model.position, True)
        if need == ATTACH:
            lines = client.lines if left_at < 0 else min(model.scrolled_since(left_at), client.lines)
            screen = replay(emulator, lines=lines, status=status)
        elif need == ENTER:
            alternate, pushed = client.shown or (False, NOTHING_PUSHED)
            screen = repaint(emulator, was_alternate=alternate, pushed=pushed, status=status)
        elif need == RESYNC and left_at >= 0:
            missed = model.missed_since(left_at)
            alternate, pushed = model.shown_at(left_at)
            gap = b""
            if missed > client.lines:  # what the terminal shows does not go on in these lines, and stays above them
                gap, alternate = b"\x1b[?1049l" * alternate + clean_screen(*client.size[:2]), False
            lines = min(missed, client.lines)
            screen = gap + repaint(emulator, lines=lines, was_alternate=alternate, pushed=pushed, status=status)
        elif need == REPAINT and emulator.alternate and not (client.wants_screen or covered):
            return  # the program redraws it
        else:
            screen = repaint(emulator, status=status)
        client.wants_screen = False
        client.position = model.position
        if model.lag:  # what lies between here and the log's head will reach it as another screen
            client.left_at = client.position
            client.needs, client.needed_at = RESYNC, time.monotonic() - RETURN_TIME + BEHIND_TIME
        elif model.in_image:  # the rest of it would be text, and nobody knows where the cursor is behind it
            client.left_at = client.position
            client.needs, client.needed_at = RESYNC, _AFTER_IMAGE
            model.mark(client.position)
        elif client.notice:
            screen += overlay(client.notice, client.size[0])
            client.uncover = repaint(emulator, status=status)
            self._laid(client)
        client.connection.queue_screen(model.position, screen)
        client.connection.feed(self.log)

    def draw(self) -> None:
        """Brings the screens of all drawn clients up to date."""
        self.timers.clear("draw")
        if self.model.lag:
            self.model.skip_ahead()
            self.model.catch_up(FRAME_TIME / 2)
        for client in self.clients.all:
            if client.mode == DRAWN and not client.needs:
                self._draw(client)
        self._drawn_at = time.monotonic()
        if self.model.lag:
            self.timers.ensure("draw", FRAME_TIME, self.draw)

    def _draw(self, client: Client, *, clear: bool = False) -> None:
        """Sends one screen; a client that has not taken the last one yet gets the next once it has.

        `clear`: the terminal shows something else, which is scrolled away first.
        """
        if client.viewport is None:
            client.viewport = Viewport(*client.size[:2], clear=clear)
        if not client.connection.flush() or client.link_full:
            return
        screen = client.viewport.draw(self.model.emulator)
        screen += self.reports(client.reported, self.model.position, False).encode()
        client.reported = self.model.position
        if client.notice:
            screen += client.viewport.cover(client.notice)
            self._laid(client)
        client.position = self.model.position
        if screen:
            client.connection.queue_screen(self.model.position, screen)
            client.connection.flush()

    def trim(self) -> None:
        """Drops the bytes that every reader has passed; none while the creator may want them, if they are few."""
        if not (self.served or self.model.full):
            return
        if self.log.head - self.log.base <= self.log.retained + TRIM_FROM:
            return
        readers = [*self.followers, *(client for client in self.clients.all if client.fed())]
        self.log.trim(min([self.model.position, *(reader.position for reader in readers)]))
