"""The loop of a client: waits for terminal, daemon, link and timers, and calls the attachment."""

from __future__ import annotations

import select
import signal
import time

from sesh.client.attachment import Attachment
from sesh.client.display import MAX_PENDING
from sesh.client.keys import FLUSH_DELAY, KeyParser
from sesh.client.outcome import AttachmentEnd, EndKind
from sesh.client.terminal import EXIT_SIGNALS
from sesh.descriptors import polled

_DRAIN, _DRAIN_AFTER_DETACH = 10.0, 0.2
"""Seconds without progress after which unwritten output is dropped: after the session's end, and after any other."""


class ClientLoop:
    """Carries bytes for one attachment, with or without a link."""

    def __init__(self, attachment: Attachment) -> None:
        self.attachment, self._terminal = attachment, attachment.display.terminal
        self._keys = KeyParser(attachment.options.detach_key)

    def run(self) -> AttachmentEnd:
        """Carry bytes until the attachment ends; may be called again after a failed SWITCH.

        Raises the daemon's error, Unreachable (HELLO unanswered), ProtocolError, OSError if no descriptor is left.
        """
        attachment = self.attachment
        try:
            attachment.handle_frames()
            while True:
                self._turn()
        except AttachmentEnd as end:
            attachment.complete(end)
            attachment.view.take_back()
            attachment.display.drain(_DRAIN if end.kind in (EndKind.ENDED, EndKind.LOST) else _DRAIN_AFTER_DETACH)
            return end

    def _turn(self) -> None:
        """Wait for events, and handle them."""
        attachment, terminal, channel = self.attachment, self._terminal, self.attachment.channel
        display = attachment.display
        ready = self._wait()
        if terminal.signalled or terminal.signals in ready:  # a new size must precede the keys typed after it
            self._handle_signals()
        if terminal.inbound in ready:
            self._read_keys()
        if display.queue:
            display.flush()
        if channel.unsent:
            channel.send()
        if channel.connection is not None and channel.connection.inbound in ready:
            attachment.received()
        attachment.timers.run()
        if attachment.keeper is not None:
            channel.confirm(len(display.queue))
            attachment.look_after_link(ready)

    def _wait(self) -> list[int]:
        """Block until a descriptor is ready or a timer is due; return the ready descriptors.

        A descriptor without events is not polled, because it would still report its hangup.
        """
        attachment, terminal, channel = self.attachment, self._terminal, self.attachment.channel
        connection, pending = channel.connection, len(attachment.display.queue)
        left = attachment.timers.wait_time()
        deadlines = [] if left is None else [time.monotonic() + left]
        wanted = {terminal.signals: select.POLLIN}
        if (keeper := attachment.running_keeper) is not None:
            deadlines.append(min(keeper.due, attachment.link_line.due))
            wanted |= dict.fromkeys(keeper.descriptors, select.POLLIN)
        if not (connection and channel.input.full):
            wanted[terminal.inbound] = select.POLLIN
        if pending:
            wanted[terminal.outbound] = select.POLLOUT
        if connection is not None and pending < MAX_PENDING:
            wanted[connection.inbound] = select.POLLIN
        if connection is not None and channel.unsent:  # the same descriptor, if it is a socket
            wanted[connection.outbound] = wanted.get(connection.outbound, 0) | select.POLLOUT
        return polled(wanted.items(), min(deadlines, default=None))

    def _read_keys(self) -> None:
        attachment = self.attachment
        data = self._terminal.read()
        if data is None:
            return  # another process read it first
        if not data:
            attachment.leave(reason="hangup")
        attachment.typed(self._keys.feed(data, time.monotonic()))
        if self._keys.holding:
            attachment.timers.set("keys", FLUSH_DELAY, lambda: attachment.typed(self._keys.flush()))

    def _handle_signals(self) -> None:
        attachment, terminal = self.attachment, self._terminal
        signals = terminal.take_signals()
        stopped = signal.SIGTSTP in signals and signals.isdisjoint(EXIT_SIGNALS)
        if stopped:
            attachment.view.suspend()
            terminal.suspend()
            signals = terminal.take_signals()
        for number in signals.intersection(EXIT_SIGNALS):
            attachment.leave(EndKind.SIGNAL, number)
        if stopped or signal.SIGCONT in signals:
            terminal.raw()
            attachment.redisplay()
        elif signal.SIGWINCH in signals:
            attachment.view.resize()
