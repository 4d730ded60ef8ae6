"""One attachment: passes input to the daemon, and the daemon's frames to the terminal.

The loop of `client.attach` calls it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from contextlib import suppress
from typing import TYPE_CHECKING

from sesh.about import PROGRAM
from sesh.client.attachment_end import AttachmentEnd, EndKind
from sesh.client.channel import Channel
from sesh.client.display import Display
from sesh.client.keys import ParsedInput
from sesh.client.options import AttachOptions
from sesh.client.seen_positions import SeenPositions
from sesh.client.view import TerminalView
from sesh.errors import NO_ANSWER, ConnectionLost, LoginRefused, SeshError, TimedOut, Unreachable, silent_daemon
from sesh.loop.timers import Timers
from sesh.system import clock
from sesh.text import describe, safe, times
from sesh.text.keys import ESCAPE, Key, pressed
from sesh.wire import protocol
from sesh.wire.connection import Connection, Peer, connect
from sesh.wire.messages import Hello, Message, Welcome

if TYPE_CHECKING:
    from sesh.client.desktop.exchanges import Exchanges
    from sesh.link.keeper import LinkKeeper

_CTRL_C, _ENTER = Key.parse("C-c"), (Key.parse("Enter"), Key.parse("C-j"))
_SHOWN_FRAMES = (protocol.OUTPUT, protocol.SCREEN)
_EXCHANGE_FRAMES = (protocol.ASK, protocol.PIECE, protocol.TAKEN, protocol.TOLD)
_CONTROLS = bytes({*range(0x20)} - {ESCAPE[0]})  # terminals pass over them
_QUERY = re.compile(rb"[\]\x9d](?:0[0-9]|52;|[0-9]{4}|[0-9]*\Z)|[\x1b\xc2]\Z")
LINK_LINE_AFTER = 1.0  # seconds that a link must be doubted before sesh's line says so, and between two looks at it
DETACH_TIMEOUT = 2.0  # seconds without the daemon's DETACH, as over a congested link, then the client leaves
_JSON_FRAMES = (protocol.NOTICE, protocol.EXIT, protocol.DETACH, protocol.SWITCH, protocol.TELL)


class Attachment:
    """One client attached to one session; survives a lost link.

    Without a connection, and until the WELCOME over another one, it keeps the input. `keeper`: of the link to `host`;
    None on this machine. `session_id`: empty until the first WELCOME; until then any error ends the attachment.
    `exchanges`: those of the daemon with this machine, as its person's desktop; None until the first screen has shown,
    and if the client only reads. `end`: None while the attachment lasts; once `end` is set, the attachment handles no
    frame, key or link.
    """

    def __init__(
        self,
        display: Display,
        connection: Connection,
        keeper: LinkKeeper | None,
        name: str,
        host: str | None,
        options: AttachOptions,
    ) -> None:
        self.display, self.options = display, options
        self.name, self.host = name, host
        self._seen = SeenPositions(display.terminal.path())
        display.answers_reset = self._seen.answers
        first_hello = connection.peer.hello or {}  # sent with the request for the link
        self._token = first_hello.get("client") or os.urandom(8).hex()
        self.session_id = ""
        self.end: AttachmentEnd | None = None
        self.last_message: Message = {}  # the daemon's EXIT, DETACH or SWITCH; empty before
        self.timers = Timers()
        self.channel = Channel()
        predict = options.settings.predict if host is not None and not options.read_only else "never"
        self.view = TerminalView(display, self.channel, self.timers, predict)
        self.exchanges: Exchanges | None = None
        self._desktop_due = True  # its part is to be loaded
        self._is_new = False  # the session, which nobody has had before
        self._typed = False  # a key, and not only reports of the terminal
        self._first_size = display.terminal.size()
        self.keeper = keeper
        if keeper is not None:
            keeper.current_peer = lambda: Peer(self.name, self.session_id, self._hello())
        self._attach_over(connection)

    def _attach_over(self, connection: Connection) -> None:
        """Attach over a first or another connection, over which HELLO may have been sent."""
        if self.exchanges is not None:
            self.exchanges.disconnected()
        frames = connection.connect_request(self.name, self.session_id)
        if connection.peer.hello is None:
            frames += protocol.message(protocol.HELLO, self._hello())
        else:
            frames += self.view.size_frame()  # the size may have changed since
        self.channel.replace_connection(connection, frames)
        is_reloaded = self.keeper is None and self.session_id != ""
        self.timers.set(self._handle_disconnect, protocol.RELOAD_TIMEOUT if is_reloaded else protocol.WELCOME_TIMEOUT)
        if self.keeper is not None:
            self.keeper.watch(connection, self._ping)
        if self.session_id and not self.view.needs_only_output:
            self.display.resume()
            self.view.redraw()

    def _hello(self) -> Hello:
        """Return HELLO; by `client`, `id` and `position` the daemon recognizes a returning client."""
        identity: Hello = {"client": self._token}
        if self.view.position is not None:
            identity |= {"id": self.session_id, "position": self.view.position}
        else:
            identity |= self._seen.told(self.host)
        return self.options.hello(self.display.terminal, self.host, identity)

    def _ping(self, payload: bytes) -> None:
        self.channel.send(protocol.frame(protocol.PING, payload))

    def _handle_disconnect(self, error: SeshError | None = None) -> None:
        """Handle a connection's end, RELOADED, no or a refused HELLO. Raises the error while connecting."""
        error = error or silent_daemon(self.name)
        may_return = isinstance(error, (Unreachable, TimedOut))
        if self.end is not None:
            return
        if self.channel.leaving:
            self.finish()
        elif not self.session_id or (self.keeper is None and not may_return):
            raise error
        elif not may_return:
            self._lose(error)
        elif self.keeper is not None:
            self.keeper.link_closed()
            self._go_offline()
        else:
            self._reconnect()  # a daemon that reloads sends no RELOADED to a client that reads too slowly

    def _reconnect(self) -> None:
        """Connect once more to the daemon, which has closed the connection; else end the attachment."""
        if self.channel.takes_input:
            self.view.clear()
            with suppress(SeshError):
                self._attach_over(connect(self.name))  # blocks for long only if the daemon's backlog is full
                return
        self._lose()

    @property
    def running_keeper(self) -> LinkKeeper | None:
        """The keeper while it watches: None before the first WELCOME, and while leaving."""
        return self.keeper if self.session_id and not self.channel.leaving and self.end is None else None

    def run_keeper(self, ready: Collection[int]) -> None:
        """Run the keeper; attach over the link that replaces a doubted or lost one."""
        if (keeper := self.running_keeper) is None:
            return
        link = keeper.run(ready)
        if keeper.up:
            self.timers.clear(self._report_link)
            self.view.pin_line("")
        else:
            self.timers.ensure(self._report_link, LINK_LINE_AFTER)
        if keeper.health.state.lost and self.channel.connection is not None:
            self._go_offline()
        if keeper.refusal is not None and not isinstance(keeper.refusal, LoginRefused):
            self._lose(keeper.refusal)
        if link is not None:
            self._attach_over(link)
        self.handle_frames()

    def _go_offline(self) -> None:
        if self.exchanges is not None:
            self.exchanges.disconnected()
        self.view.clear()
        self.channel.close()
        self.timers.clear(self._handle_disconnect)

    def _need_desktop(self, *, at_once: bool = False) -> None:
        """Load the desktop's part now if the first screen has shown, or `at_once`."""
        if self._desktop_due and (at_once or self.timers.is_set(self._load_desktop)):
            self._load_desktop()

    def _load_desktop(self) -> None:
        """Load what serves programs of the session here; nothing later, since an upgrade may replace its files."""
        from sesh.client.desktop.start import exchanges_of, keep_queries  # noqa: PLC0415 - loaded after the first screen

        self._desktop_due = False
        self.timers.clear(self._load_desktop)
        settings = self.options.settings.desktop_of(self.host)
        if self.options.read_only:
            keep_queries(self.view, settings)
            return
        self.exchanges = exchanges_of(self.channel, self.view, self.host, settings)
        self.exchanges.desktop.resume_logins(self.options.logins)
        if self.channel.takes_input:
            self.exchanges.connected()

    def _report_link(self) -> None:
        keeper = self.running_keeper
        if keeper is not None and not keeper.up:
            columns, _ = self.display.terminal.grid()
            hint = self.options.leave_hint(without="Ctrl-C")
            self.view.pin_line(_link_line(keeper, self.host, hint, columns - 2))

    def _log_in(self, keeper: LinkKeeper, refusal: SeshError) -> None:
        """Let ssh prompt for another link."""
        display = self.display
        self.channel.input.unframed.clear()  # the user may have typed a password
        self.view.suspend()
        since = f"no link to {self.host} since {times.time_of_day(keeper.heard_time)}"
        try:
            with display.terminal.lent():
                display.print_line(f"{since}; {self.name} keeps running; keys typed since are dropped")
                display.print_line(refusal.message)
                try:
                    link = keeper.log_in()
                finally:
                    display.terminal.drop_input()  # what was typed for ssh must not reach the session
        except KeyboardInterrupt:
            display.terminal.write(b"\r\n")
            self._lose()
        except SystemExit as end:  # by a signal
            display.terminal.write(b"\r\n")
            self.finish(EndKind.SIGNAL, int(str(end.code)))
        except (Unreachable, TimedOut, OSError) as failure:
            display.print_line(str(failure))
        except SeshError as failure:
            self._lose(failure)
        else:
            self._attach_over(link)

    def finish(self, kind: EndKind = EndKind.DETACHED, code: int = 0) -> None:
        """End the attachment, unless it has ended. `code`: the exit code."""
        if self.view.feedback.found:
            joined = self._is_new and not self._typed
            self.end = self.end or AttachmentEnd.feedback(self.name, self.host, joined=joined)
        self.end = self.end or AttachmentEnd(kind, self.name, self.host, code)

    def _lose(self, error: SeshError | None = None) -> None:
        """End the attachment, unless it has ended: the daemon or the link is lost."""
        self.end = self.end or AttachmentEnd.lost(self.name, self.host, error)

    def _detach(self) -> None:
        """Send DETACH, and await the daemon's DETACH, which gives the row of the cursor."""
        self.view.feedback.let_go()
        self.view.clear()  # first: the screen comes before the daemon's DETACH
        if self.channel.detach():
            self.timers.set(self.finish, DETACH_TIMEOUT)
        else:
            self.finish()

    def _leave_loop(self) -> None:
        """Detach from a session that shows this terminal, with the size that the terminal had.

        A multiplexer fits its window to its terminals, so the session's has made this one smaller and smaller.
        """
        self.channel.send(protocol.frame(protocol.RESIZE, protocol.size_payload(*self._first_size)))
        self._detach()

    def close(self) -> None:
        """Close the connection; record what the terminal has been given of a session that goes on."""
        if self.keeper is not None:
            self.keeper.close()
        if self.exchanges is not None:
            if self.end is not None and self.end.kind is EndKind.SWITCH:  # to a session of the same host
                self.exchanges.disconnected()
                self.options.logins = self.exchanges.desktop.take_logins()
            self.exchanges.close()
        self.channel.close()
        has_ended = self.end is not None and self.end.kind is EndKind.ENDED
        given = self.display.queue.given
        self._seen.answers = self.display.answers_reset
        if has_ended or given is not None:  # else the terminal has what it had before
            self._seen.record_leave(self.host, self.session_id, None if has_ended else given)

    def handle_input(self, parsed: ParsedInput) -> None:
        """Send the program's input; detach if the detach key follows."""
        if self.end is not None or self.channel.leaving:
            return
        data, detach = parsed
        if data:
            self._pass_on(data)
        if detach:
            self.release_input()
            self.display.drop_unread()  # keys typed after the detach key must not reach the outer shell
            self._detach()

    def _pass_on(self, data: bytes) -> None:
        """Send keys and reports; without a link, Ctrl-C ends the attachment, and Enter has the link attempted again."""
        offline = self.channel.connection is None
        if offline and pressed(data, _CTRL_C):
            self._lose()
            return
        self.view.feedback.keys()
        self._need_desktop()  # before the first key, which may be consent
        if self.exchanges is not None:
            data = self.exchanges.desktop.keys(data)
            if not data:
                return
        self._typed = self._typed or not data.startswith(ESCAPE)
        if self.keeper is not None:
            enter = not self.keeper.up and pressed(data, *_ENTER)
            if enter and self.keeper.refusal is not None:
                self._log_in(self.keeper, self.keeper.refusal)
                return
            self.keeper.key_sent(enter=enter)
        if not self.options.read_only:
            self.channel.input.add(data)
            self.view.send_input(typed=True)  # without a connection, it waits for the next WELCOME
        elif not (offline or data.startswith(ESCAPE)):  # ESC starts the terminal's own reports, as of the focus
            self.view.show_notice(f"read-only: keys are not passed on; {self.options.leave_hint()}")

    def release_input(self) -> None:
        """Pass on the input that the desktop holds, as long as a line asks about it."""
        if self.exchanges is not None:
            self.exchanges.desktop.release()

    def redisplay(self) -> None:
        """Draw the session again, after `TerminalView.suspend` or a stop of this process."""
        self.display.resume()
        if self.keeper is not None:
            self.keeper.nudge()
        self.view.resize()
        self.view.redraw()

    def receive(self) -> None:
        is_open = self.channel.read()
        self.handle_frames()
        if not is_open:
            self._handle_disconnect(Unreachable(f"the daemon of {self.name} closed the connection; try again"))

    def handle_frames(self) -> None:
        """Handle the received frames until the attachment ends."""
        while self.end is None and self.channel.frames and self.channel.connection is not None:
            self._handle_frame(self.channel.connection, *self.channel.frames.popleft())
        if self.view.feedback.found and not self.channel.leaving and self.end is None:
            self._leave_loop()

    def _handle_frame(self, connection: Connection, kind: int, payload: bytes) -> None:
        channel = self.channel
        if not connection.welcome:
            try:
                if connection.accept(kind, payload):
                    self._handle_welcome(connection.welcome, connection.peer.pid)
            except SeshError as error:
                self._handle_disconnect(error)
        elif kind in _SHOWN_FRAMES:
            # Queries, which the desktop answers, come behind the first screen; only a dishonest host's screen has one.
            self._need_desktop(at_once=self._desktop_due and _may_have_query(payload))
            self.view.show(kind, payload)
            if self._desktop_due:
                self.timers.set(self._load_desktop, 0.0)
        elif kind == protocol.ACK:
            channel.input.acknowledge(protocol.split_number(payload)[0])
            self.view.send_input()
        elif kind == protocol.RELOADED:
            self._handle_disconnect(ConnectionLost("the session's daemon was reloaded"))
        elif kind == protocol.PONG and self.keeper is not None:
            self.view.feedback.round_trip = self.keeper.health.round_trip
            self.view.follow_round_trip(self.keeper.health.round_trip)
        elif kind in (protocol.ECHOED, protocol.MODEL):
            self.view.handle_prediction(kind, payload)
        elif kind in _EXCHANGE_FRAMES:
            if self.exchanges is not None:
                self.exchanges.handle_frame(kind, payload)
        elif kind in _JSON_FRAMES:
            self._handle_message(kind, connection.decode_message(kind, payload))

    def _handle_welcome(self, welcome: Welcome, bridge: int | None) -> None:
        """Handle WELCOME. `bridge`: the pid of the link's far end."""
        returns = self.session_id != ""
        self.timers.clear(self._handle_disconnect)
        if returns and welcome.get("id") != self.session_id:  # this session was lost, and another one has its name
            self._lose()
            return
        self.session_id = str(welcome.get("id") or "")
        self.name = str(welcome.get("name") or self.name)
        self._is_new = self._is_new or welcome.get("new") is True
        if self.keeper is not None:
            self.keeper.session_connected(self.name, since=self.view.position, joined=bridge)
            if not returns:
                self._ping(self.keeper.health.new_ping(clock.uptime()))  # measures the round trip
        self.channel.resume_input(int(welcome.get("last_input") or 0))
        self.view.send_input()
        if self.exchanges is not None:
            self.exchanges.connected()
        if not returns and (notice := self.options.take_notice(self.name, welcome)):
            self.view.show_notice(notice)

    def _notice(self, message: Message) -> str:
        """Return the line of a NOTICE: its text, or how many lines this terminal lacks."""
        count = message.get("left_out")
        if not isinstance(count, int):
            return str(message.get("text") or "")
        at = f"@{self.host} " if self.host is not None else ""
        lines = "1 line was" if count == 1 else f"{count:,} lines were"
        return f"{lines} left out; {PROGRAM} {at}logs {self.name} has {message.get('kept') or 0:,} of them"

    def _handle_message(self, kind: int, message: Message) -> None:
        name = str(message.get("name") or "")
        if kind in (protocol.NOTICE, protocol.EXIT):
            self.name = name or self.name
        if kind == protocol.NOTICE:
            self.view.show_notice(self._notice(message))
        elif kind == protocol.TELL:
            state, question = (str(message.get(key) or "") for key in ("state", "question"))
            self.view.notify(describe.notification(name, state, question, self.host), is_own=name == self.name)
        elif kind == protocol.EXIT:
            self.view.show_skipped()
            self.last_message, self.end = message, AttachmentEnd.ended(self.name, self.host, message)
        elif kind == protocol.DETACH:
            self.last_message = message
            self.finish()
        elif not self.channel.leaving:  # SWITCH
            try:
                self.end = AttachmentEnd.switched(self.host, message)
                self.last_message = message
            except SeshError as error:
                self.view.show_notice(str(error))


def _may_have_query(payload: bytes) -> bool:
    """Return whether a screen may have a query for the clipboard (`client.desktop.queries`), or begin one."""
    return _QUERY.search(payload.translate(None, _CONTROLS)) is not None


def _link_line(keeper: LinkKeeper, host: str | None, leave_hint: str, columns: int) -> str:
    """Return the line about a link that is doubted or lost."""
    state, preposition = ("no link", "to") if keeper.health.state.lost else ("no answer", "from")
    why = f" ({keeper.reason})" if keeper.reason not in ("", NO_ANSWER) else ""  # may have a URL to log in at
    keys = f"Enter tries now, {leave_hint}" if keeper.refusal is None else "Enter logs in, Ctrl-C leaves"
    line = f"{state} {preposition} {host} since {times.time_of_day(keeper.heard_time)}{why}; {keys}"
    keys = f"; {keys.replace(' now', '')}"
    if len(line) > columns:
        line = f"{state}{why}{keys}"
    if len(line) > columns:  # the keys may go unless the link waits for a login
        keys = keys if keeper.refusal is not None else ""
        room = columns - len(state) - len(keys) - 1
        line = f"{state} {safe.cut(why.strip(), room, keeps_end='://' in why)}{keys}"
    return line
