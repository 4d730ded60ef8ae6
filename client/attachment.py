"""One attachment to one session: handles the terminal's input and the daemon's frames.

`client.attach` has the loop that calls it; docs/ARCHITECTURE.md draws its phases.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Container
from enum import Enum, auto

from sesh import measures, protocol, wire, wording
from sesh.client.channel import Channel
from sesh.client.display import Display
from sesh.client.link_line import LinkLine, log_in
from sesh.client.options import AttachOptions, first_frame, terminal_hello
from sesh.client.outcome import AttachmentEnd, EndKind
from sesh.client.shown import Shown
from sesh.client.view import TerminalView, Timer
from sesh.errors import LoginRefused, Reloaded, SeshError, TimedOut, Unreachable, silent_daemon
from sesh.keys import ESCAPE, Key, pressed
from sesh.link.health import Health, WatchedConnection
from sesh.link.keeper import LinkKeeper, MakeKeeper
from sesh.loop.timers import Timers
from sesh.messages import Hello, Message, Welcome
from sesh.wire import Connection, Peer

WELCOME_TIMEOUT, _OVER_LINK = 5.0, 10.0  # seconds until WELCOME, on this machine and over a link
_CTRL_C, _ENTER = Key.parse("C-c"), (Key.parse("Enter"), Key.parse("C-j"))
_SCREEN = (protocol.OUTPUT, protocol.SCREEN, protocol.REDRAW)
_JSON = (protocol.NOTICE, protocol.EXIT, protocol.DETACH, protocol.SWITCH, protocol.TELL)


class AttachmentPhase(Enum):
    HANDSHAKE = auto()  # HELLO is sent
    ATTACHED = auto()  # the session shows
    OFFLINE = auto()  # the link is lost; input is kept
    LEAVING = auto()  # DETACH is sent


class Attachment:
    """One client attached to one session; survives a lost link and a failed SWITCH.

    `keeper`: of the link to `host`; None on this machine. `session_id`: empty until the first WELCOME. `end`: None
    while it goes on; once it is set, no frame, key or link is handled.
    """

    def __init__(
        self,
        display: Display,
        name: str,
        host: str | None,
        options: AttachOptions,
        shown: Shown,
        make_keeper: MakeKeeper,
    ) -> None:
        self.display, self.options = display, options
        self.name, self.host = name, host
        self._shown = shown
        self._client = os.urandom(8).hex()
        self.session_id = ""
        self.end: AttachmentEnd | None = None
        self.farewell: Message = {}  # the daemon's EXIT, DETACH or SWITCH; empty until one has come
        self.phase = AttachmentPhase.HANDSHAKE
        self.timers = Timers()
        self.channel = Channel(on_link=host is not None)
        predicts = options.predict if host is not None and not options.read_only else "never"
        self.view = TerminalView(display, self.channel, self.timers, predicts)
        self.keeper = make_keeper(lambda: Peer(self.name, self.session_id, self._hello()))
        self.link_line = LinkLine(self.view, self.timers, host or "", options.leaves(without="Ctrl-C"))

    def attach_over(self, connection: Connection) -> None:
        """Attach over a connection, the first or the next: send HELLO, unless its bridge has."""
        if connection.peer.hello_by_bridge is not None:
            self._client = connection.peer.hello_by_bridge["client"]
        first = first_frame(connection, self._hello(), self.options)
        self.channel.open(connection, connection.connect_request(self.name, self.session_id) + first)
        self.phase = AttachmentPhase.HANDSHAKE
        timeout = WELCOME_TIMEOUT if self.host is None else _OVER_LINK
        self.timers.set(Timer.WELCOME, timeout, lambda: self._disconnected(silent_daemon(self.name)))
        if self.keeper is not None and isinstance(connection, WatchedConnection):
            self.keeper.watch(connection, self._ping)
            self.link_line.reset()

    def _hello(self) -> Hello:
        """Return HELLO; by `client`, `id` and `position` the daemon recognizes a returning client."""
        more: Hello = {"client": self._client}
        if self.session_id:
            more |= {"id": self.session_id, "position": self.view.position}
        else:
            more["seen"] = self._shown.positions(self.host)
        return terminal_hello(self.display.terminal, self.options, self.host, more)

    def _ping(self, payload: bytes) -> None:
        self.channel.send(protocol.frame(protocol.PING, payload))

    def _disconnected(self, error: SeshError) -> None:
        """Handle the end of a connection, or RELOADED. Raises the error before the first WELCOME."""
        if self.end is not None:
            return
        if self.phase is AttachmentPhase.LEAVING:
            self.leave()
        elif not self.session_id:
            raise error
        elif self.keeper is not None:
            self._go_offline()
        else:
            self._connect_again()

    def _connect_again(self) -> None:
        """Connect again: the daemon may have been reloaded, which a full connection cannot tell."""
        if self.phase is not AttachmentPhase.ATTACHED:
            self.leave(EndKind.LOST)
            return
        self.view.take_back()
        try:
            self.attach_over(wire.connect(self.name))
        except SeshError:
            self.leave(EndKind.LOST)

    def _go_offline(self) -> None:
        self.view.take_back()
        self.channel.close()
        self.timers.clear(Timer.WELCOME)
        self.phase = AttachmentPhase.OFFLINE
        if self.keeper is not None:
            self.keeper.link_closed()

    def _log_in(self, keeper: LinkKeeper, reason: Exception) -> Connection | None:
        """Let the user log in; return the next link, or None if the user leaves.

        Raises the error after which another login would not help.
        """
        self.view.suspend()
        dropped = "; keys typed since then were dropped" if self.channel.input.drop() else ""
        heard = measures.time_of_day(keeper.heard_time)
        self.display.print_line(f"no link to {self.host} since {heard}; {self.name} keeps running{dropped}")
        try:
            return log_in(self.display, keeper, self.host or "", reason)
        except EOFError:
            self.leave(reason="hangup")
        except KeyboardInterrupt as interrupt:  # a lent terminal turns Ctrl-\ and Ctrl-C into signals
            number = interrupt.args[0]
            endings = {signal.SIGQUIT: EndKind.DETACHED, signal.SIGINT: EndKind.LOST}
            self.leave(endings.get(number, EndKind.SIGNAL), number)
        return None

    @property
    def running_keeper(self) -> LinkKeeper | None:
        """The keeper, if it is to run: from the first WELCOME until the client leaves."""
        runs = self.session_id and self.end is None and self.phase is not AttachmentPhase.LEAVING
        return self.keeper if runs else None

    def look_after_link(self, ready: Container[int]) -> None:
        if (keeper := self.running_keeper) is None:
            return
        link: Connection | None = keeper.run(ready)
        self.link_line.update(keeper)
        if keeper.health.state is Health.LOST and self.phase is not AttachmentPhase.OFFLINE:
            self._go_offline()
        try:
            if isinstance(keeper.refusal, LoginRefused):
                link = self._log_in(keeper, keeper.refusal)
            elif keeper.refusal is not None:
                raise keeper.refusal
        except SeshError as error:
            self.end = AttachmentEnd.failed(self.name, self.host, error)
        if link is not None:
            self.attach_over(link)
            self.handle_frames()

    def leave(self, kind: EndKind = EndKind.DETACHED, number: int | None = None, *, reason: str = "") -> None:
        """End the attachment, unless it has ended. `number`: the signal."""
        self.end = self.end or AttachmentEnd(kind, self.name, self.host, reason=reason, signal=number)

    def complete(self, end: AttachmentEnd) -> None:
        end.early = not self.session_id
        end.runs = str(self.farewell.get("command") or "")
        if self.keeper is not None and not end.early:
            end.heard_time = self.keeper.heard_time
            confirmed = self.keeper.up and (self.phase is not AttachmentPhase.LEAVING or self.farewell)
            end.undelivered = not (confirmed or self.channel.input.arrived)

    def detach(self) -> None:
        """Send DETACH, and await the daemon's, which says how the screen was left."""
        if self.phase is not AttachmentPhase.ATTACHED or not self.channel.send(protocol.message(protocol.DETACH, {})):
            self.leave()
            return
        self.view.take_back()
        self.phase = AttachmentPhase.LEAVING
        self.link_line.reset()
        self.timers.set(Timer.LEAVE, self.channel.goodbye_time, self.leave)

    def stay(self, reason: str = "") -> None:
        """Continue after a failed SWITCH, and show the reason, if any, over the session's screen."""
        self.farewell, self.end = {}, None
        if not self.display.started:
            self.redisplay()
        if reason:
            self.view.notice.say(reason)

    def handle_input(self, data: bytes, *, then_detach: bool) -> None:
        """Pass input on to the program. `then_detach`: the detach key follows."""
        if self.end is not None or self.phase is AttachmentPhase.LEAVING:
            return
        if data:
            self._pass_on(data)
        if then_detach:
            self.display.terminal.drop_input()  # what follows the key must not reach the outer shell
            self.detach()

    def _pass_on(self, data: bytes) -> None:
        """Send input, or keep it until the next WELCOME says which input the daemon has."""
        offline = self.phase is AttachmentPhase.OFFLINE
        if offline and pressed(data, _CTRL_C):
            self.leave(EndKind.LOST)
            return
        if self.keeper is not None:
            self.keeper.key_sent(enter=not self.keeper.up and pressed(data, *_ENTER))
        if self.options.read_only:
            if not (offline or data.startswith(ESCAPE)):  # which begins the terminal's reports, as of the focus
                self.view.notice.say(f"read-only: keys are not passed on; {self.options.leaves()}")
        elif self.phase is AttachmentPhase.ATTACHED or not self.session_id:
            self.channel.send(self.channel.input.add(data))
            self.view.input_sent(self.channel.input.number, data)
        else:
            self.channel.input.keep(data)

    def redisplay(self) -> None:
        """Draw the session again, after `TerminalView.suspend` or after this process was stopped."""
        self.display.resume()
        if self.keeper is not None:
            self.keeper.nudge()
        self.view.resize()
        self.view.redraw()

    def receive(self) -> None:
        alive = self.channel.read()
        if self.keeper is not None and self.channel.frames:
            self.link_line.remove()  # before the frames are shown
        self.handle_frames()
        if not alive:
            self._disconnected(Unreachable(f"the daemon of {self.name} closed the connection; try again"))

    def handle_frames(self) -> None:
        """Handle the received frames; those after the attachment's end wait for another call."""
        while self.end is None and self.channel.frames and self.channel.connection is not None:
            self._handle_frame(self.channel.connection, *self.channel.frames.popleft())

    def _handle_frame(self, connection: Connection, kind: int, payload: bytes) -> None:
        channel = self.channel
        if not connection.welcome:
            self._handle_before_welcome(connection, kind, payload)
        elif kind in _SCREEN:
            channel.got += len(payload) - protocol.NUMBER_SIZE
            self.view.show(kind, payload)
        elif kind == protocol.ACK:
            channel.send(channel.input.acknowledge(protocol.split_number(payload)[0]))
        elif kind == protocol.RELOADED:
            self._disconnected(Reloaded("the session's daemon was reloaded"))
        elif kind == protocol.PONG:
            if self.keeper is not None:
                self.view.follow_round_trip(self.keeper.health.round_trip)
            self.view.handle_pong(payload)
        elif kind in (protocol.ECHOED, protocol.MODEL):
            self.view.handle_prediction(kind, payload)
        elif kind in _JSON:
            self._handle_message(kind, connection.decode_message(kind, payload))

    def _handle_before_welcome(self, connection: Connection, kind: int, payload: bytes) -> None:
        """Handle a frame until WELCOME. After an error, go offline if another link may help."""
        try:
            welcomed = connection.accept(kind, payload)
        except SeshError as error:
            if not self.session_id or self.keeper is None:
                raise
            if isinstance(error, (Unreachable, TimedOut)):
                self._go_offline()
            else:
                self.end = AttachmentEnd.failed(self.name, self.host, error)
        else:
            if welcomed:
                self._handle_welcome(connection)

    def _handle_welcome(self, connection: Connection) -> None:
        welcome, resumes = connection.welcome, self.session_id != ""
        self.timers.clear(Timer.WELCOME)
        if resumes and welcome.get("id") != self.session_id:  # another session has the name of one that was lost
            self.leave(EndKind.LOST)
            return
        self.session_id = str(welcome.get("id") or "")
        self.name = str(welcome.get("name") or self.name)
        self.phase = AttachmentPhase.ATTACHED
        if self.keeper is not None:
            self.keeper.session_connected(self.name, since=self.view.position, joined=connection.peer.pid)
        if resumes:
            self._resume(welcome)
        else:
            self._begin(welcome)

    def _resume(self, welcome: Welcome) -> None:
        """Send the input that the daemon lacks; request the screen if output is not enough."""
        self.channel.send(self.channel.input.resume(int(welcome.get("last_input") or 0)))
        if not self.view.continues:
            self.display.resume()
            self.view.redraw()

    def _begin(self, welcome: Welcome) -> None:
        """Measure the round trip; tell the user where the output continues, and what happened meanwhile."""
        if self.keeper is not None:
            self._ping(self.keeper.health.measure(time.monotonic()))
        left = self._shown.left_time(self.host, self.session_id)
        if left and self.options.replay:  # separate new output from the earlier one in the scrollback
            self.display.print_rule(f"── {self.name}{f'@{self.host}' if self.host else ''}, since {left} ──")
        notice = self.options.first_notice
        if welcome.get("new") is True and not self.options.read_only:
            notice = f"{notice or f'new session {self.name}'} · {self.options.leaves()}"
        if line := "; ".join(filter(None, (notice, str(welcome.get("missed") or "")))):
            self.view.notice.say(line)
        self.options.replace, self.options.first_notice = False, ""  # they are for the first session

    def _handle_message(self, kind: int, message: Message) -> None:
        name = str(message.get("name") or "")
        if kind == protocol.NOTICE:
            self.name = name or self.name
            self.view.notice.say(str(message.get("text") or ""))
        elif kind == protocol.TELL:
            state, question = (str(message.get(key) or "") for key in ("state", "question"))
            self.view.notify(wording.notification(name, state, question, self.host), shown=name == self.name)
        elif kind == protocol.EXIT:
            self.name = name or self.name
            self.farewell = {"rows_below": 0, **message}
            self.view.show_skipped()
            self.end = AttachmentEnd.ended(self.name, self.host, message)
        elif kind == protocol.DETACH:
            self.farewell = message
            self.leave(reason=str(message.get("reason") or ""))
        elif kind == protocol.SWITCH and self.phase is AttachmentPhase.ATTACHED:
            self.farewell, host = message, message.get("host")
            self.end = AttachmentEnd(EndKind.SWITCH, name, host if isinstance(host, str) else None)
