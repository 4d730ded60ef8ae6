"""One attachment to one session: handles the terminal's input and the daemon's frames (see `client.attach`).

greeting ──WELCOME──▶ attached ──DETACH sent──▶ leaving ──answer──▶ raises `AttachmentEnd`
  ▲  ▲                 │  │ link lost
  │  └──── next link ──┘  ▼
  └───── next link ──── offline; if the host refuses the login, the user logs in
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Container
from enum import Enum
from typing import NoReturn

from sesh import measures, protocol, wire, wording
from sesh.client.channel import Channel
from sesh.client.display import Display
from sesh.client.link_line import LinkLine, login_lines
from sesh.client.options import AttachOptions, first_frame, terminal_hello
from sesh.client.outcome import AttachmentEnd, EndKind
from sesh.client.shown import Shown
from sesh.client.view import TerminalView
from sesh.errors import LoginRefused, SeshError, TimedOut, Unreachable, silent_daemon
from sesh.keys import ESCAPE, Key, pressed
from sesh.link.keeper import Keep, LinkKeeper
from sesh.link_health import Health
from sesh.loop.timers import Timers
from sesh.messages import Hello, Message
from sesh.wire import Connection, Peer

HELLO_TIMEOUT, _OVER_LINK = 5.0, 10.0  # seconds for the daemon to answer HELLO, on this machine and over a link
_CTRL_C, _ENTER = Key.parse("C-c"), (Key.parse("Enter"), Key.parse("C-j"))
_SCREEN = (protocol.OUTPUT, protocol.SCREEN, protocol.REDRAW)
_JSON_FRAMES = (protocol.NOTICE, protocol.EXIT, protocol.DETACH, protocol.SWITCH, protocol.TELL)
_LOGIN_RETRIED = LoginRefused, Unreachable, TimedOut, OSError  # errors of a login after which the user may try again


class AttachmentPhase(Enum):
    GREETING = "HELLO is sent"
    ATTACHED = "the session shows"
    OFFLINE = "the link is lost; input is kept"
    LEAVING = "the daemon was asked to let the client go"


class Attachment:
    """One client attached to one session. A lost link is replaced; a failed SWITCH does not end the attachment.

    `keeper`: of the link to `host`; None on this machine. `running_keeper`: the same, from the first WELCOME until the
    client leaves.
    """

    def __init__(
        self,
        display: Display,
        name: str,
        host: str | None,
        options: AttachOptions,
        shown: Shown,
        keep: Keep,
    ) -> None:
        self.display, self.name, self.host, self.options = display, name, host, options
        self._shown, self._client = shown, os.urandom(8).hex()
        self.session_id = ""
        self.farewell: Message = {}  # the daemon's EXIT, DETACH or SWITCH; empty until one has come
        self.phase = AttachmentPhase.GREETING
        self.timers = Timers()
        self.channel = Channel(on_link=host is not None)
        predicts = options.predict if host is not None and not options.read_only else "never"
        self.view = TerminalView(display, self.channel, self.timers, predicts)
        self.keeper = keep(self._ping, lambda: Peer(self.name, self.session_id, self._hello()))
        self.running_keeper: LinkKeeper | None = None
        self.link_line = LinkLine(self.view, self.timers, host or "", options.leaves(without="Ctrl-C"))

    # -- connections

    def connect(self, connection: Connection) -> None:
        """Take a connection, the first or the next; send HELLO, unless its bridge has."""
        if connection.peer.hello is not None:
            self._client = connection.peer.hello["client"]
        first = first_frame(connection, self._hello(), self.options)
        self.channel.open(connection, connection.connect_request(self.name, self.session_id) + first)
        self.phase = AttachmentPhase.GREETING
        self.timers.set("welcome", HELLO_TIMEOUT if self.host is None else _OVER_LINK, self._unanswered)
        if self.keeper is not None and connection.health is not None:
            self.keeper.watch(connection.health)
            self.link_line.reset()

    def _hello(self) -> Hello:
        """Return HELLO; by `client`, `id` and `since` the daemon recognizes a returning client."""
        more: Hello = {"client": self._client, "id": self.session_id, "since": self.view.position}
        if not self.session_id:
            more = {"client": self._client, "seen": self._shown.positions(self.host)}
        return terminal_hello(self.display.terminal, self.options, self.host, more)

    def _ping(self, payload: bytes) -> None:
        self.channel.send(protocol.frame(protocol.PING, payload))

    def _unanswered(self) -> None:
        if not self.session_id:
            raise silent_daemon(self.name)
        self.disconnected()

    def disconnected(self) -> None:
        """Handle a connection that the daemon has closed."""
        if self.phase is AttachmentPhase.LEAVING:
            self.leave()
        elif not self.session_id:
            raise Unreachable(f"the daemon of {self.name} closed the connection; try again")
        elif self.keeper is not None:
            self._go_offline()
        else:
            self.leave(EndKind.LOST)

    def _reloaded(self) -> None:
        """Connect to the reloaded daemon, or replace the link if there is one. Raises SeshError if this fails."""
        if self.phase is AttachmentPhase.LEAVING or self.keeper is not None:
            self.disconnected()
        else:
            self.view.take_back()
            self.connect(wire.connect(self.name))

    def _go_offline(self) -> None:
        """Close the connection, and keep input until another link replaces the lost one."""
        self.view.take_back()
        self.channel.close()
        self.timers.clear("welcome")
        self.phase = AttachmentPhase.OFFLINE
        if self.keeper is not None:
            self.keeper.link_closed()

    def _replace(self, result: Connection | SeshError) -> None:
        """Continue over another link, or end the attachment with the error."""
        try:
            result = self._log_in(result) if isinstance(result, LoginRefused) else result
        except SeshError as error:
            result = error
        if isinstance(result, SeshError):
            raise AttachmentEnd.failed(self.name, self.host, result)
        self.connect(result)
        self.handle_frames()

    def _log_in(self, reason: Exception) -> Connection:
        """Let the user log in on the terminal; no attempt begins before Enter, and unsent input is dropped.

        Raises the error after which another login would not help.
        """
        assert self.keeper is not None  # noqa: S101 (only a link needs a login)
        terminal, host = self.display.terminal, self.host or ""
        self.view.suspend()
        dropped = "; keys typed since then were dropped" if self.channel.input.drop() else ""
        since = measures.time_of_day(self.keeper.heard_time)
        self.display.line(f"no link to {host} since {since}; {self.name} keeps running{dropped}")
        while True:
            for line in login_lines(host, reason):
                self.display.line(line)
            try:
                with terminal.lent():
                    if not terminal.await_enter():
                        self.leave(reason="hangup")
                    return self.keeper.log_in()
            except KeyboardInterrupt as interrupt:  # a lent terminal turns Ctrl-\ and Ctrl-C into signals
                number = interrupt.args[0]
                endings = {signal.SIGQUIT: EndKind.DETACHED, signal.SIGINT: EndKind.LOST}
                self.leave(endings.get(number, EndKind.SIGNAL), number)
            except _LOGIN_RETRIED as error:
                reason = error
            finally:
                terminal.drop_input()

    def look_after_link(self, ready: Container[int]) -> None:
        """Run the keeper; act on its result."""
        if (keeper := self.running_keeper) is None:
            return
        result = keeper.run(ready)
        self.link_line.update(keeper)
        if keeper.health.state is Health.LOST and self.phase is not AttachmentPhase.OFFLINE:
            self._go_offline()
        if result is not None:
            self._replace(result)

    # -- the end

    def leave(self, kind: EndKind = EndKind.DETACHED, number: int | None = None, *, reason: str = "") -> NoReturn:
        """End the attachment. `number`: the signal."""
        raise AttachmentEnd(kind, self.name, self.host, reason=reason, signal=number)

    def complete(self, end: AttachmentEnd) -> None:
        """Add to the end: the running program, and the state of the link."""
        end.early, end.runs = not self.session_id, str(self.farewell.get("command") or "")
        if self.keeper is not None and not end.early:
            end.heard_time = self.keeper.heard_time
            answered = self.keeper.up and (self.phase is not AttachmentPhase.LEAVING or self.farewell)
            end.undelivered = not (answered or self.channel.input.arrived)

    def detach(self) -> None:
        """Ask the daemon to detach; leave after its answer, which says how the screen was left, or a timeout."""
        if self.phase is not AttachmentPhase.ATTACHED or not self.channel.send(protocol.message(protocol.DETACH, {})):
            self.leave()
        self.view.take_back()
        self.phase, self.running_keeper = AttachmentPhase.LEAVING, None
        self.link_line.reset()
        self.timers.set("leave", self.channel.goodbye_time, self.leave)

    def stay(self, reason: str) -> None:
        """Continue after a failed SWITCH, and show the reason over the session's screen, unless it is empty."""
        self.farewell = {}
        if not self.display.started:
            self.redisplay()
        self.view.say(reason)

    # -- from the terminal

    def typed(self, data: bytes, *, detaches: bool = False) -> None:
        """Send input, or keep it until there is a link, whose WELCOME says which input the daemon already has.

        `detaches`: the detach key follows. What follows the key must not reach the outer shell.
        """
        phase = self.phase
        if phase is AttachmentPhase.LEAVING:
            return
        if phase is AttachmentPhase.OFFLINE and pressed(data, _CTRL_C):
            self.leave(EndKind.LOST)
        if self.keeper is not None and data:
            self.keeper.typed(enter=not self.keeper.up and pressed(data, *_ENTER))
        if self.options.read_only:
            if phase is not AttachmentPhase.OFFLINE and data[:1] not in (b"", ESCAPE):  # else a report, as of the focus
                self.view.refuse_key(f"read-only: keys are not passed on; {self.options.leaves()}")
        elif phase is AttachmentPhase.OFFLINE or (self.session_id and phase is AttachmentPhase.GREETING):
            self.channel.input.hold(data)
        elif data:
            self.channel.send(self.channel.input.add(data))
            self.view.typed(self.channel.input.number, data)
        if detaches:
            self.display.terminal.drop_input()
            self.detach()

    def redisplay(self) -> None:
        """Draw the session again, after `TerminalView.suspend` or after this process was stopped."""
        if not self.display.started:
            self.display.resume()
        if self.keeper is not None:
            self.keeper.sign()
        self.view.resize()
        self.view.redraw()

    # -- from the daemon

    def received(self) -> None:
        """Read from the daemon, and handle the frames received."""
        alive = self.channel.read()
        if self.keeper is not None and self.channel.frames:
            self.link_line.heard()
        self.handle_frames()
        if not alive:
            self.disconnected()

    def handle_frames(self) -> None:
        """Handle the received frames in order. If one ends the attachment, another call handles those after it."""
        while self.channel.frames and self.channel.connection is not None:
            self._handle(self.channel.connection, *self.channel.frames.popleft())

    def _handle(self, connection: Connection, kind: int, payload: bytes) -> None:
        channel = self.channel
        if not connection.welcome:
            if self._accepts(connection, kind, payload):
                self._handle_welcome(connection)
        elif kind in _SCREEN:
            channel.got += len(payload) - 8
            self.view.show(kind, payload)
        elif kind == protocol.ACK:
            if frames := channel.input.acknowledge(protocol.split_number(payload)[0]):
                channel.send(frames)
        elif kind == protocol.RELOADED:
            self._reloaded()
        elif kind in _JSON_FRAMES:
            self._handle_message(kind, connection.decode_message(kind, payload))
        else:
            if kind == protocol.PONG and self.keeper is not None:
                self.view.follow_round_trip(self.keeper.health.round_trip)
            self.view.handle(kind, payload)

    def _accepts(self, connection: Connection, kind: int, payload: bytes) -> bool:
        """Return whether a frame is the WELCOME. After an error, go offline if the next link may bring it."""
        try:
            return connection.accept(kind, payload)
        except SeshError as error:
            if not self.session_id or self.keeper is None:
                raise
            if not isinstance(error, (Unreachable, TimedOut)):
                raise AttachmentEnd.failed(self.name, self.host, error) from None
            self._go_offline()
            return False

    def _handle_welcome(self, connection: Connection) -> None:
        welcome = connection.welcome
        resuming = self.session_id != ""
        self.timers.clear("welcome")
        self.session_id = str(welcome.get("id") or "")
        self.name = str(welcome.get("name") or self.name)
        self.phase = AttachmentPhase.ATTACHED
        if self.keeper is not None:
            self.keeper.entered(self.name, since=self.view.position, joined=connection.peer.pid)
        if resuming:
            self.channel.send(self.channel.input.resume(int(welcome.get("last_input") or 0)))
            if not self.view.continues:
                if not self.display.started:
                    self.display.resume()
                self.view.redraw()
            return
        self.running_keeper = self.keeper
        if self.keeper is not None:
            self._ping(self.keeper.health.measure(time.monotonic()))
        since = self._shown.since(self.host, self.session_id)
        if since and self.options.replay:  # separate new output from the earlier one in the scrollback
            self.display.rule(f"── {self.name}{f'@{self.host}' if self.host else ''}, since {since} ──")
        notice = self.options.first_notice
        if welcome.get("new") is True and not self.options.read_only:
            notice = f"{notice or f'new session {self.name}'} · {self.options.leaves()}"
        self.view.say("; ".join(filter(None, (notice, str(welcome.get("missed") or "")))))
        self.options.replace, self.options.first_notice = False, ""

    def _handle_message(self, kind: int, message: Message) -> None:
        if kind not in (protocol.SWITCH, protocol.TELL):
            self.name = str(message.get("name") or self.name)
        if kind == protocol.NOTICE:
            self.view.say(str(message.get("text") or ""))
        elif kind == protocol.TELL:
            name, state, question = (str(message.get(key) or "") for key in ("name", "state", "question"))
            self.view.notify(wording.notification(name, state, question, self.host), shown=name == self.name)
        elif kind == protocol.EXIT:
            self.farewell = {"rows_below": 0, **message}
            self.view.show_skipped()
            raise AttachmentEnd.ended(self.name, self.host, message)
        elif kind == protocol.DETACH:
            self.farewell = message
            self.leave(reason=str(message.get("reason") or ""))
        elif self.phase is AttachmentPhase.ATTACHED:
            self.farewell, host = message, message.get("host")
            name = str(message.get("name") or "")
            raise AttachmentEnd(EndKind.SWITCH, name, host if isinstance(host, str) else None)
