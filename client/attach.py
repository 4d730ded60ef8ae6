"""Attaching: take over the terminal, run one attachment after the other, restore the terminal."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable
from math import inf

from sesh import descriptors, names, wire
from sesh.client.attachment import Attachment
from sesh.client.channel import HELD
from sesh.client.display import MAX_PENDING, Display
from sesh.client.keys import FLUSH_DELAY, KeyParser
from sesh.client.options import AttachOptions, terminal_hello
from sesh.client.outcome import AttachmentEnd, EndKind
from sesh.client.shown import Shown
from sesh.client.terminal import EXIT_SIGNALS, RawTerminal
from sesh.client.view import Timer
from sesh.errors import SIGNAL_BASE, SeshError, UsageError
from sesh.link.keeper import MakeKeeper
from sesh.messages import Hello

Connect = Callable[[str, str | None], tuple[wire.Connection, MakeKeeper]]

_DRAIN, _DRAIN_AFTER_DETACH = 10.0, 0.2
"""Seconds without progress after which unwritten output is dropped: after the session's end, and after any other."""


def attach(
    connection: wire.Connection,
    name: str,
    *,
    host: str | None,
    options: AttachOptions,
    connect: Connect,
    make_keeper: MakeKeeper,
) -> AttachmentEnd:
    """Attach the terminal on descriptors 0 and 1 to a session; print the closing line.

    `connection`: a fresh one, over which at most `first_hello` was sent; it is closed at the end. `connect`: connects
    to another session, for a switch. Raises Refused if there is no terminal, Unreachable if no WELCOME comes,
    ProtocolError, OSError if no descriptor is left, and the daemon's error if it refuses HELLO. A signal that ends
    this process becomes SystemExit with 128 plus the signal's number, after the terminal is restored.
    """
    signal.signal(signal.SIGQUIT, signal.SIG_IGN)  # Ctrl-\ typed again as the client leaves is for nobody
    with connection, RawTerminal() as terminal:
        outcome = _Client(Display(terminal), options, connect).run(connection, name, host, make_keeper)
    if outcome.kind is EndKind.SIGNAL:
        raise SystemExit(SIGNAL_BASE + (outcome.signal or 0))
    return outcome


def first_hello(host: str, options: AttachOptions) -> Hello:
    """Return this terminal's HELLO, to send together with a request to `host`."""
    terminal = RawTerminal()
    seen = Shown(terminal.path()).positions(host)
    return terminal_hello(terminal, options, host, {"client": os.urandom(8).hex(), "seen": seen})


class _Client:
    """One terminal, attached to one session after the other, with or without a link."""

    def __init__(self, display: Display, options: AttachOptions, connect: Connect) -> None:
        self._display, self._terminal = display, display.terminal
        self._options, self._connect = options, connect
        self._shown = Shown(self._terminal.path())
        self._keys = KeyParser(options.detach_key)
        self._attachment: Attachment

    def run(self, connection: wire.Connection, name: str, host: str | None, make_keeper: MakeKeeper) -> AttachmentEnd:
        """Attach to one session after the other; restore the terminal even after an error."""
        self._begin(connection, name, host, make_keeper)
        line, ended = "", False
        try:
            outcome = self._run_attachment()
            while outcome.kind is EndKind.SWITCH:
                self._switch(outcome)
                outcome = self._run_attachment()
            line = self._options.closing_line(outcome)
            ended = outcome.kind is EndKind.ENDED
        finally:
            self._display.leave(line, self._attachment.farewell)
            self._close(ended=ended)
        return outcome

    def _begin(self, connection: wire.Connection, name: str, host: str | None, make_keeper: MakeKeeper) -> None:
        self._attachment = Attachment(self._display, name, host, self._options, self._shown, make_keeper)
        self._attachment.attach_over(connection)

    def _switch(self, outcome: AttachmentEnd) -> None:
        """Attach to the next session; stay in this one if the next cannot be shown."""
        attachment = self._attachment
        try:
            name, host = _checked_target(attachment, outcome.name, outcome.host)
            connection, make_keeper = self._connect_to(name, host)
        except SeshError as error:
            attachment.stay(str(error))
        except KeyboardInterrupt as interrupt:  # a signal while the terminal was lent
            if interrupt.args[0] not in (signal.SIGINT, signal.SIGQUIT):
                signal.raise_signal(interrupt.args[0])  # ends the loop
            attachment.stay()
        else:
            self._display.suspend(attachment.farewell)
            self._close(ended=False)
            self._begin(connection, name, host, make_keeper)

    def _connect_to(self, name: str, host: str | None) -> tuple[wire.Connection, MakeKeeper]:
        """Connect to a session; lend the terminal to ssh, which may ask a question."""
        if host is None:
            return self._connect(name, None)
        self._display.suspend()
        with self._terminal.lent():
            return self._connect(name, host)

    def _close(self, *, ended: bool) -> None:
        attachment = self._attachment
        if attachment.keeper is not None:
            attachment.keeper.close()
        attachment.channel.close()
        self._shown.leave(attachment.host, attachment.session_id, None if ended else attachment.view.position)

    def _run_attachment(self) -> AttachmentEnd:
        """Run the loop until the attachment ends; run it again after a failed SWITCH."""
        attachment = self._attachment
        attachment.handle_frames()
        while (end := attachment.end) is None:
            self._turn(attachment)
        attachment.complete(end)
        attachment.view.take_back()
        self._display.drain(_DRAIN if end.kind in (EndKind.ENDED, EndKind.LOST) else _DRAIN_AFTER_DETACH)
        return end

    def _turn(self, attachment: Attachment) -> None:
        display, terminal = self._display, self._terminal
        channel = attachment.channel
        ready = self._wait(attachment)
        if terminal.signalled or terminal.signals in ready:  # a signal may have come as the poll returned
            self._handle_signals(attachment)  # first: a new size must precede the keys typed after it
        if terminal.inbound in ready and attachment.end is None:
            self._read_keys(attachment)
        if attachment.end is not None:
            return
        display.flush()
        if channel.unsent:
            channel.send()
        if channel.connection is not None and channel.connection.inbound in ready:
            attachment.receive()
        attachment.timers.run()
        channel.confirm(len(display.queue))
        attachment.look_after_link(ready)

    def _wait(self, attachment: Attachment) -> list[int]:
        """Block until a descriptor is ready or a timer is due; return the ready descriptors."""
        terminal, channel = self._terminal, attachment.channel
        pending = len(self._display.queue)
        watched = {terminal.signals: select.POLLIN}  # a descriptor polled for no event would still report its hangup
        left = attachment.timers.wait_time()
        deadline = inf if left is None else time.monotonic() + left
        if (keeper := attachment.running_keeper) is not None:
            deadline = min(deadline, keeper.due)
            watched |= dict.fromkeys(keeper.descriptors, select.POLLIN)
        if channel.connection is None or len(channel.input.unsent) < HELD:
            watched[terminal.inbound] = select.POLLIN
        if pending:
            watched[terminal.outbound] = select.POLLOUT
        if (connection := channel.connection) is not None:
            if pending < MAX_PENDING:
                watched[connection.inbound] = select.POLLIN
            if channel.unsent:  # the same descriptor, if it is a socket
                watched[connection.outbound] = watched.get(connection.outbound, 0) | select.POLLOUT
        return descriptors.polled(watched.items(), None if deadline == inf else deadline)

    def _read_keys(self, attachment: Attachment) -> None:
        data = self._terminal.read()
        if data is None:
            return  # another process read it first
        if not data:
            attachment.leave(reason="hangup")
            return
        keys, detach = self._keys.feed(data, time.monotonic())
        attachment.handle_input(keys, then_detach=detach)
        if self._keys.holding:
            attachment.timers.set(Timer.KEY, FLUSH_DELAY, self._flush_keys)

    def _flush_keys(self) -> None:
        keys, detach = self._keys.flush()
        self._attachment.handle_input(keys, then_detach=detach)

    def _handle_signals(self, attachment: Attachment) -> None:
        terminal = self._terminal
        signals = terminal.take_signals()
        stopped = signal.SIGTSTP in signals and signals.isdisjoint(EXIT_SIGNALS)
        if stopped:
            attachment.view.suspend()
            terminal.suspend()
            signals = terminal.take_signals()
        if ending := signals.intersection(EXIT_SIGNALS):
            attachment.leave(EndKind.SIGNAL, ending.pop())
        elif stopped or signal.SIGCONT in signals:  # in an orphaned process group SIGTSTP stops nothing
            terminal.raw()
            attachment.redisplay()
        elif signal.SIGWINCH in signals:
            attachment.view.resize()


def _checked_target(attachment: Attachment, name: str, host: str | None) -> tuple[str, str | None]:
    """Return name and host of a SWITCH; a host may name only its own sessions."""
    names.check_name(name)
    if host is not None:
        names.check_host(host)
    if attachment.host is not None and host not in (None, attachment.host):
        raise UsageError(f"{attachment.host} may not switch to another host")
    return name, attachment.host or host
