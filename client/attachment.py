"""One attachment to one session: the loop between the terminal and the daemon.

What the client waits for: its descriptors, and the kernel asked for no other change than there is.

What was typed and has not reached the program yet: counted, kept until it is acknowledged, never sent twice.
"""

from __future__ import annotations

import math
import os
import select
import time

from sesh import protocol
from sesh.client import terminal as signals
from sesh.client.display import FULL, Display
from sesh.client.keys import PATIENCE, KeyParser
from sesh.client.outcome import Options, Outcome
from sesh.errors import Unreachable
from sesh.keepalive import Keepalive

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sesh.client.terminal import RawTerminal
    from sesh.wire import Connection

_READ, _LITTLE = 32 << 10, 16 << 10  # read at once in a flood, and else: making room takes time
_WELCOME = 10.0
"""Seconds for the daemon to answer HELLO."""
_FAREWELL = 0.2
"""Seconds for the daemon to say how the screen was left, and for the terminal to take what still waits."""
_NOTICE = 3.0  # seconds for which a notice stays, unless a key is pressed
_INTERRUPTS = (b"\x03", b"\x1b[99;5u", b"\x1b[27;5;99~")  # Ctrl-C, however a terminal sends it
_KEPT = 4096  # bytes that may be typed ahead while a link is down
_LULL = 10  # milliseconds: a burst is shown before the ledger reads it, for both at once slow each other down
_TOLD = (protocol.NOTICE, protocol.EXIT, protocol.DETACH, protocol.SWITCH)


class Visit:
    """One client at one session, from HELLO to the last byte.

    `run` returns when the person or the program has gone, or with kind "switch" when the daemon sends the client to
    another session (`target`); it may then be called again, if there is nowhere to go. The terminal stays raw.
    """

    def __init__(
        self, connection: Connection, display: Display, name: str, host: str | None, options: Options, hello: bytes
    ) -> None:
        self.connection, self.display, self.name, self.host = connection, display, name, host
        self.terminal: RawTerminal = display.terminal
        self.options = options
        self.entered: Callable[[], None] | None = None
        """Called once, when the daemon has bidden welcome and before anything is shown."""
        self.target: tuple[str, str | None] | None = None
        self.position, self.number = 0, ""
        """The position behind the last byte of the program's output that was shown, and the session's id."""
        self.alternate = False
        """Whether the alternate screen was on when the display was suspended."""
        self.lines: list[str] = []
        self.rows_below: int | None = None
        self.queries = False
        self._keys = KeyParser(options.detach_key)
        self._typed = Typed()
        self._outbox = bytearray(hello)
        self._lookout = Lookout()
        self._wishes: tuple[bool, ...] = ()  # to hear the daemon, the person; to write to the terminal, the daemon
        self._outcome: Outcome | None = None
        self._ending: Outcome | None = None  # what the outcome will be once all is shown
        self._closed = self._mute = False  # the daemon says nothing more; it hears nothing more
        self._welcome_by = time.monotonic() + _WELCOME
        self._flush_by = self._notice_by = self._leave_by = 0.0
        self.greeting, self._said, self._quiet = "", "", False  # … and whether the last lull brought nothing
        self._room, self._resumes = _LITTLE, False  # it takes up what was typed at a connection before this one
        self.keepalive = Keepalive(enabled=host is not None)
        os.set_blocking(connection.inbound, False)
        os.set_blocking(connection.outbound, False)

    @property
    def welcome(self) -> dict[str, Any]:
        """The daemon's WELCOME, empty as long as it has not come."""
        return self.connection.welcome

    def run(self) -> Outcome:
        """Carries bytes until the attachment ends.

        Raises the daemon's refusal, Unreachable where it does not answer HELLO, ProtocolError where it talks rubbish.
        """
        self._outcome = None
        self._send(b"")
        for frame in self.connection.leftovers():
            self._frame(*frame)
        while (outcome := self._turn()) is None:
            continue
        return outcome

    def resumed(self, connection: Connection, hello: bytes) -> Visit:
        """The same client at the same session over another connection: what was typed goes on where it was."""
        visit = Visit(connection, self.display, self.name, self.host, self.options, hello)
        visit._typed, visit._keys, visit._resumes, visit.number = self._typed, self._keys, True, self.number
        visit.position = self.position
        return visit

    def lost(self) -> None:
        """The link is down, and that is not the end: nothing can be sent until there is another one."""
        self._mute, self._outcome, self._ending = True, None, None

    def offline(self, ready: set[int]) -> Outcome | None:
        """Deals with the person while the link is down: who leaves, leaves; a little typing is kept."""
        if self.terminal.signals in ready:
            self._signals()
        if self.terminal.inbound in ready and self._outcome is None:
            data = self.terminal.read()
            if data == b"":
                return Outcome("detached", self.name, self.host, reason="hangup")
            for event in self._keys.feed(data or b"") + self._keys.flush():
                if event[0] == "detach":
                    return Outcome("detached", self.name, self.host)
                if event[1].endswith(_INTERRUPTS):
                    return Outcome("lost", self.name, self.host)
                if self._typed.waiting + len(event[1]) <= _KEPT and not self.options.read_only:
                    self._typed.keep(event[1])
        return self._outcome

    def close(self) -> None:
        """Leaves without a word to the person: the daemon is told, as far as it listens."""
        self._send(protocol.message(protocol.DETACH, {}))
        self.connection.close()

    # -- waiting

    def _turn(self) -> Outcome | None:
        """Waits for something to do, and does it; the outcome where that was the last."""
        if self._ending is None or self.display.pending:
            try:
                self._serve(self._wait())
            except OSError:  # of the terminal: it has gone, and nobody is there to be told
                self._end(Outcome("detached", self.name, self.host, reason="hangup"), at_once=True)
        if self._ending is not None and not self.display.pending:
            self._outcome = self._outcome or self._ending
        return self._outcome

    def _serve(self, ready: dict[int, int]) -> None:
        connection, terminal = self.connection, self.terminal
        if terminal.stirred or terminal.signals in ready:  # a new size goes before the keys that followed it
            self._signals()
        if terminal.inbound in ready and self._outcome is None:
            self._type()
        if self.display.pending and terminal.outbound in ready:
            self.display.flush()
        if self._outbox and connection.outbound in ready:
            self._send(b"")
        if connection.inbound in ready and self._wishes[0] and self._outcome is None:
            self._receive()
        if self._flush_by or self._notice_by or self._leave_by or self._welcome_by or self.keepalive.due:
            self._clock()

    def _wait(self) -> dict[int, int]:
        """Blocks until something is to be done; the descriptors that are ready."""
        display = self.display
        heard = not self._closed and self._ending is None and display.pending < FULL
        typing = not (self._leave_by or self._typed.full)
        wishes = (heard, typing, display.pending > 0, len(self._outbox) > 0)
        if wishes != self._wishes:
            self._wishes = wishes
            self._wish(*wishes)
        if display.unread:
            ready = self._lookout.poll(0 if self._quiet else _LULL)
            self._quiet = not ready
            if not ready:
                display.account()
        else:
            due = [self._flush_by, self._notice_by, self._leave_by, self._welcome_by, self.keepalive.due]
            left = max(0.0, min(filter(None, due)) - time.monotonic()) if any(due) else None
            ready = self._lookout.poll(None if left is None else math.ceil(left * 1000))
        return dict(ready)

    def _wish(self, heard: bool, typing: bool, showing: bool, sending: bool) -> None:
        terminal, connection = self.terminal, self.connection
        self._lookout.wish(
            (terminal.signals, IN, True),
            (connection.inbound, IN, heard),
            (terminal.inbound, IN, typing),
            (terminal.outbound, OUT, showing),
            (connection.outbound, OUT, sending),
        )

    def _clock(self) -> None:
        """Does what was due by now."""
        now = time.monotonic()
        if self._flush_by and now >= self._flush_by:
            self._flush_by = 0.0
            self._events(self._keys.flush())
        if self._notice_by and now >= self._notice_by:
            self._unnotice()
        if self._leave_by and now >= self._leave_by:
            self._outcome = self._outcome or self._ending or Outcome("detached", self.name, self.host)
        if self._welcome_by and now >= self._welcome_by and self._outcome is None and not self._leave_by:
            if not self._resumes:
                raise Unreachable(
                    f"{self.name}'s daemon does not answer", hint=f"`$sesh --status {self.name}` tells its pid"
                )
            self._end(Outcome("lost", self.name, self.host, reason="silent"))
        if self.keepalive.due and now >= self.keepalive.due:
            self._send(protocol.frame(protocol.PING))
            if not self.keepalive.check(now):
                self._end(Outcome("lost", self.name, self.host, reason="silent"))

    # -- from the terminal

    def _type(self) -> None:
        data = self.terminal.read()
        if data is None:
            return
        if not data:
            self._end(Outcome("detached", self.name, self.host, reason="hangup"), at_once=True)
            return
        self._events(self._keys.feed(data))
        self._flush_by = time.monotonic() + PATIENCE if self._keys.holding else 0.0

    def _events(self, events: list[Any]) -> None:
        for event in events:
            if event[0] == "detach":
                self._detach()
                return
            if self._ending is None and not self.options.read_only:
                if self._resumes and not self.welcome:
                    self._typed.keep(event[1])
                    continue
                for frame in self._typed.add(event[1]):
                    self._send(frame)
            if self._notice_by:
                self._unnotice()

    def _detach(self) -> None:
        """The person leaves: the daemon may say how the screen stands, if it does so at once."""
        if self._ending is not None:
            self._outcome = self._ending
            return
        self._leave_by = time.monotonic() + _FAREWELL
        self._send(protocol.message(protocol.DETACH, {}))
        if self._mute or not self.welcome:
            self._end(Outcome("detached", self.name, self.host), at_once=True)

    def _signals(self) -> None:
        """What came from outside: the window's size, a stop, an end."""
        came = self.terminal.noticed()
        for number in signals.LEAVING:
            if number in came:
                self._send(protocol.message(protocol.DETACH, {}))
                self._end(Outcome("signal", self.name, self.host, signal=number), at_once=True)
                return
        if signals.STOPPED in came:
            self.alternate = self.display.suspend()
            self.terminal.stop()
            self.terminal.noticed()
            self._come_back()
        elif signals.CONTINUED in came:
            self.terminal.raw()
            self._resize()
            self._send(protocol.frame(protocol.REDRAW))
        elif signals.RESIZED in came:
            self._resize()

    def _come_back(self) -> None:
        """Shows the session again on a terminal that showed something else meanwhile (after `Display.suspend`)."""
        self.display.resume(self.alternate)
        self._resize()
        self._send(protocol.frame(protocol.REDRAW))

    def _resize(self) -> None:
        self._send(protocol.frame(protocol.RESIZE, protocol.size_payload(*self.terminal.size())))

    # -- to the daemon

    def _send(self, data: bytes) -> None:
        """Sends frames, or queues what the daemon does not take now."""
        if data and not (self._mute or self._outbox):
            data = data[self._sent(data) :]
        if self._mute:
            return
        self._outbox += data
        while self._outbox and (sent := self._sent(self._outbox)):
            del self._outbox[:sent]

    def _sent(self, data: bytes | bytearray) -> int:
        try:
            return os.write(self.connection.outbound, data)
        except BlockingIOError:
            return 0
        except OSError:  # gone; what it has said before still comes, and then the end
            self._mute = True
            self._outbox.clear()
            return 0

    # -- from the daemon

    def _receive(self) -> None:
        try:
            data = os.read(self.connection.inbound, self._room)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._closed = True
            if not self.welcome and not self._resumes:
                raise Unreachable(f"the daemon of {self.name} closed the connection; try again")
            self._end(Outcome("detached" if self._leave_by else "lost", self.name, self.host))
            return
        self._room = _READ if len(data) == self._room else _LITTLE
        if self.keepalive.due:
            self.keepalive.heard()
        for kind, payload in self.connection.decoder.feed(data):
            self._frame(kind, payload)

    def _frame(self, kind: int, payload: bytes) -> None:
        """Deals with one frame; those of types unknown here are passed over."""
        if self._ending is not None:
            return
        if kind in (protocol.OUTPUT, protocol.SCREEN):
            position, data = protocol.split_number(payload)
            self.position = position + (len(data) if kind == protocol.OUTPUT else 0)
            self.display.show(data)
            if self.greeting and kind == protocol.SCREEN:
                self._said, self.greeting = self.greeting, ""
                self._show_notice(self._said)
        elif not self.welcome:
            if self.connection.accept(kind, payload):
                self._welcome_by, self.number = 0.0, str(self.welcome.get("id") or "")
                self.name = str(self.welcome.get("name") or self.name)
                if self.entered is not None:
                    self.entered()
                if self._resumes:
                    self._send(b"".join(self._typed.resume(int(self.welcome.get("last_input") or 0))))
        elif kind == protocol.ACK:
            for frame in self._typed.acknowledge(protocol.split_number(payload)[0]):
                self._send(frame)
        elif kind == protocol.PING:
            self._send(protocol.frame(protocol.PONG, payload))
        elif kind in _TOLD:
            self._told(kind, protocol.parse(payload))

    def _told(self, kind: int, told: dict[str, Any]) -> None:
        """The rarer frames, whose payload is JSON."""
        if kind != protocol.SWITCH:
            self.name = str(told.get("name") or self.name)
        if kind == protocol.NOTICE:
            self._notice(told)
        elif kind == protocol.EXIT:
            self.rows_below = _rows(told.get("rows_below", 0))
            self._end(Outcome.ended(self.name, self.host, told.get("code"), told.get("signal"), told.get("reason")))
        elif kind == protocol.DETACH:
            self.rows_below = _rows(told.get("rows_below"))
            self.queries = told.get("queries") is True
            self._leave_by = self._leave_by or time.monotonic() + _FAREWELL
            self._end(Outcome("detached", self.name, self.host, reason=str(told.get("reason") or "")))
        elif kind == protocol.SWITCH and not self._leave_by:
            host = told.get("host")
            self.target = (str(told.get("name") or ""), host if isinstance(host, str) else None)
            self._outcome = Outcome("switch", self.name, self.host)

    def _end(self, outcome: Outcome, *, at_once: bool = False) -> None:
        """The attachment is over when all has been shown; at once where nobody looks any more."""
        if self._ending is None:
            self._ending = outcome
        if at_once:
            self._outcome = self._outcome or outcome

    # -- notices

    def _notice(self, told: dict[str, Any]) -> None:
        text = str(told.get("text") or "")
        if told.get("hold"):
            self._show_notice(f"{self._said}; {text}" if self._said else text)
        elif self.display.started:
            self.lines.append(text)
        else:
            self.display.line(text)

    def apologise(self, text: str) -> None:
        """Stays after all, and says why, as soon as the session can be seen."""
        if self.display.started:
            self._show_notice(text)
        else:
            self.greeting = text
            self._come_back()

    def _show_notice(self, text: str) -> None:
        """Lays a line over the last row, for a moment or until a key is pressed."""
        self.display.notice(text)
        self._notice_by = time.monotonic() + _NOTICE

    def _unnotice(self) -> None:
        self._notice_by, self._said = 0.0, ""
        self._send(protocol.frame(protocol.REDRAW))


def _rows(value: object) -> int | None:
    """Rows that the daemon told; None where it does not know."""
    return min(max(value, 0), 9999) if isinstance(value, int) else None


IN, OUT = select.POLLIN, select.POLLOUT


class Lookout:
    """Descriptors and what is wished of each; `poll` waits for them.

    Nothing is waited for that nobody would deal with: a descriptor that only hung up would never rest.
    """

    def __init__(self) -> None:
        poll = select.poll()
        self.poll = poll.poll
        """Blocks for so many milliseconds, for ever without: pairs of a descriptor and what it is ready for."""
        self._register, self._unregister = poll.register, poll.unregister
        self._wished: dict[int, int] = {}

    def wish(self, *wishes: tuple[int, int, bool]) -> None:
        """Waits from now on for these descriptors and events where the third says so; one may be named twice."""
        wanted: dict[int, int] = {}
        for descriptor, events, wished in wishes:
            if wished:
                wanted[descriptor] = wanted.get(descriptor, 0) | events
        for descriptor in self._wished.keys() - wanted.keys():
            self._unregister(descriptor)
        for descriptor, events in wanted.items():
            if self._wished.get(descriptor) != events:
                self._register(descriptor, events)
        self._wished = wanted


WINDOW = 256 << 10
"""Bytes that may be on their way without an acknowledgement."""
LIMIT = 16 << 20
"""Bytes that wait behind them before the terminal is not read any more."""
_PIECE = 64 << 10


class Typed:
    """The INPUT of one client to one session. Pure: it makes frames, the attachment sends them."""

    def __init__(self) -> None:
        self._waiting = bytearray()
        self._flying: list[tuple[int, bytes]] = []
        self._in_flight = 0
        self._number = 0

    @property
    def full(self) -> bool:
        """Whether so much waits that no more is to be read."""
        return len(self._waiting) >= LIMIT

    def add(self, data: bytes) -> list[bytes]:
        """Takes what was typed; the frames that may go out now."""
        if not self._waiting and 0 < len(data) <= _PIECE and self._in_flight + len(data) <= WINDOW:
            return [self._frame(data)]
        self._waiting += data
        return self._frames()

    @property
    def waiting(self) -> int:
        """Bytes that were typed and not sent yet."""
        return len(self._waiting)

    def keep(self, data: bytes) -> None:
        """Takes what is typed while nothing can be sent; `resume` sends it."""
        self._waiting += data

    def acknowledge(self, number: int) -> list[bytes]:
        """Forgets the frames up to `number`, which have reached the program; the frames that may go out now."""
        arrived = 0
        while arrived < len(self._flying) and self._flying[arrived][0] <= number:
            self._in_flight -= len(self._flying[arrived][1])
            arrived += 1
        del self._flying[:arrived]
        return self._frames() if self._waiting else []

    def resume(self, last: int) -> list[bytes]:
        """For a new connection whose daemon has got the frames up to `last`: those that are to be sent again."""
        self._flying = [(number, data) for number, data in self._flying if number > last]
        self._in_flight = sum(len(data) for _, data in self._flying)
        again = [protocol.numbered(protocol.INPUT, number, data) for number, data in self._flying]
        return again + self._frames()

    def _frames(self) -> list[bytes]:
        frames = []
        while self._waiting and self._in_flight < WINDOW:
            data = bytes(self._waiting[: min(_PIECE, WINDOW - self._in_flight)])
            del self._waiting[: len(data)]
            frames.append(self._frame(data))
        return frames

    def _frame(self, data: bytes) -> bytes:
        self._number += 1
        self._flying.append((self._number, data))
        self._in_flight += len(data)
        return protocol.numbered(protocol.INPUT, self._number, data)
