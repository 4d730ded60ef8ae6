"""Attaching: take over the terminal, run one attachment after the other, restore the terminal."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from sesh import names, wire
from sesh.client.attachment import Attachment
from sesh.client.display import Display
from sesh.client.loop import ClientLoop
from sesh.client.options import AttachOptions, terminal_hello
from sesh.client.outcome import AttachmentEnd, EndKind
from sesh.client.shown import Shown
from sesh.client.terminal import RawTerminal
from sesh.errors import SIGNAL_BASE, SeshError, UsageError
from sesh.link.keeper import Keep
from sesh.messages import Hello

Connect = Callable[[str, str | None], tuple[wire.Connection, Keep]]


def attach(
    connection: wire.Connection,
    name: str,
    *,
    host: str | None = None,
    options: AttachOptions,
    connect: Connect,
    keep: Keep,
) -> AttachmentEnd:
    """Attach the terminal on descriptors 0 and 1 to a session until the attachment ends; print the closing line.

    `connection`: a fresh one, over which at most `first_hello` was sent; it is closed at the end.
    `connect`: connects to another session, for a switch. `keep`: returns the keeper of a link. A signal that ends
    this process becomes SystemExit with 128 plus the signal's number, after the terminal is restored.

    Raises Refused if there is no terminal, Unreachable, ProtocolError, and the daemon's error in answer to HELLO.
    """
    signal.signal(signal.SIGQUIT, signal.SIG_IGN)  # Ctrl-\ typed again as the client leaves is nobody's
    with connection, RawTerminal() as terminal:
        outcome = _Client(Display(terminal), options, connect).run(connection, name, host, keep)
    if outcome.kind is EndKind.SIGNAL:
        raise SystemExit(SIGNAL_BASE + (outcome.signal or 0))
    return outcome


def first_hello(host: str, options: AttachOptions) -> Hello:
    """Return this terminal's HELLO, to send together with a request to `host`."""
    terminal = RawTerminal()
    seen = Shown(terminal.path()).positions(host)
    more: Hello = {"client": os.urandom(8).hex(), "replace": options.replace, "seen": seen}
    return terminal_hello(terminal, options, host, more)


class _Client:
    """One terminal, attached to one session at a time; a SWITCH brings it to the next."""

    def __init__(self, display: Display, options: AttachOptions, connect: Connect) -> None:
        self._display, self._options, self._connect = display, options, connect
        self._shown = Shown(display.terminal.path())
        self._attachment: Attachment

    def run(self, connection: wire.Connection, name: str, host: str | None, keep: Keep) -> AttachmentEnd:
        """Attach to the first session and to each later one; restore the terminal even after an error."""
        loop = self._begin(connection, name, host, keep, replace=self._options.replace)
        line, ended = "", False
        try:
            outcome = loop.run()
            while outcome.kind is EndKind.SWITCH:
                loop = self._switched(loop, outcome)
                outcome = loop.run()
            line = outcome.line(self._options.words_for, self._options.waiting)
            ended = outcome.kind is EndKind.ENDED
        finally:
            self._display.leave(line, self._attachment.farewell)
            self._close(ended=ended)
        return outcome

    def _begin(
        self, connection: wire.Connection, name: str, host: str | None, keep: Keep, *, replace: bool = False
    ) -> ClientLoop:
        self._attachment = Attachment(self._display, name, host, self._options, self._shown, keep)
        self._attachment.connect(connection, replace=replace)
        return ClientLoop(self._attachment)

    def _switched(self, loop: ClientLoop, outcome: AttachmentEnd) -> ClientLoop:
        """Return the loop of the next session; if that session cannot be shown, stay, and return `loop`."""
        attachment, reason = self._attachment, ""
        try:
            name, host = _checked_target(attachment, outcome.name, outcome.host)
            connection, keep = self._connect_to(name, host)
        except SeshError as error:
            reason = str(error)
        except KeyboardInterrupt as interrupt:
            if interrupt.args[0] not in (signal.SIGINT, signal.SIGQUIT):
                signal.raise_signal(interrupt.args[0])  # ends the loop
        else:
            self._display.suspend(attachment.farewell)
            self._close(ended=False)
            self._options.first_notice = ""  # it was about the first session
            return self._begin(connection, name, host, keep)
        attachment.stay(reason)
        return loop

    def _connect_to(self, name: str, host: str | None) -> tuple[wire.Connection, Keep]:
        """Connect to the next session. If it is on a host, lend the terminal to ssh, which may ask a question."""
        if host is None:
            return self._connect(name, None)
        self._display.suspend()
        with self._display.terminal.lent():
            return self._connect(name, host)

    def _close(self, *, ended: bool) -> None:
        """Close the attachment, and record the position up to which the terminal showed its session."""
        attachment = self._attachment
        if attachment.keeper is not None:
            attachment.keeper.close()
        attachment.channel.close()
        self._shown.leave(attachment.host, attachment.session_id, None if ended else attachment.view.position)


def _checked_target(attachment: Attachment, name: str, host: str | None) -> tuple[str, str | None]:
    """Return the name and host of a SWITCH. A remote daemon may only name sessions of its own host.

    Raises UsageError for another host, and for the session that is already shown.
    """
    names.check_name(name)
    if host is not None:
        names.check_host(host)
    if attachment.host is not None and host not in (None, attachment.host):
        raise UsageError(f"{attachment.host} may not switch to another host")
    host = attachment.host or host
    if (name, host) == (attachment.name, attachment.host):
        raise UsageError(f"this terminal already shows {name}")
    return name, host
