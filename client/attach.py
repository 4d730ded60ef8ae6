"""Attaching: take over the terminal, run the attachment, restore the terminal."""

from __future__ import annotations

import os
import select
import signal
import time
from math import inf
from typing import TYPE_CHECKING

from sesh import descriptors, wire
from sesh.client.attachment import Attachment
from sesh.client.attachment_end import AttachmentEnd, EndKind
from sesh.client.channel import MAX_UNFRAMED_INPUT
from sesh.client.display import MAX_PENDING, Display
from sesh.client.keys import FLUSH_DELAY, KeyParser
from sesh.client.options import AttachOptions, terminal_hello
from sesh.client.shown import Shown
from sesh.client.terminal import EXIT_SIGNALS, RawTerminal
from sesh.errors import SIGNAL_BASE, ExitCode
from sesh.messages import Hello

if TYPE_CHECKING:
    from sesh.link.keeper import LinkKeeper

_DRAIN_TIMEOUT = 10.0
"""If the terminal takes no byte for so many seconds, the client drops the unwritten output and leaves."""
_DRAIN_TIMEOUT_AFTER_DETACH = 0.2  # takes the place of `_DRAIN_TIMEOUT` if the session goes on


def attach(
    connection: wire.Connection, keeper: LinkKeeper | None, name: str, *, host: str | None, options: AttachOptions
) -> AttachmentEnd:
    """Attach the terminal on descriptors 0 and 1 to a session; print the closing line.

    `connection`: a new one, over which at most `first_hello` was sent; the client closes it. `keeper`: of the link to
    `host`. Raises Refused without a terminal, Unreachable without a WELCOME, ProtocolError, OSError if no descriptor is
    left, and the error with which the daemon refuses HELLO.
    """
    # A second Ctrl-\ while the client leaves must not kill it.
    interrupts = signal.signal(signal.SIGQUIT, signal.SIG_IGN)
    with connection, RawTerminal() as terminal:
        end = _Client(Attachment(Display(terminal), connection, keeper, name, host, options)).run()
    if end.kind is EndKind.SWITCH:
        signal.signal(signal.SIGQUIT, interrupts)  # while the next session is connected to
    return end


def first_hello(host: str, options: AttachOptions) -> Hello:
    """Return this terminal's HELLO, to send in one write with a request to `host`."""
    terminal = RawTerminal()
    seen = Shown(terminal.path()).positions(host)
    return terminal_hello(terminal, options, host, {"client": os.urandom(8).hex(), "seen": seen})


class _Client:
    """The loop of one attachment."""

    def __init__(self, attachment: Attachment) -> None:
        self._attachment = attachment
        self._display = attachment.display
        self._terminal = attachment.display.terminal
        self._keys = KeyParser(attachment.options.detach_key)

    def run(self) -> AttachmentEnd:
        """Run the loop until the attachment ends; reset the terminal even after an error."""
        attachment, display = self._attachment, self._display
        line = ""
        try:
            attachment.handle_frames()
            while (end := attachment.end) is None:
                self._run_once()
            self._complete(end)
            attachment.view.withdraw_guesses()
            is_over = end.kind in (EndKind.ENDED, EndKind.LOST)
            display.drain(_DRAIN_TIMEOUT if is_over else _DRAIN_TIMEOUT_AFTER_DETACH)
            line = end.line
        finally:
            display.leave(line, attachment.last_message)
            attachment.close()
        return end

    def _complete(self, end: AttachmentEnd) -> None:
        """Add to the end what is known of link and program."""
        attachment, options = self._attachment, self._attachment.options
        keeper, message = attachment.keeper, attachment.last_message
        if not attachment.session_id and end.kind in (EndKind.DETACHED, EndKind.SIGNAL):
            end.code = end.code or ExitCode.INTERRUPTED
            end.line = f"{end.detached} before its daemon answered"
            return
        end.add_way_back(options.words_for(end.name), options.waiting, message)
        if keeper is not None:
            confirmed = keeper.up and (not attachment.leaving or message)
            if not (confirmed or attachment.channel.input.arrived):
                end.line += "; keys typed last may not have arrived"

    def _run_once(self) -> None:
        attachment, display = self._attachment, self._display
        terminal = self._terminal
        channel = attachment.channel
        ready = self._poll()
        if signals := terminal.take_signals():  # a signal may have come as the poll returned
            self._handle_signals(signals)  # first: the daemon must get a new size before later keys
        if terminal.inbound in ready and attachment.end is None:
            self._read_keys()
        if attachment.end is not None:
            return
        if display.queue:
            display.flush()
        if channel.unwritten:
            channel.send()
        if channel.connection is not None and channel.connection.inbound in ready:
            attachment.receive()
        attachment.timers.run()
        if attachment.keeper is not None:
            channel.acknowledge_output(len(display.queue))
            attachment.run_keeper(ready)

    def _poll(self) -> list[int]:
        """Block until a descriptor is ready or a timer is due; return the ready descriptors."""
        attachment, terminal = self._attachment, self._terminal
        channel = attachment.channel
        pending = len(self._display.queue)
        watched = {terminal.signals: select.POLLIN}  # a descriptor polled for no event would still report its hangup
        timeout = attachment.timers.wait_time()
        deadline = inf if timeout is None else time.monotonic() + timeout
        if (keeper := attachment.running_keeper) is not None:
            deadline = min(deadline, keeper.due)
            watched |= dict.fromkeys(keeper.descriptors, select.POLLIN)
        if channel.connection is None or len(channel.input.unframed) < MAX_UNFRAMED_INPUT:
            watched[terminal.inbound] = select.POLLIN
        if pending:
            watched[terminal.outbound] = select.POLLOUT
        if (connection := channel.connection) is not None:
            if pending < MAX_PENDING:
                watched[connection.inbound] = select.POLLIN
            if channel.unwritten:  # `inbound` and `outbound` of a socket are the same
                watched[connection.outbound] = watched.get(connection.outbound, 0) | select.POLLOUT
        return descriptors.polled(watched.items(), None if deadline == inf else deadline)

    def _read_keys(self) -> None:
        attachment = self._attachment
        data = self._terminal.read()
        if data is None:
            return  # another process has read the input
        if not data:
            attachment.finish()
            return
        attachment.handle_input(self._keys.feed(data, time.monotonic()))
        if self._keys.holding:
            attachment.timers.set(self._flush_keys, FLUSH_DELAY)

    def _flush_keys(self) -> None:
        self._attachment.handle_input(self._keys.flush())

    def _handle_signals(self, signals: set[int]) -> None:
        attachment, terminal = self._attachment, self._terminal
        if ending := signals.intersection(EXIT_SIGNALS):
            attachment.finish(EndKind.SIGNAL, SIGNAL_BASE + ending.pop())
        elif signal.SIGTSTP in signals:
            attachment.view.suspend()
            terminal.suspend()
            attachment.redisplay()
        elif signal.SIGCONT in signals:
            terminal.raw()
            attachment.redisplay()
        elif signal.SIGWINCH in signals:
            attachment.view.resize()
