"""Attaching: take over the terminal, run one attachment after the other, restore the terminal."""

from __future__ import annotations

from collections.abc import Callable

from sesh import names, wire
from sesh.client import hello
from sesh.client.attachment import Attachment
from sesh.client.display import Display
from sesh.client.loop import Loop
from sesh.client.outcome import AttachOptions, Ending, Outcome
from sesh.client.reconnect import Reconnect
from sesh.client.shown import Shown
from sesh.client.terminal import RawTerminal
from sesh.errors import SIGNAL_BASE, SeshError, UsageError
from sesh.link.health import Health
from sesh.messages import Hello, Introduction, Message
from sesh.quitkey import KEY, quit_key

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
    if outcome.kind is Ending.SIGNAL:
        raise SystemExit(SIGNAL_BASE + (outcome.signal or 0))
    return outcome


def introduction(host: str, options: AttachOptions) -> Introduction:
    """Return the HELLO of this terminal's client, for a request to `host` that it goes along with."""
    terminal = RawTerminal()
    seen = Shown(terminal.path()).positions(host)
    wishes: Hello = {"client": hello.token(), "replace": options.replace, "seen": seen}
    return hello.introduction(terminal, options, host, wishes)


class _Client:
    """One terminal, attached to one session after the other as it is switched."""

    def __init__(self, display: Display, options: AttachOptions, connect: Connect, reconnect: Reconnect | None) -> None:
        self.display, self.options, self._connect, self._reconnect = display, options, connect, reconnect
        self._loop: Loop
        self._previous: Loop | None = None
        """The attachment to leave once the next session has answered, while a switch is under way."""
        self._shown = Shown(display.terminal.path())

    def run(self, connection: wire.Connection, name: str, host: str | None) -> Outcome:
        """Attach to the first session and to those that follow, and restore the terminal whatever happens."""
        self._loop = self._attach(connection, name, host, replace=self.options.replace)
        self._loop.attachment.view.greeting = self.options.first_notice
        if quit_key.taken():
            self._loop.typed_ahead(KEY)
        lines: list[str] = []
        farewell: Message = {}
        try:
            outcome = self._run_attachments()
            self._complete(outcome)
            attachment = self._loop.attachment
            lines, farewell = [outcome.line()], attachment.farewell
        finally:
            self.display.leave(lines, farewell)
            for loop in (self._previous, self._loop):
                if loop is not None:
                    self._close(loop.attachment)
        return outcome

    def _complete(self, outcome: Outcome) -> None:
        """Add to the final outcome what goes on, and the state of its link."""
        attachment, link = self._loop.attachment, self._loop.attachment.link
        outcome.typed = self.options.typed(outcome.name)
        if self._previous is not None:  # the next session had not answered yet
            outcome.name, outcome.host = self._previous.attachment.name, self._previous.attachment.host
            return
        if outcome.kind is Ending.DETACHED and not attachment.session_id:
            outcome.early = True
            return
        if outcome.kind is Ending.DETACHED and outcome.reason not in ("replaced", "hangup"):
            outcome.runs = str(attachment.farewell.get("command") or "")
            outcome.waiting = self.options.waiting(outcome.name if outcome.host is None else "")
        if link is not None:
            outcome.round_trip, outcome.heard_at = attachment.channel.round_trip.smoothed, link.heard_at
            outcome.undelivered = link.health is not Health.UP and not attachment.channel.input.arrived

    def _close(self, attachment: Attachment) -> None:
        """Close an attachment that the terminal shows no longer, and remember how far it was shown."""
        if attachment.link is not None:
            attachment.link.reopen.close()
        attachment.channel.close(detach=True)
        ended = attachment.outcome is not None and attachment.outcome.kind is Ending.ENDED
        self._shown.leave(attachment.host, attachment.session_id, None if ended else attachment.view.position)

    def _run_attachments(self) -> Outcome:
        while True:
            attachment = self._loop.attachment
            try:
                outcome = self._loop.run()
            except SeshError as error:
                if self._previous is None:
                    raise
                attachment.channel.close(detach=True)
                self._loop, self._previous = self._previous, None
                self._loop.attachment.stay(str(error))
                continue
            if outcome.kind is Ending.SWITCH:
                self._switch(outcome)
            elif outcome.kind is Ending.LOST and outcome.reason == "reloaded" and self._previous is None:
                attachment.connect(self._connect_to(attachment.name, attachment.host))
            else:
                return outcome

    def _switch(self, outcome: Outcome) -> None:
        """Connect to the session that the daemon named; leave the present one once that has answered."""
        old = self._loop
        target = _checked_target(old.attachment, outcome.name, outcome.host)
        if target is None:
            old.attachment.stay()
            return
        try:
            connection = self._connect_to(*target)
        except SeshError as error:
            old.attachment.stay(str(error))
            return
        self._previous = old
        self._loop = self._attach(connection, *target)

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
            self.display.suspend(old.attachment.farewell)
            self._close(old.attachment)
        attachment = self._loop.attachment
        since = self._shown.since(attachment.host, attachment.session_id)
        if since and self.options.replay:
            label = f"{attachment.name}@{attachment.host}" if attachment.host else attachment.name
            self.display.rule(f"── {label}, since {since} ──")

    def _attach(self, connection: wire.Connection, name: str, host: str | None, *, replace: bool = False) -> Loop:
        said = connection.peer.greeted
        client = said["client"] if said else hello.token()
        attachment = Attachment(self.display, name, host, self.options, client, self._welcomed, self._reconnect)
        attachment.connect(connection, {"replace": replace, "seen": self._shown.positions(host)})
        return Loop(attachment, self.display.terminal)


def _checked_target(attachment: Attachment, name: str, host: str | None) -> tuple[str, str | None] | None:
    """Return name and host of a SWITCH, None to ignore it: a remote daemon may only name sessions of its own host."""
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
