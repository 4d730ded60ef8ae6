"""Attaching: take over the terminal, run one attachment after the other, restore the terminal."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from sesh import names, protocol, renewed, wire
from sesh.client.attachment import Attachment
from sesh.client.display import Display
from sesh.client.link_watch import LinkWatch, Reconnect
from sesh.client.outcome import AttachOptions, Outcome
from sesh.client.reconnect import Reconnector
from sesh.client.shown import Shown
from sesh.client.terminal import RawTerminal
from sesh.errors import SIGNAL_BASE, SeshError, UsageError
from sesh.link.race import LostSession
from sesh.messages import Hello, Introduction, Message
from sesh.quitkey import KEY, quit_key

if TYPE_CHECKING:
    from typing_extensions import Unpack


Connect = Callable[[str, str | None], wire.Connection]


def attach(
    connection: wire.Connection,
    name: str,
    *,
    host: str | None = None,
    options: AttachOptions,
    connect: Connect,
    reconnect: Reconnect | None = None,
) -> Outcome:
    """Attach the terminal on descriptors 0 and 1 to the session at the other end of `connection`, until that ends.

    Nothing must have been sent on `connection`, save the HELLO in its `greeted` (see `introduction`); it is closed at
    the end. `connect` makes a connection to another session by name and host, for a switch. `reconnect` makes what
    watches and replaces a link. The closing line is printed here. A signal that ends this process becomes SystemExit
    with 128 plus its number, after the terminal was restored.

    Raises Refused if there is no terminal, Unreachable, ProtocolError, and the daemon's error in answer to HELLO.
    """
    quit_key.disarm()
    with connection, RawTerminal() as terminal:
        outcome = _Client(Display(terminal), options, connect, reconnect).run(connection, name, host)
    if outcome.kind == "signal":
        raise SystemExit(SIGNAL_BASE + (outcome.signal or 0))
    return outcome


def introduction(host: str, options: AttachOptions) -> Introduction:
    """The HELLO of this terminal's client, for a request to `host` that it goes along with."""
    terminal = RawTerminal()
    seen = Shown(terminal.path()).positions(host)
    return _introduction(terminal, options, host, {"client": _token(), "replace": options.replace, "seen": seen})


class _Client:
    """One terminal, attached to one session after the other as it is switched."""

    def __init__(self, display: Display, options: AttachOptions, connect: Connect, reconnect: Reconnect | None) -> None:
        self.display, self.options, self._connect, self._reconnect = display, options, connect, reconnect
        self._attachment: Attachment
        self._previous: Attachment | None = None
        """The attachment to leave once the next session has answered, while a switch is under way."""
        self._token = ""
        """Random name of this client, the same over all connections to one session."""
        self._shown = Shown(display.terminal.path())

    def run(self, connection: wire.Connection, name: str, host: str | None) -> Outcome:
        """Attach to the first session and to those that follow, and restore the terminal whatever happens."""
        attachment = self._attachment = self._attach(connection, name, host, replace=self.options.replace)
        attachment.overlays.greeting = self.options.first_notice
        if quit_key.taken():
            attachment.typed_ahead(KEY)
        lines: list[str] = []
        farewell: Message = {}
        try:
            outcome = self._run_attachments()
            attachment = self._attachment
            if self._previous is not None:  # the next session had not answered yet
                outcome.name, outcome.host = self._previous.name, self._previous.host
            elif outcome.kind == "detached" and not outcome.reason and not attachment.session_id:
                outcome.early = True
            elif attachment.link is not None:
                outcome.round_trip, outcome.heard_at = attachment.round_trip.smoothed, attachment.link.heard_at
            if self._previous is None:
                outcome.undelivered = undelivered(attachment, outcome)
            lines, farewell = [*attachment.closing_lines, outcome.line()], attachment.farewell
        finally:
            self.display.leave(lines, farewell)
            for remaining in (self._previous, self._attachment):
                if remaining is not None:
                    self._close(remaining)
        return outcome

    def _close(self, attachment: Attachment) -> None:
        """Close an attachment that the terminal shows no longer, and remember how far it was shown."""
        if attachment.link is not None:
            attachment.link.close()
        attachment.channel.close()
        position = None if attachment.ended else attachment.position
        self._shown.leave(attachment.host, attachment.session_id, position)

    def _run_attachments(self) -> Outcome:
        while True:
            try:
                outcome = self._attachment.run()
            except SeshError as error:
                if self._previous is None:
                    raise
                self._attachment.channel.close()
                self._attachment, self._previous = self._previous, None
                self._attachment.switch_failed(str(error))
                continue
            link, lost = self._attachment.link, outcome.kind == "lost" and self._previous is None
            if lost and link is not None:
                final = self._replace_link(outcome, link)
                if final is not None:
                    return final
            elif lost and outcome.reason == "reloaded":
                self._attachment.go_offline()
                self._resume(self._connect_to(self._attachment.name, None))
            elif outcome.kind == "switch":
                self._switch(outcome)
            else:
                return outcome

    def _replace_link(self, outcome: Outcome, link: LinkWatch) -> Outcome | None:
        """Replace a lost link; return the final outcome if that fails."""
        attachment = self._attachment
        if attachment.host is None or not attachment.session_id:
            return outcome
        reconnector = Reconnector(attachment, link)
        result = reconnector.run()
        if isinstance(result, Outcome):
            attachment.channel.close()
            return result
        self._resume(result, redraw=reconnector.logged_in)
        return None

    def _resume(self, connection: wire.Connection, *, redraw: bool = False) -> None:
        """Go on over another connection to the same session; `redraw`: the terminal shows something else."""
        attachment = self._attachment
        attachment.channel.close()
        attachment.position -= self.display.rewind()
        since, session_id, row_lost = attachment.position, attachment.session_id, self.display.row_lost
        attachment.connect(connection, self._greeting(connection, attachment.host, id=session_id, since=since))
        if row_lost or redraw:  # the bytes behind that position would not bring back what the terminal lacks
            attachment.overlays.line.ask(since)

    def _switch(self, outcome: Outcome) -> None:
        """Connect to the session that the daemon named; leave the present one once that has answered."""
        old = self._attachment
        target = _checked_target(old, outcome.name, outcome.host)
        if target is None:
            return
        try:
            connection = self._connect_to(*target)
        except SeshError as error:
            old.switch_failed(str(error))
            return
        self._previous = old
        self._attachment = self._attach(connection, *target)

    def _connect_to(self, name: str, host: str | None) -> wire.Connection:
        """Connect to the next session; on a host with the terminal as it was, since ssh may ask something."""
        if host is None:
            return self._connect(name, None)
        self.display.suspend()
        self.display.terminal.cooked()
        try:
            return self._connect(name, host)
        finally:
            self.display.terminal.raw()

    def _welcomed(self) -> None:
        """Leave the session before the one that has answered; set off output that is new to the terminal by a rule."""
        old, self._previous = self._previous, None
        if old is not None:
            self.display.suspend(old.farewell)
            self._close(old)
        since = self._shown.since(self._attachment.host, self._attachment.session_id)
        if since and self.options.replay:
            self.display.rule(f"── {self._attachment.label}, since {since} ──")

    def _attach(self, connection: wire.Connection, name: str, host: str | None, *, replace: bool = False) -> Attachment:
        said = connection.peer.greeted
        self._token = said["client"] if said else _token()
        more: Hello = {} if said else {"replace": replace, "seen": self._shown.positions(host)}
        greeting = self._greeting(connection, host, **more)
        attachment = Attachment(self.display, name, host, self.options, self._welcomed)
        if host is not None and (reconnect := self._reconnect) is not None:

            def describe() -> LostSession:
                return self._lost_session(attachment, link)

            link = attachment.link = LinkWatch(self.display, host, self.options.leaves, reconnect, describe)
        attachment.connect(connection, greeting)
        return attachment

    def _lost_session(self, attachment: Attachment, link: LinkWatch) -> LostSession:
        position, host, session_id = attachment.position, attachment.host or "", attachment.session_id
        more: Hello = {"client": self._token, "id": session_id, "since": position - self.display.unfinished()}
        hello = _introduction(self.display.terminal, self.options, host, more)
        heard_at = link.reopen.health.heard_at
        return LostSession(attachment.name, host, session_id, position, heard_at, hello)

    def _greeting(self, connection: wire.Connection, host: str | None, **more: Unpack[Hello]) -> bytes:
        """Return HELLO; for a daemon that was told that, RESIZE if the size has changed since, else nothing."""
        said, size = connection.peer.greeted, self.display.terminal.size()
        if said is not None:
            same = (said["columns"], said["rows"]) == size[:2]
            return b"" if same else protocol.frame(protocol.RESIZE, protocol.size_payload(*size))
        hello = _introduction(self.display.terminal, self.options, host, {"client": self._token, **more})
        if connection.agent:
            hello["auth_sock"] = connection.agent
        hello["renewed"] = renewed.of(connection.environment, self.options.renew)
        return protocol.message(protocol.HELLO, hello)


def undelivered(attachment: Attachment, outcome: Outcome) -> str:
    """What becomes of keys that wait for a link when the session is left, in words; empty if there are none.

    A signal waits for no acknowledgement: what was sent before it arrives if the link answers.
    """
    link = attachment.link
    if link is None or attachment.farewell or (outcome.kind == "signal" and not link.doubted):
        return ""
    fate = attachment.input.fate
    return f"what was typed since {link.since} {fate}" if fate else ""


def _token() -> str:
    return os.urandom(8).hex()


def _introduction(terminal: RawTerminal, options: AttachOptions, host: str | None, more: Hello) -> Introduction:
    columns, rows, width, height = terminal.size()
    hello: Hello = {
        "columns": columns,
        "rows": rows,
        "width": width,
        "height": height,
        "term": os.environ.get("TERM", ""),
        "colorterm": os.environ.get("COLORTERM", ""),
        "tty": terminal.path(),
        "machine": os.uname().nodename,
        "lang": os.environ.get("LC_ALL") or os.environ.get("LC_CTYPE") or os.environ.get("LANG", ""),
        "read_only": options.read_only,
        "replace": False,
        "replay": options.replay,
        "lines": options.lines,
        "remote": host is not None,
        "tells": True,
        "got": host is not None,
        **more,
    }
    return wire.introduction("attach", **hello)


def _checked_target(attachment: Attachment, name: str, host: str | None) -> tuple[str, str | None] | None:
    """The name and host of a SWITCH, None to ignore it: a remote daemon may only name sessions of its own host."""
    if attachment.host is not None:
        if host not in (None, attachment.host):
            return None
        host = attachment.host
    try:
        names.check_name(name)
        if host is not None:
            names.check_host(host)
    except UsageError:
        return None
    return None if (name, host) == (attachment.name, attachment.host) else (name, host)
