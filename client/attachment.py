"""One attachment to one session: what the terminal and the daemon bring is acted on here (see `client.loop`).

greeting ──WELCOME──▶ attached ──DETACH sent──▶ leaving ──answer──▶ ending ──all shown──▶ `run` returns
    ▲                    │ link lost
    └──── next link ── offline ──refused──▶ login (nothing is tried before Enter)
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Container
from enum import Enum

from sesh import protocol, wording
from sesh.client.channel import Channel
from sesh.client.display import Display
from sesh.client.hello import greeting, introduction
from sesh.client.keys import Event
from sesh.client.outcome import AttachOptions, Ending, Outcome
from sesh.client.reconnect import ENTER, AttachedLink, Reconnect
from sesh.client.view import FRAMES, View
from sesh.errors import Ended, LoginRefused, NotFound, SeshError, TimedOut, Unreachable, silent_daemon
from sesh.keynames import Key
from sesh.link.health import Health
from sesh.link.race import LostSession, Result
from sesh.loop.timers import Timers
from sesh.messages import Hello, Message
from sesh.typed import has_keys, pressed
from sesh.wire import Connection

HELLO_TIMEOUT, _OVER_LINK = 5.0, 10.0
"""Seconds for the daemon to answer HELLO, here and over a link."""
_FLUSH_TIMEOUT = 0.2
"""Seconds for the terminal to take pending output."""
_CTRL_C = Key.parse("C-c")
_JSON_FRAMES = (protocol.NOTICE, protocol.EXIT, protocol.DETACH, protocol.SWITCH, protocol.TELL)


_MAY_TRY_AGAIN = LoginRefused, Unreachable, TimedOut, OSError
"""Errors of a login that a person was asked for, after which the person may try another one."""


class Phase(Enum):
    """Where an attachment stands."""

    GREETING = "HELLO is sent"
    ATTACHED = "the session shows"
    OFFLINE = "the link is lost; what is typed is kept"
    LOGIN = "the host asks a person to log in"
    LEAVING = "the daemon was asked to let the client go"
    ENDING = "the outcome stands; output that waits is shown"


class Attachment:
    """One client attached to one session, over one link after the other if they are lost.

    `outcome` stands once it has ended; a SWITCH that fails is taken back. `on_welcome` is called at the first WELCOME,
    before anything is shown. `reconnect`: replaces a lost link.
    """

    def __init__(
        self,
        display: Display,
        name: str,
        host: str | None,
        options: AttachOptions,
        client: str,
        on_welcome: Callable[[], None],
        reconnect: Reconnect | None,
    ) -> None:
        self.display, self.name, self.host, self.options = display, name, host, options
        self._client, self._on_welcome = client, on_welcome
        self.session_id = ""
        self.outcome: Outcome | None = None
        self.farewell: Message = {}
        """The daemon's EXIT, DETACH or SWITCH, as soon as one has come."""
        self.phase = Phase.GREETING
        self.timers = Timers()
        self.channel = Channel(on_link=host is not None)
        self.view = View(display, self.channel, self.timers, options if host is not None else None)
        self.link: AttachedLink | None = None
        if host is not None and reconnect is not None:
            reopen = reconnect(host, self.channel.ping, self._describe)
            self.link = AttachedLink(reopen, self.view, host, options)

    # -- its connections

    def connect(self, connection: Connection, wishes: Hello | None = None) -> None:
        """Begin on a connection; or go on over one that replaces a lost link, with the unacknowledged input."""
        resuming, continues = self.session_id != "", self.view.continues
        if self.phase is Phase.LOGIN:
            self.display.resume()
        hello: Hello = self._claim() if resuming else {"client": self._client, **(wishes or {})}
        self.channel.open(connection, greeting(self.display.terminal, self.options, self.host, connection, hello))
        self.phase, self.outcome = Phase.GREETING, None
        self.timers.set("welcome", HELLO_TIMEOUT if self.host is None else _OVER_LINK, self._unanswered)
        if resuming and self.link is not None:
            self.link.begin()
        if resuming and not continues:
            self.view.redraw()

    def _claim(self) -> Hello:
        """Return what a HELLO says of a client that comes back."""
        return {"client": self._client, "id": self.session_id, "since": self.view.position}

    def _describe(self) -> LostSession:
        hello = introduction(self.display.terminal, self.options, self.host, self._claim())
        heard_at = self.link.reopen.health.heard_at if self.link is not None else 0.0
        return LostSession(self.name, self.host or "", self.session_id, self.view.position, heard_at, hello)

    def _unanswered(self) -> None:
        if not self.session_id:
            raise silent_daemon(self.name)
        self._disconnected()

    def _go_offline(self) -> None:
        """Hold what is typed until another link takes the place of the lost one."""
        self.view.take_back()
        self.channel.close()
        self.timers.clear("welcome")
        self.phase = Phase.OFFLINE
        if self.link is not None:
            self.link.reopen.closed()

    def _disconnected(self, reason: str = "") -> None:
        """The daemon has closed the connection, or is about to (`reason`)."""
        if self.phase is Phase.LEAVING:
            self.leave()
        elif not (self.session_id or reason):
            raise Unreachable(f"the daemon of {self.name} closed the connection; try again")
        elif self.session_id and self.link is not None:
            self._go_offline()
        else:
            self._end(Outcome(Ending.LOST, self.name, self.host, reason=reason))

    def _replace(self, result: Result) -> None:
        """Go on over another link, or end with the error after which there is none."""
        if isinstance(result, Connection):
            self.connect(result)
            self.take_leftovers()
        elif isinstance(result, LoginRefused if self.phase is not Phase.LOGIN else _MAY_TRY_AGAIN):
            self._await_login(result)
        elif isinstance(result, Ended):
            self._end(Outcome.ended(self.name, self.host, result.result))
        elif isinstance(result, SeshError):
            said = result.line(self.host) if isinstance(result, NotFound) else ""
            self._end(Outcome(Ending.LOST, self.name, self.host, reason=str(result), said=said))
        else:
            raise result  # a fault of our own, which is not to be lost in a thread

    def _await_login(self, reason: Exception) -> None:
        """Show why a person has to log in, in place of the session; no input is kept."""
        assert self.link is not None  # noqa: S101 (without one there is no such phase)
        lines = self.link.login_lines(reason)
        if self.phase is not Phase.LOGIN:
            self.phase = Phase.LOGIN
            self.display.suspend()
            dropped = "; what was typed since then was dropped" if self.channel.input.drop() else ""
            lines.insert(0, f"no link to {self.host} since {self.link.since}; {self.name} keeps running{dropped}")
        for line in lines:
            self.display.line(line)

    def _log_in(self) -> None:
        assert self.link is not None  # noqa: S101 (without one there is no such phase)
        try:
            result: Result = self.link.log_in()
        except KeyboardInterrupt as interrupt:  # the keys that leave and give up make signals here
            number = interrupt.args[0]
            kind = {signal.SIGQUIT: Ending.DETACHED, signal.SIGINT: Ending.LOST}.get(number, Ending.SIGNAL)
            self.leave(kind, number=number)
            return
        except (SeshError, OSError) as error:
            result = error
        self._replace(result)

    # -- for the loop

    def take_leftovers(self) -> None:
        """Handle the frames that came before the connection was this attachment's."""
        if self.channel.connection is not None:
            self._handle_frames(self.channel.connection.leftovers())

    @property
    def watched(self) -> AttachedLink | None:
        """The link, from the first answer of the daemon on, while another one is of use."""
        live = self.phase in (Phase.GREETING, Phase.ATTACHED, Phase.OFFLINE)
        return self.link if live and self.session_id else None

    def look_after_link(self, ready: Container[int]) -> None:
        """Do what is due for the link."""
        if (link := self.watched) is None:
            return
        result = link.run(ready)
        if link.health is Health.LOST and self.phase is not Phase.OFFLINE:
            self._go_offline()
        if result is not None:
            self._replace(result)

    # -- the end

    def _end(self, outcome: Outcome, *, at_once: bool = False) -> None:
        """End the attachment when all output is shown, or `at_once` if nobody can see it or waits for it."""
        if self.outcome is None:
            self.outcome = outcome
            self.timers.clear("welcome")
            with contextlib.suppress(OSError):  # what lies over the output is taken back, if there is a terminal
                self.view.take_back()
        self.phase = Phase.LEAVING if at_once else Phase.ENDING

    def leave(self, kind: Ending = Ending.DETACHED, *, reason: str = "", number: int | None = None) -> None:
        """End without waiting for the daemon, or for the terminal to take output. `number`: of a signal."""
        self._end(Outcome(kind, self.name, self.host, reason=reason, signal=number), at_once=True)

    def detach(self) -> None:
        """Leave, and give the daemon a moment to say how it left the screen."""
        if self.phase is not Phase.ATTACHED or not self.channel.send(protocol.message(protocol.DETACH, {})):
            self.leave()
            return
        self.view.take_back()
        self.phase = Phase.LEAVING
        self.timers.set("leave", self.channel.goodbye_time, self.leave)

    # -- from the terminal

    def typed(self, events: list[Event]) -> None:
        """Act on what was typed."""
        for event in events:
            if event[0] == "detach":
                self.display.terminal.drop_input()  # what else came with the key reaches no shell outside
                self.detach()
                return
            if self.phase in (Phase.GREETING, Phase.ATTACHED):
                self._send_keys(event[1])
            elif self.phase in (Phase.OFFLINE, Phase.LOGIN):
                self._hold_keys(event[1])

    def _send_keys(self, data: bytes) -> None:
        # The terminal itself reports its focus, and where the mouse is, to a program that asked for that.
        keys = has_keys(data)
        if keys and self.link is not None:
            self.link.typed(data, self.channel.round_trip.smoothed)
        if self.options.read_only:
            if keys:
                self.view.say_once(f"read-only: keys are not passed on; {self.options.detaches}")
        elif self.session_id and self.phase is Phase.GREETING:
            self.channel.input.hold(data)  # the daemon says in WELCOME which input it has
        else:
            self.channel.type(data)
            self.view.typed(self.channel.input.number, data)

    def _hold_keys(self, data: bytes) -> None:
        """Keep what is typed without a link, but for the keys that try again, log in, and give up."""
        if pressed(data, _CTRL_C):
            self.leave(Ending.LOST)
        elif self.phase is Phase.LOGIN:
            if pressed(data, *ENTER):
                self._log_in()
        elif self.link is not None:
            self.link.typed(data, self.channel.round_trip.smoothed)
            if not self.options.read_only:
                self.channel.input.hold(data)

    def redisplay(self) -> None:
        """Show the session again: the terminal showed something else (`View.suspend`), or this process was stopped."""
        if self.phase is Phase.LOGIN:
            self._await_login(Unreachable(f"no link to {self.host}"))
            return
        if not self.display.started:
            self.display.resume()
        if self.link is not None:
            self.link.reopen.sign()
        self.view.resize()
        self.view.redraw()

    # -- from the daemon

    def received(self, frames: list[tuple[int, bytes]] | None) -> None:
        """Handle the frames that have come; None if nothing will come any more."""
        if frames is None:
            self._disconnected()
            return
        if self.link is not None and frames:
            self.link.heard()
        self._handle_frames(frames)

    def _handle_frames(self, frames: list[tuple[int, bytes]]) -> None:
        """Handle frames up to that which ends the attachment; ignore those of unknown types."""
        for kind, payload in frames:
            connection = self.channel.connection
            if connection is None or (self.outcome is not None and self.outcome.kind is not Ending.SWITCH):
                return
            if not self.channel.welcome and kind not in FRAMES:
                if connection.accept(kind, payload):
                    self._handle_welcome()
                continue
            self.channel.take(kind, payload)
            if kind in FRAMES:
                self.view.handle(kind, payload)
            elif kind == protocol.RELOADED:
                self._disconnected("reloaded")
            elif kind == protocol.PONG:
                if self.channel.answered(payload) and self.link is not None:
                    self.link.heard(pong=True)
                self.view.judge(kind, payload)
            elif kind in _JSON_FRAMES:
                self._handle_message(kind, connection.message(kind, payload))

    def _handle_welcome(self) -> None:
        welcome, resuming = self.channel.welcome, self.session_id != ""
        self.timers.clear("welcome")
        self.session_id = str(welcome.get("id") or "")
        self.name = str(welcome.get("name") or self.name)
        if self.phase is Phase.GREETING:
            self.phase = Phase.ATTACHED
        if resuming:
            for frame in self.channel.input.resume(int(welcome.get("last_input") or 0)):
                self.channel.send(frame)
            return
        if self.link is not None:
            self.link.begin()
            self.channel.ping()
        self._on_welcome()
        if welcome.get("new") is True and not self.options.read_only:
            self.view.introduce(f"new session {self.name}", self.options.detaches)
        else:
            self.view.say(str(welcome.get("missed") or ""))

    def _handle_message(self, kind: int, message: Message) -> None:
        if kind not in (protocol.SWITCH, protocol.TELL):
            self.name = str(message.get("name") or self.name)
        if kind == protocol.NOTICE:
            self.view.say(str(message.get("text") or ""))
        elif kind == protocol.TELL:
            self.view.tell(_news(message, self.host), shown=(message.get("name") or "") == self.name)
        elif kind == protocol.EXIT:
            self.farewell = {"rows_below": 0, **message}
            self._end(Outcome.ended(self.name, self.host, message))
        elif kind == protocol.DETACH:
            self.farewell = message
            self.timers.ensure("leave", _FLUSH_TIMEOUT, self.leave)
            self._end(Outcome(Ending.DETACHED, self.name, self.host, reason=str(message.get("reason") or "")))
        elif self.phase is Phase.ATTACHED:
            self.view.take_back()
            self.farewell, host = message, message.get("host")
            name = str(message.get("name") or "")
            self.outcome = Outcome(Ending.SWITCH, name, host if isinstance(host, str) else None)

    def stay(self, reason: str = "") -> None:
        """Go on after a SWITCH that led nowhere, and show why as soon as the session is on the screen."""
        self.outcome = None
        self.view.say(reason)
        if not self.display.started:
            self.redisplay()


def _news(message: Message, host: str | None) -> str:
    """Return the line on a session that needs the person, in a TELL."""
    name, state, question = (str(message.get(key) or "") for key in ("name", "state", "question"))
    return wording.needs(name, state, question, host)
