"""One attachment to one session: the loop that carries bytes between the terminal and the daemon."""

from __future__ import annotations

import os
import select
import time

from sesh import gate, protocol, wording
from sesh.client.display import MAX_PENDING, Display
from sesh.client.keys import FLUSH_DELAY, KeyParser
from sesh.client.notices import Notices
from sesh.client.outbox import Outbox
from sesh.client.outcome import AttachOptions, Outcome
from sesh.client.polling import Poller
from sesh.client.terminal import EXIT_SIGNALS
from sesh.client.unacknowledged_input import UnacknowledgedInput
from sesh.errors import Unreachable, silent_daemon
from sesh.keepalive import Keepalive
from sesh.lean import deque, signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from sesh.client.keys import Event
    from sesh.client.predict.predictor import Predictor
    from sesh.client.race import Attempts, Race, Reconnect
    from sesh.client.terminal import RawTerminal
    from sesh.client.wake import Wake
    from sesh.errors import LoginRefused
    from sesh.keepalive import Backoff
    from sesh.messages import Message
    from sesh.schema import Welcome
    from sesh.stop import Stop
    from sesh.wire import Connection

_READ_SIZE, _FLOOD_READ_SIZE = 16 << 10, 32 << 10  # larger buffers only in a flood: allocating them takes time
_HELLO_TIMEOUT = 10.0
"""Seconds for the daemon to answer HELLO."""
_GOODBYE_TIMEOUT = 0.2
"""Seconds for the daemon to say how it left the screen, and for the terminal to take pending output."""
ASK_AFTER, ANSWER_AFTER = 1.0, 0.5
"""Seconds of silence on a link after which a key asks whether it lives; and, beside a round trip, after a key."""
_TELL_GOT, _TELL_GOT_AFTER = 8 << 10, 0.05
"""Bytes, and seconds, after which the daemon is told what has come over a link; four times as many at once."""
_RESIZED_AFTER = 0.1
"""Seconds that a window keeps its size until a session behind a link is told of it."""
_CTRL_C = (b"\x03", b"\x1b[99;5u", b"\x1b[27;5;99~")  # in each form that terminals send
_IDLE_MS = 10  # the ledger reads a burst after it was shown: at the same time they would slow each other down
_LONGEST_PING = 64  # bytes of its payload
_MOST_LINES = 20  # of the other side's own, before the session shows and after it
_JSON_FRAMES = (protocol.NOTICE, protocol.EXIT, protocol.DETACH, protocol.SWITCH, protocol.TITLE, protocol.TELL)


class Attachment:
    """One client attached to one session, from HELLO to the last byte.

    `run` returns when the attachment ended, or with kind "switch" when the daemon sends the client to another session
    (`switch_target`); if that fails `run` may be called again. The terminal stays raw.
    """

    def __init__(
        self,
        connection: Connection,
        display: Display,
        name: str,
        host: str | None,
        options: AttachOptions,
        hello: bytes,
    ) -> None:
        self.connection, self.display, self.name, self.host = connection, display, name, host
        self.terminal: RawTerminal = display.terminal
        self.options = options
        self.on_welcome: Callable[[], None] | None = None
        """Called once, at the daemon's WELCOME, before anything is shown."""
        self.switch_target: tuple[str, str | None] | None = None
        self.position, self.session_id = 0, ""
        """`position`: in the program's output, of the first byte that was not shown yet."""
        self.alternate = False
        """Whether the alternate screen was on when the display was suspended."""
        self.closing_lines: deque[str] = deque((), _MOST_LINES)
        self._lines_before = _MOST_LINES  # that may be printed before the screen comes
        self.rows_below: int | None = None
        self.open_queries = False
        """For `Display.leave`."""
        self.ended = False
        """Whether the session has ended."""
        self.keepalive = Keepalive(enabled=host is not None)
        self._keys = KeyParser(options.detach_key)
        self._input = UnacknowledgedInput()
        self._acknowledged = 0
        self._outbox = Outbox(connection, hello)
        self._send = self._outbox.send
        self.notices = Notices(display, self._send)
        self._poller = Poller()
        self._interest: tuple[int, ...] = ()
        self.raced: Connection | Exception | None = None
        """Another link that was opened beside this one, and was there first; or how the session has ended."""
        self._got = self._told_got = 0  # bytes of OUTPUT and SCREEN, and those that the daemon was told of
        self._told_got_at = 0.0
        self._resize_by = 0.0
        self._race: Race | None = None
        self._wake: Wake | None = None
        self._answer_by = 0.0  # when the link is asked, where nothing has come since a key
        self._outcome: Outcome | None = None
        self._ending: Outcome | None = None  # the outcome as soon as all output is shown
        self._read_closed = False
        self._resuming = False  # on a new connection, with input that the last one may not have delivered
        self._welcome_by = time.monotonic() + _HELLO_TIMEOUT
        self._flush_by = self._leave_by = 0.0
        self._predictor: Predictor | None = None
        if host is not None and options.predict != "never" and not options.read_only:
            from sesh.client.predict.predictor import Predictor

            self._predictor = Predictor(self._send, self.terminal.size, always=options.predict == "always")
        self._watching_said = False
        self._idle = False  # the last wait brought nothing
        self._read_size = _READ_SIZE
        os.set_blocking(connection.inbound, False)
        os.set_blocking(connection.outbound, False)

    @property
    def welcome(self) -> Welcome:
        """The daemon's WELCOME, empty until it has come."""
        return self.connection.welcome

    @property
    def place(self) -> str:
        """The session, and its host where that is another."""
        return f"{self.name}@{self.host}" if self.host else self.name

    def run(self) -> Outcome:
        """Carry bytes until the attachment ends.

        Raises the daemon's refusal, Unreachable where it does not answer HELLO, ProtocolError.
        """
        self._outcome = None
        self._send()
        for frame in self.connection.leftovers():
            self._handle_frame(*frame)
        while (outcome := self._turn()) is None:
            continue
        return outcome

    def reconnected(self, connection: Connection, hello: bytes) -> Attachment:
        """The same attachment over a new connection, with the input that was not acknowledged."""
        attachment = Attachment(connection, self.display, self.name, self.host, self.options, hello)
        attachment._input, attachment._keys, attachment._resuming = self._input, self._keys, True
        attachment.session_id, attachment.position = self.session_id, self.position
        if attachment._predictor is not None and self._predictor is not None:
            attachment._predictor.round_trip = self._predictor.round_trip
        return attachment

    def watch_link(self, reconnect: Reconnect, backoff: Backoff) -> None:
        """From now on ask the link at once where it may be dead, and open another beside it by `reconnect`."""
        from sesh.client.race import Race

        def attempt(stop: Stop) -> Connection:
            heard = self.keepalive.heard_at
            return reconnect(self.name, self.host or "", self.session_id, self.position, heard, beside=stop)

        self._race = Race(lambda question: self._send(protocol.frame(protocol.PING, question)), attempt, backoff)

    def take_attempts(self) -> Attempts | LoginRefused | None:
        """What `Race.take` gives."""
        return self._race.take() if self._race is not None else None

    def typed_ahead(self, key: bytes) -> None:
        """A key was typed before the terminal was raw: the detach key leaves; any other was lost."""
        if ("detach",) in [event[:1] for event in self._keys.feed(key)]:
            self._detach()

    def go_offline(self) -> None:
        """The link is lost: send nothing until there is another one."""
        self.notices.end_hint()
        self._outbox.closed, self._outcome, self._ending = True, None, None

    def serve_offline(self, ready: set[int], keys: Callable[[bytes], None]) -> Outcome | None:
        """Handle keys and signals while the link is down: the user may leave, and `keys` gets what else is typed."""
        if self.terminal.signals in ready:
            self._handle_signals()
        if self.terminal.inbound in ready and self._outcome is None:
            data = self.terminal.read()
            if data == b"":
                return Outcome("detached", self.name, self.host, reason="hangup")
            for event in self._keys.feed(data or b"") + self._keys.flush():
                if event[0] == "detach":
                    return Outcome("detached", self.name, self.host)
                if event[1].endswith(_CTRL_C):
                    return Outcome("lost", self.name, self.host)
                keys(event[1])
        return self._outcome

    def hold(self, keys: bytes) -> None:
        """Keep what is typed until there is another link."""
        if not self.options.read_only:
            self._input.hold(keys, time.monotonic())

    @property
    def dropping(self) -> bool:
        """Whether more was typed than is kept, so that input is dropped."""
        return self._input.dropping

    def drop_unsent(self) -> bool:
        """Drop what was typed and never sent; whether there was anything."""
        return self._input.drop()

    def close(self) -> None:
        """Detach and close the connection, silently."""
        self._stop_watching_link()
        self._send(protocol.message(protocol.DETACH, {}))
        self.connection.close()

    # -- the loop

    def _turn(self) -> Outcome | None:
        """Wait for something to do, and do it; the outcome where that was the last."""
        if self._ending is None or self.display.pending:
            try:
                self._serve(self._wait())
            except OSError:  # the terminal is gone
                self._end(Outcome("detached", self.name, self.host, reason="hangup"), at_once=True)
        if self._ending is not None and not self.display.pending:
            self._outcome = self._outcome or self._ending
        return self._outcome

    def _serve(self, ready: dict[int, int]) -> None:
        connection, terminal = self.connection, self.terminal
        if terminal.signalled or terminal.signals in ready:  # a new size must precede the keys typed after it
            self._handle_signals()
        if terminal.inbound in ready and self._outcome is None:
            self._read_keys()
        if self.display.pending and terminal.outbound in ready:
            self.display.flush()
        if self._outbox.waiting and connection.outbound in ready:
            self._send()
        if connection.inbound in ready and self._interest[0] and self._outcome is None:
            self._receive()
        if self._race is not None and self.welcome and self._outcome is None:
            self._watch_race(self._race, ready)
        due = self._flush_by or self.notices.until or self._leave_by or self._welcome_by or self._resize_by
        if due or self.keepalive.due:
            self._run_timers()

    def _wait(self) -> dict[int, int]:
        """Block until there is something to do; the descriptors that are ready."""
        display = self.display
        receive = not self._read_closed and self._ending is None and display.pending < MAX_PENDING
        read_keys = not (self._leave_by or (self._input.full and not self._holding))
        racing = self._race.descriptor if self._race is not None else -1
        interest = (receive, read_keys, display.pending > 0, self._outbox.waiting, racing)
        if interest != self._interest:
            self._interest = interest
            self._watch(*interest)
        if display.unread:
            ready = self._poller.poll(0 if self._idle else _IDLE_MS)
            self._idle = not ready
            if not ready:
                display.update_ledger()
                self._tell_got(0.0)
                if self._predictor is not None and not display.unread:
                    self._predictor.quiet()
        elif self._predictor is not None and self._predictor.building:
            ready = self._poller.poll(0)
            if not ready:
                self._predictor.build()
        else:
            if display.title_due or display.told:
                display.show_own()
            race_due = self._race.due if self._race is not None else 0.0
            due = [self._flush_by, self.notices.until, self._leave_by, self._welcome_by, self.keepalive.due]
            due += [race_due, self._answer_by, self._resize_by]
            left = max(0.0, min(filter(None, due)) - time.monotonic()) if any(due) else None
            ready = self._poller.poll(None if left is None else left * 1000)
        return dict(ready)

    def _watch(self, receive: int, read_keys: int, show: int, send: int, racing: int) -> None:
        terminal, connection = self.terminal, self.connection
        self._poller.watch(
            (terminal.signals, select.POLLIN, True),
            (connection.inbound, select.POLLIN, receive > 0),
            (terminal.inbound, select.POLLIN, read_keys > 0),
            (terminal.outbound, select.POLLOUT, show > 0),
            (connection.outbound, select.POLLOUT, send > 0),
            (racing, select.POLLIN, racing >= 0),
            *((descriptor, select.POLLIN, True) for descriptor in (self._wake.descriptors if self._wake else ())),
        )

    def _run_timers(self) -> None:
        now = time.monotonic()
        if self._flush_by and now >= self._flush_by:
            self._flush_by = 0.0
            self._handle_keys(self._keys.flush())
        if self.notices.until and now >= self.notices.until:
            self.notices.clear()
        if self._resize_by and now >= self._resize_by:
            self._resize()
        if self._leave_by and now >= self._leave_by:
            self._outcome = self._outcome or self._ending or Outcome("detached", self.name, self.host)
        if self._welcome_by and now >= self._welcome_by and self._outcome is None and not self._leave_by:
            if not self._resuming:
                raise silent_daemon(self.name)
            self._end(Outcome("lost", self.name, self.host, reason="silent"))
        if self.keepalive.due and now >= self.keepalive.due:
            self._send(protocol.frame(protocol.PING))
            if not self.keepalive.check(now):
                self._end(Outcome("lost", self.name, self.host, reason="silent"))

    # -- from the terminal

    def _read_keys(self) -> None:
        data = self.terminal.read()
        if data is None:
            return
        if not data:
            self._end(Outcome("detached", self.name, self.host, reason="hangup"), at_once=True)
            return
        if self._resize_by:
            self._resize()
        self._handle_keys(self._keys.feed(data))
        self._flush_by = time.monotonic() + FLUSH_DELAY if self._keys.holding else 0.0

    def _handle_keys(self, events: list[Event]) -> None:
        if events:
            self.notices.end_hint()
        if events and self._race is not None:
            now = time.monotonic()
            if now > self.keepalive.heard_at + ASK_AFTER:
                self._doubt_link()
            self._answer_by = self._answer_by or now + ANSWER_AFTER + self.round_trip
        for event in events:
            if event[0] == "detach":
                self._detach()
                return
            if self.options.read_only and not self._watching_said:
                self._watching_said = True
                self._show_notice("this client only watches: keys are not passed on")
                continue
            if (self._ending is None or self._link_lost) and not self.options.read_only:
                if self._holding:
                    self.hold(event[1])
                    continue
                if self.dropping and self._input.drops(time.monotonic()):
                    continue
                for frame in self._input.add(event[1]):
                    self._send(frame)
                if self._predictor is not None:
                    self.display.draw(self._predictor.typed(self._input.number, event[1]))
            self.notices.clear()

    @property
    def _link_lost(self) -> bool:
        """Whether the link was lost, and what had come over it is still being shown."""
        return self._ending is not None and self._ending.kind == "lost" and self.host is not None

    @property
    def _holding(self) -> bool:
        """Whether what is typed has to wait for another link, or for its daemon."""
        return self._link_lost or (self._resuming and not self.welcome)

    def _detach(self) -> None:
        """Leave, and give the daemon a moment to say how it left the screen."""
        if self._ending is not None:
            self._outcome = Outcome("detached", self.name, self.host) if self._link_lost else self._ending
            return
        self._stop_predicting()
        self._leave_by = time.monotonic() + _GOODBYE_TIMEOUT
        self._send(protocol.message(protocol.DETACH, {}))
        if self._outbox.closed or not self.welcome:
            self._end(Outcome("detached", self.name, self.host), at_once=True)

    def _handle_signals(self) -> None:
        signals = self.terminal.take_signals()
        for number in EXIT_SIGNALS:
            if number in signals:
                self._send(protocol.message(protocol.DETACH, {}))
                self._end(Outcome("signal", self.name, self.host, signal=number), at_once=True)
                return
        if signal.SIGTSTP in signals:
            self._stop_predicting()
            self.notices.end_hint()
            self.alternate = self.display.suspend()
            self.terminal.suspend()
            self.terminal.take_signals()
            self._redisplay()
        elif signal.SIGCONT in signals:
            self._doubt_link()
            self.terminal.raw()
            self._resize()
            self._send(protocol.frame(protocol.REDRAW))
        elif signal.SIGWINCH in signals and self.host is None:
            self._resize()
        elif signal.SIGWINCH in signals:
            self._stop_predicting()
            self._resize_by = time.monotonic() + _RESIZED_AFTER

    def _redisplay(self) -> None:
        """Show the session again on a terminal that showed something else meanwhile (after `Display.suspend`)."""
        self.display.resume(self.alternate)
        self._resize()
        self._send(protocol.frame(protocol.REDRAW))

    def _resize(self) -> None:
        self._resize_by = 0.0
        self._stop_predicting()
        self._send(protocol.frame(protocol.RESIZE, protocol.size_payload(*self.terminal.size())))
        self.notices.clear()

    # -- from the daemon

    def _receive(self) -> None:
        try:
            data = os.read(self.connection.inbound, self._read_size)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._read_closed = True
            if not self.welcome and not self._resuming:
                raise Unreachable(f"the daemon of {self.name} closed the connection; try again")
            self._end(Outcome("detached" if self._leave_by else "lost", self.name, self.host))
            return
        self._read_size = _FLOOD_READ_SIZE if len(data) == self._read_size else _READ_SIZE
        if self.keepalive.due:
            self.keepalive.heard()
        if self._race is not None:
            self._answer_by = 0.0
            self._race.heard()
        for kind, payload in self.connection.decoder.feed(data):
            self._handle_frame(kind, payload)
        if self._got > self._told_got + _TELL_GOT:
            self._tell_got(_TELL_GOT_AFTER)

    def _tell_got(self, after: float) -> None:
        """Tell the daemon what has come over a link, some time after the last telling."""
        untold = self._got - self._told_got
        if self.host is None or untold < (_TELL_GOT >> 1 if self._told_got else 1):
            return
        now = time.monotonic()
        if untold >= 4 * _TELL_GOT or now >= self._told_got_at + after:
            self._told_got, self._told_got_at = self._got, now
            self._outbox.answer(protocol.numbered(protocol.GOT, self._got, b""))

    def _handle_frame(self, kind: int, payload: bytes) -> None:
        """Handle one frame; ignore those of unknown types."""
        if self._ending is not None:
            return
        if kind in (protocol.OUTPUT, protocol.SCREEN, protocol.MORE):
            kind, position, data = self._output(kind, payload)
            self._got += len(data)
            self.position = position + (len(data) if kind == protocol.OUTPUT else 0)
            before = after = b""
            if self._predictor is not None:
                before, after = self._predicted(kind, position, data)
            self.notices.pass_on(kind, position, data, before, after)
            if self.notices.first and kind == protocol.SCREEN:
                first, self.notices.first = self.notices.first, ""
                self._show_notice(first)
        elif not self.welcome:
            if self.connection.accept(kind, payload):
                self._handle_welcome()
        elif kind == protocol.ACK:
            self._acknowledged = protocol.split_number(payload)[0] if payload else self._acknowledged + 1
            for frame in self._input.acknowledge(self._acknowledged):
                self._send(frame)
        elif kind == protocol.PING:
            if len(payload) > _LONGEST_PING:
                raise gate.malformed("PING", f"has {len(payload)} bytes")
            self._outbox.answer(protocol.frame(protocol.PONG, payload))
        elif kind in (protocol.ECHOED, protocol.MODEL, protocol.PONG):
            self._handle_answer(kind, payload)
        elif kind in _JSON_FRAMES:
            self._handle_message(kind, self.connection.message(kind, payload))

    def _output(self, kind: int, payload: bytes) -> tuple[int, int, bytes]:
        """OUTPUT or SCREEN, its position, and its bytes."""
        if kind == protocol.MORE:
            return protocol.OUTPUT, self.position, payload
        return kind, *protocol.split_number(payload)

    def _handle_welcome(self) -> None:
        self._welcome_by, self.session_id = 0.0, str(self.welcome.get("id") or "")
        self.name = str(self.welcome.get("name") or self.name)
        if self.on_welcome is not None:
            self.on_welcome()
        if self.welcome.get("new") is True and not (self._resuming or self.options.read_only or self.notices.first):
            key = self.options.detach_key
            self.notices.begin_hint(self.name, key.name if key is not None else "")
        self._show_title("")
        if self._resuming:
            self.display.uncover()
            self._send(b"".join(self._input.resume(int(self.welcome.get("last_input") or 0), time.monotonic())))
        if self.dropping:
            self._show_notice("more was typed than is kept: the rest was dropped")

    def _handle_message(self, kind: int, message: Message) -> None:
        """Handle one of the frames whose payload is JSON."""
        if kind not in (protocol.SWITCH, protocol.TELL):
            self.name = str(message.get("name") or self.name)
        if kind == protocol.NOTICE:
            self._handle_notice(message)
        elif kind == protocol.TITLE:
            self._show_title(str(message.get("text") or ""))
        elif kind == protocol.TELL:
            from sesh.client.notification import notification

            name, state, question = (str(message.get(key) or "") for key in ("name", "state", "question"))
            self.display.tell(notification(wording.needs(name, state, question, self.host), os.environ))
        elif kind == protocol.EXIT:
            self.rows_below, self.ended = _rows(message.get("rows_below", 0)), True
            code, number, reason = message.get("code"), message.get("signal"), message.get("reason")
            self._end(Outcome.ended(self.name, self.host, code, number, reason))
        elif kind == protocol.DETACH:
            self.rows_below = _rows(message.get("rows_below"))
            self.open_queries = message.get("queries") is True
            self._leave_by = self._leave_by or time.monotonic() + _GOODBYE_TIMEOUT
            self._end(Outcome("detached", self.name, self.host, reason=str(message.get("reason") or "")))
        elif kind == protocol.SWITCH and not self._leave_by:
            self._stop_predicting()
            self.notices.end_hint()
            host, self.rows_below = message.get("host"), _rows(message.get("rows_below"))
            self.switch_target = (str(message.get("name") or ""), host if isinstance(host, str) else None)
            self._outcome = Outcome("switch", self.name, self.host)

    def _show_title(self, runs: str) -> None:
        """Show the session, and what runs in it, in the title of the window."""
        if self.options.title:
            self.display.title(f"{self.place} — {runs}" if runs else self.place)

    def _end(self, outcome: Outcome, *, at_once: bool = False) -> None:
        """End the attachment when all output is shown, or at once where nobody can see it."""
        if self._ending is None:
            self._ending = outcome
            self._stop_predicting()
            self.notices.end_hint()
        if at_once:
            self._outcome = self._outcome or outcome

    def _handle_answer(self, kind: int, payload: bytes) -> None:
        """Handle a frame for the race or the predictor."""
        if kind == protocol.PONG and self._race is not None:
            self._race.answered(payload)
        if self._predictor is not None:
            self.display.draw(self._predictor.handle(kind, payload))

    # -- whether the link lives

    def _doubt_link(self) -> None:
        """Something says that the link may be dead."""
        if self._race is not None and self.welcome and self._ending is None:
            self._race.doubt(self.round_trip)

    @property
    def round_trip(self) -> float:
        """Seconds, 0 where they were not measured."""
        predictor = self._predictor
        return (predictor.round_trip.smoothed or 0.0) if predictor is not None else 0.0

    def _watch_race(self, race: Race, ready: dict[int, int]) -> None:
        if self._wake is None:
            from sesh.client.wake import Wake

            self._wake = Wake()
            self._interest = ()
        for descriptor in self._wake.descriptors:
            if descriptor in ready and self._wake.happened(descriptor):
                self._doubt_link()
        now = time.monotonic()
        if self._answer_by and now >= self._answer_by:
            self._answer_by = 0.0
            self._doubt_link()
        if race.due and now >= race.due:
            race.run()
        if race.descriptor in ready and self._ending is None:
            self.raced = race.won()
            if self.raced is not None:
                self._end(Outcome("lost", self.name, self.host, reason="raced"), at_once=True)

    def _stop_watching_link(self) -> None:
        if self._race is not None:
            self._race.close()
        if self._wake is not None:
            self._wake.close()
            self._wake = None

    # -- prediction

    def _predicted(self, kind: int, position: int, data: bytes) -> tuple[bytes, bytes]:
        """What is drawn before and after what comes from the daemon."""
        if self._predictor is None:
            return b"", b""
        if kind == protocol.OUTPUT:
            return self._predictor.output(position, data)
        self._predictor.measure()
        return self._predictor.withdraw(), b""

    def _stop_predicting(self) -> None:
        """Something else than output will change the screen, or nothing will."""
        if self._predictor is not None:
            self.display.draw(self._predictor.withdraw())

    # -- notices

    def _handle_notice(self, message: Message) -> None:
        text = str(message.get("text") or "")
        if message.get("hold"):
            self._stop_predicting()
            self.notices.held(text)
        elif self.display.started or not self._lines_before:
            self.closing_lines.append(text)
        else:
            self._lines_before -= 1
            self.display.line(text)

    def switch_failed(self, reason: str) -> None:
        """Stay, and show why as soon as the session is on the screen."""
        if self.display.started:
            self._show_notice(reason)
        else:
            self.notices.first = reason
            self._redisplay()

    def _show_notice(self, text: str) -> None:
        """Lay a line over the last row for a few seconds, or until a key is pressed."""
        self._stop_predicting()
        self.notices.show(text, holds="hold" in (self.welcome.get("can") or ()))


def _rows(value: object) -> int | None:
    """A number of rows that the daemon sent, within bounds; None for unknown."""
    return min(max(value, 0), 9999) if isinstance(value, int) else None
