"""One attachment to one session: the loop that carries bytes between the terminal and the daemon."""

from __future__ import annotations

import contextlib
import select
import signal
import time
from collections.abc import Callable, Container

from sesh import protocol, wording
from sesh.client.channel import Channel
from sesh.client.display import MAX_PENDING, Display
from sesh.client.keys import FLUSH_DELAY, Event, KeyParser
from sesh.client.link_watch import LinkWatch
from sesh.client.outcome import AttachOptions, Outcome
from sesh.client.overlays import Overlays
from sesh.client.predict import Predictor
from sesh.client.round_trip import RoundTrip
from sesh.client.terminal import EXIT_SIGNALS
from sesh.client.unacknowledged_input import UnacknowledgedInput
from sesh.errors import Unreachable, silent_daemon
from sesh.keynames import Key
from sesh.loop.timers import Timers
from sesh.messages import Message
from sesh.paths import lacks_descriptors
from sesh.typed import has_keys, pressed
from sesh.wire import Connection

HELLO_TIMEOUT, _OVER_LINK = 5.0, 10.0
"""Seconds for the daemon to answer HELLO, here and over a link."""
_FLUSH_TIMEOUT = 0.2
"""Seconds for the terminal to take pending output."""
_RESIZED_AFTER = 0.1
"""Seconds that a window keeps its size until a session behind a link is told of it."""
_CTRL_C = Key.parse("C-c")
_MAX_LINES = 20
"""Lines of the daemon's own, before the session shows and after it."""
_IDLE_MS = 10
"""Quiet before the ledger follows a burst: doing so while it is shown would slow both down."""
_OF_THE_SCREEN = frozenset((protocol.OUTPUT, protocol.SCREEN, protocol.REDRAW, protocol.ECHOED, protocol.MODEL))
_JSON_FRAMES = (protocol.NOTICE, protocol.EXIT, protocol.DETACH, protocol.SWITCH, protocol.TELL)


class Attachment:
    """One client attached to one session, over one connection after the other if links are lost.

    `run` returns when the attachment has ended, or with kind "switch" when the daemon sends the client to the session
    that the outcome names; if that fails `run` may be called again. The terminal stays raw. `on_welcome` is called at
    the daemon's first WELCOME, before anything is shown.
    """

    def __init__(
        self, display: Display, name: str, host: str | None, options: AttachOptions, on_welcome: Callable[[], None]
    ) -> None:
        self.link: LinkWatch | None = None  # for a session on another host
        self.display, self.name, self.host, self.options = display, name, host, options
        self.terminal = display.terminal
        self._switch: Outcome | None = None
        self.position, self.session_id = 0, ""
        """`position`: that of the first byte of the program's output that was not shown yet."""
        self.closing_lines: list[str] = []
        self._lines_before = _MAX_LINES
        """Lines that may still be printed before the screen comes."""
        self.ended = False
        """True if the session has ended."""
        self.channel: Channel
        """The connection to the daemon, from the first call of `connect` on."""
        self._on_welcome = on_welcome
        self._keys = KeyParser(options.detach_key)
        self.input = UnacknowledgedInput()
        """Input that may not have reached the program."""
        self.round_trip = RoundTrip()
        """That of the link; of the one before until this one is measured."""
        self._read_only_notified = False

    @property
    def label(self) -> str:
        """The session, and its host if that is another."""
        return f"{self.name}@{self.host}" if self.host else self.name

    def outcome(self, kind: str, *, reason: str = "", number: int | None = None) -> Outcome:
        """The outcome if this attachment ends now. `number`: of the signal that ended the client."""
        return Outcome(kind, self.name, self.host, reason=reason, signal=number)

    # -- its connections

    def connect(self, connection: Connection, hello: bytes) -> None:
        """Begin on a connection; or continue on one that replaces a lost link, with the unacknowledged input."""
        self._timers = Timers()
        self._resuming = self.session_id != ""
        self._ending: Outcome | None = None
        """The outcome once the attachment is to end: when all output is shown, or at once if `_at_once`."""
        self._at_once = False
        self.farewell: Message = {}
        """The daemon's EXIT, DETACH or SWITCH, as soon as one has come."""
        host, predict = self.host, self.options.predict
        self.display.on_link = host is not None
        self.channel = Channel(connection, self.round_trip, on_link=host is not None)
        self.channel.send(hello)
        self._timers.set("welcome", HELLO_TIMEOUT if host is None else _OVER_LINK, self._unanswered)
        predictor: Predictor | None = None
        if host is not None and predict != "never" and not self.options.read_only:
            always = predict == "always"
            predictor = Predictor(self.channel.send, self.terminal.grid, self.round_trip, always=always)
        self.overlays = Overlays(self.display, self.channel, self._timers, predictor, self._show)
        self._poller = _Poller(self.display, self.channel, self._timers, self.link)
        if self.link is not None:
            self.link.begin(self.channel, self.overlays)

    def _unanswered(self) -> None:
        if self._ending is None:
            if not self._resuming:
                raise silent_daemon(self.name)
            self._lost("silent")

    def _lost(self, reason: str = "") -> None:
        if self._leaving:  # no link is needed any more
            self._leave()
            return
        self._end(self.outcome("lost", reason=reason), at_once=reason == "replaced")

    @property
    def _link_lost(self) -> bool:
        """True if the link was lost, and output that had come over it is still being shown."""
        return self._ending is not None and self._ending.kind == "lost" and self.host is not None

    @property
    def _holding(self) -> bool:
        """True if input has to wait for another link, or for its daemon."""
        return self._link_lost or (self._resuming and not self.channel.welcome)

    # -- while the link is lost

    def go_offline(self) -> None:
        """Send nothing until another link replaces the lost one."""
        self._ending, self._at_once = None, False
        self.channel.closed = True
        self._handle_keys(self._keys.flush())  # the timer that would do so ends with the connection
        self.overlays.take_back()
        self.channel.connection.close()

    def serve_offline(self, ready: Container[int], take: Callable[[bytes], None]) -> Outcome | None:
        """Handle keys and signals without a link: return the outcome if the person leaves; `take` gets other input."""
        if self.terminal.signals in ready:
            self._handle_signals()
        if self.terminal.inbound in ready and not self._at_once:
            data = self.terminal.read()
            if data == b"":
                return self.outcome("detached", reason="hangup")
            for event in self._keys.feed(data or b"") + self._keys.flush():
                if event[0] == "detach":
                    return self.outcome("detached")
                if pressed(event[1], _CTRL_C):
                    return self.outcome("lost")
                take(event[1])
        return self._ending

    def hold(self, keys: bytes) -> None:
        """Keep input until there is another link."""
        if not self.options.read_only:
            self.input.hold(keys, time.monotonic())

    # -- the loop

    def typed_ahead(self, key: bytes) -> None:
        """Leave if `key`, typed before the terminal was raw, is the detach key; any other was lost."""
        if ("detach",) in self._keys.feed(key):
            self._detach()

    def run(self) -> Outcome:
        """Carry bytes until the attachment ends.

        Raises the daemon's refusal, Unreachable (no answer to HELLO), ProtocolError, OSError if no file can be opened.
        """
        self._handle_frames(self.channel.connection.leftovers())
        while self._switch is None:
            if self._ending is not None and (self._at_once or not self.display.pending):
                return self._ending
            try:
                holds_up_keys = self._leaving or (self.input.full and not self._holding)
                self._serve(self._poller.wait(read_keys=not holds_up_keys))
            except OSError as error:
                if lacks_descriptors(error):
                    raise
                self._hang_up()  # the terminal is gone
        switch, self._switch = self._switch, None
        return switch

    def _serve(self, ready: dict[int, int]) -> None:
        channel, terminal = self.channel, self.terminal
        if terminal.signalled or terminal.signals in ready:  # a new size must precede the keys typed after it
            self._handle_signals()
        if terminal.inbound in ready and not self._at_once:
            self._handle_typed(self.terminal.read())
        if self.display.pending and terminal.outbound in ready:
            self.display.flush()
        if channel.unsent and channel.connection.outbound in ready:
            self.channel.send()
        if self._poller.receives and channel.reading and channel.connection.inbound in ready:
            self._handle_received(self.channel.read())
        if not self._at_once and self._switch is None:
            if (link := self.link) is not None and link.in_use and link.look_after(ready):
                self._lost("silent" if link.replacement is None else "replaced")
            self._timers.run()

    # -- the end

    def _end(self, outcome: Outcome, *, at_once: bool = False) -> None:
        """End the attachment when all output is shown, or `at_once` if nobody can see it or waits for it.

        The first outcome counts, save that one at once replaces one that waits for output.
        """
        if self._ending is None:
            self._ending = outcome
            self.channel.reading = False
            self.overlays.take_back()
        if at_once and not self._at_once:
            self._ending, self._at_once = outcome, True

    def _hang_up(self) -> None:
        with contextlib.suppress(OSError):  # what lies over the output is taken back, if there is a terminal
            self._end(self.outcome("detached", reason="hangup"), at_once=True)
        self._at_once = True

    @property
    def _leaving(self) -> bool:
        """True if the client has asked the daemon to let it go, or was told to go."""
        return self._timers.is_set("leave")

    def _detach(self) -> None:
        """Leave, and give the daemon a moment to say how it left the screen."""
        leaving = self.outcome("detached")
        if self._ending is not None:  # wait no longer for its output to be shown, and replace no lost link
            self._end(leaving if self._link_lost else self._ending, at_once=True)
            return
        self.overlays.take_guesses_back()
        self._timers.set("leave", self.channel.goodbye_time, self._leave)
        self.channel.send(protocol.message(protocol.DETACH, {}))
        if self.channel.closed or not self.channel.welcome:
            self._end(leaving, at_once=True)

    def _leave(self) -> None:
        """Leave without waiting any longer for the daemon, or for the terminal to take pending output."""
        self._end(self._ending or self.outcome("detached"), at_once=True)

    # -- from the terminal

    def _handle_typed(self, data: bytes | None) -> None:
        """Handle what was read from the terminal: None if another process read it first."""
        if not data:
            if data is not None:
                self._hang_up()
            return
        if self._timers.is_set("resize"):
            self._resize()
        self._handle_keys(self._keys.feed(data))
        if self._keys.holding:
            self._timers.set("keys", FLUSH_DELAY, lambda: self._handle_keys(self._keys.flush()))
        else:
            self._timers.clear("keys")

    def _handle_keys(self, events: list[Event]) -> None:
        # The terminal itself reports its focus, and where the mouse is, to a program that asked for that.
        typed = [event for event in events if event[0] == "detach" or has_keys(event[1])]
        if typed:
            self.overlays.end_hint()
            if self.link is not None:
                self.link.typed(typed)
        for event in typed if self.options.read_only else events:
            if event[0] == "detach":
                self._detach()
                return
            if not self.options.read_only:
                self._handle_input(event[1])
            elif not self._read_only_notified:
                self._read_only_notified = True
                self.overlays.line.show(f"read-only: keys are not passed on; {self.options.detaches}")
            else:
                self.overlays.line.end()

    def _handle_input(self, data: bytes) -> None:
        if self._holding:
            self.hold(data)
            return
        if self._ending is None:
            if self.input.dropping and self.input.drops(time.monotonic()):
                return
            for frame in self.input.add(data):
                self.channel.send(frame)
            self.channel.time_input(self.input.number)
            self.overlays.line.end()
            self.overlays.guess(self.input.number, data)

    def _handle_signals(self) -> None:
        signals = self.terminal.take_signals()
        stopped = signal.SIGTSTP in signals and signals.isdisjoint(EXIT_SIGNALS)
        if stopped:
            self.overlays.take_back()
            self.display.suspend()
            self.terminal.suspend()
            signals = self.terminal.take_signals()
        for number in signals.intersection(EXIT_SIGNALS):
            self.channel.send(protocol.message(protocol.DETACH, {}))
            self._end(self.outcome("signal", number=number), at_once=True)
            return
        if stopped:
            self._redisplay()
        elif signal.SIGCONT in signals:
            if self.link is not None:
                self.link.reopen.sign()
            self.terminal.raw()
            self._resize()
            self.overlays.line.ask()
        elif signal.SIGWINCH in signals and self.host is None:
            self._resize()
        elif signal.SIGWINCH in signals:
            self.overlays.take_guesses_back()
            self._timers.set("resize", _RESIZED_AFTER, self._resize)

    def _redisplay(self) -> None:
        """Show the session again on a terminal that showed something else meanwhile (after `Display.suspend`)."""
        self.display.resume()
        self._resize()
        self.overlays.line.ask()

    def _resize(self) -> None:
        self._timers.clear("resize")
        self.display.resized()
        self.overlays.take_guesses_back()
        self.channel.send(protocol.frame(protocol.RESIZE, protocol.size_payload(*self.terminal.size())))
        self.overlays.line.resized()

    # -- from the daemon

    def _handle_received(self, frames: list[tuple[int, bytes]] | None) -> None:
        """Handle the frames that have come; None if nothing will come any more."""
        if self.link is not None and frames:
            self.link.heard()
        if frames is None:
            if not self.channel.welcome and not self._resuming:
                raise Unreachable(f"the daemon of {self.name} closed the connection; try again")
            self._end(self.outcome("detached" if self._leaving else "lost"))
            return
        self._handle_frames(frames)
        self.channel.tell_got()

    def _handle_frames(self, frames: list[tuple[int, bytes]]) -> None:
        """Handle frames up to that which ends the attachment; ignore those of unknown types."""
        for kind, payload in frames:
            if self._ending is not None:
                return
            if kind in _OF_THE_SCREEN:
                self._handle_screen(kind, payload)
            elif not self.channel.welcome:
                if self.channel.connection.accept(kind, payload):
                    self._handle_welcome()
            elif kind == protocol.ACK:
                for frame in self.input.acknowledge(self.channel.acknowledged(payload)):
                    self.channel.send(frame)
            elif kind == protocol.PING:
                self.channel.pinged(payload)
            elif kind == protocol.RELOADED:
                self._lost("reloaded")
            elif kind == protocol.PONG:
                if self.channel.answered(payload) and self.link is not None:
                    self.link.heard(pong=True)
                self.overlays.judge(kind, payload)
            elif kind in _JSON_FRAMES:
                self._handle_message(kind, self.channel.connection.message(kind, payload))

    def _handle_screen(self, kind: int, payload: bytes) -> None:
        """Handle a frame that concerns the screen; it waits while a line of sesh's own lies there."""
        if kind in (protocol.OUTPUT, protocol.SCREEN, protocol.REDRAW):
            self.channel.got += max(0, len(payload) - 8)
        if not self.overlays.line.takes(kind, payload):
            self._show(kind, payload)

    def _show(self, kind: int, payload: bytes) -> None:
        if kind in (protocol.ECHOED, protocol.MODEL):
            self.overlays.judge(kind, payload)
            return
        position, data = protocol.split_number(payload)
        if kind == protocol.OUTPUT:
            data = data[max(0, self.position - position) :]  # another link may have brought the first bytes already
            position = max(position, self.position)
            self.position = position + len(data)
            self.overlays.show_output(position, data)
        else:
            self.position = position
            self.overlays.show_screen(position, data)

    def _handle_welcome(self) -> None:
        welcome = self.channel.welcome
        self._timers.clear("welcome")
        self.session_id = str(welcome.get("id") or "")
        self.name = str(welcome.get("name") or self.name)
        if not self._resuming:
            self._on_welcome()
            news = (self.overlays.greeting, str(welcome.get("missed") or ""))
            self.overlays.greeting = "; ".join(filter(None, news))
            if welcome.get("new") is True and not self.options.read_only:
                self.overlays.begin_hint(self.name, self.options.detaches)
        if self._resuming:
            self.display.uncover()
            self.channel.send(b"".join(self.input.resume(int(welcome.get("last_input") or 0), time.monotonic())))
        if self.input.dropping:
            self.overlays.line.show("more was typed than is kept: the rest was dropped")

    def _handle_message(self, kind: int, message: Message) -> None:
        if kind not in (protocol.SWITCH, protocol.TELL):
            self.name = str(message.get("name") or self.name)
        text = str(message.get("text") or "")
        if kind == protocol.NOTICE:
            if self.display.started or not self._lines_before:
                self.closing_lines = extended(self.closing_lines, text)
            else:
                self._lines_before -= 1
                self.display.line(text)
        elif kind == protocol.TELL:
            self.overlays.tell(_news(message, self.host), shown=(message.get("name") or "") == self.name)
        elif kind == protocol.EXIT:
            self.farewell, self.ended = {"rows_below": 0, **message}, True
            code, number, reason = message.get("code"), message.get("signal"), message.get("reason")
            self._end(Outcome.ended(self.name, self.host, code, number, reason))
        elif kind == protocol.DETACH:
            self.farewell = message
            self._timers.ensure("leave", _FLUSH_TIMEOUT, self._leave)
            self._end(self.outcome("detached", reason=str(message.get("reason") or "")))
        elif kind == protocol.SWITCH and not self._leaving:
            self.overlays.take_back()
            self.farewell, host = message, message.get("host")
            self._switch = Outcome("switch", str(message.get("name") or ""), host if isinstance(host, str) else None)

    def switch_failed(self, reason: str) -> None:
        """Stay, and show why as soon as the session is on the screen."""
        if self.display.started:
            self.overlays.line.show(reason)
        else:
            self.overlays.greeting = reason
            self._redisplay()


def extended(lines: list[str], line: str) -> list[str]:
    """The newest of some closing lines and one more."""
    return [*lines, line][-_MAX_LINES:]


class _Poller:
    """Waits while one connection of an attachment lasts, and catches up with output when there is nothing to do.

    By poll(2) itself: `loop.poller` would add to the cost of an echo. A descriptor without interest is not registered:
    one that hung up would always be ready.
    """

    def __init__(self, display: Display, channel: Channel, timers: Timers, link: LinkWatch | None) -> None:
        self._display, self._channel, self._timers, self._link = display, channel, timers, link
        self.receives = False
        """True if the last wait was also for the daemon."""
        self._poll = select.poll().poll
        self._interest: tuple[object, ...] = ()
        self._idle = False
        """True if the last wait brought nothing."""

    def wait(self, *, read_keys: bool) -> dict[int, int]:
        """Block until there is something to do; return the descriptors that are ready, with their events."""
        channel, display = self._channel, self._display
        self.receives = channel.reading and display.pending < MAX_PENDING
        descriptors = self._link.reopen.descriptors if self._link is not None else ()
        interest = (self.receives, read_keys, display.pending > 0, bool(channel.unsent), descriptors)
        if interest != self._interest:
            self._poll, self._interest = self._watched(*interest).poll, interest
        if display.unread:
            ready = self._poll(0 if self._idle else _IDLE_MS)
            self._idle = not ready
            if not ready:
                display.update_ledger()
                channel.tell_got(idle=True)
        else:
            display.show_own()
            left = self._timers.wait_time()
            if self._link is not None:
                left = self._link.wait_time(left)
            ready = self._poll(None if left is None else left * 1000)
        return dict(ready)

    def _watched(self, receive: bool, read_keys: bool, show: bool, send: bool, link: tuple[int, ...]) -> select.poll:
        terminal, connection = self._display.terminal, self._channel.connection
        wanted = dict.fromkeys((terminal.signals, *link), select.POLLIN)
        for descriptor, events, active in (
            (connection.inbound, select.POLLIN, receive),
            (terminal.inbound, select.POLLIN, read_keys),
            (terminal.outbound, select.POLLOUT, show),
            (connection.outbound, select.POLLOUT, send),  # the same descriptor, if it is a socket
        ):
            if active:
                wanted[descriptor] = wanted.get(descriptor, 0) | events
        poll = select.poll()
        for descriptor, events in wanted.items():
            poll.register(descriptor, events)
        return poll


def _news(message: Message, host: str | None) -> str:
    """The line on a session that needs the person, in a TELL."""
    name, state, question = (str(message.get(key) or "") for key in ("name", "state", "question"))
    return wording.needs(name, state, question, host)
