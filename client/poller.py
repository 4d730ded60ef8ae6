"""Waits for the descriptors of an attachment."""

from __future__ import annotations

import select
import time

from sesh.client.channel import Channel
from sesh.client.display import MAX_PENDING, Display


class Poller:
    """Polls with poll(2) itself: `loop.poller` would add to the cost of an echo.

    A descriptor without interest is not registered: one that hung up would always be ready.
    """

    def __init__(self, display: Display, channel: Channel) -> None:
        self._display, self._channel = display, channel
        self._poll = select.poll()
        self._wanted: dict[int, int] = {}

    def wait(self, *, read_keys: bool, receive: bool, others: tuple[int, ...], until: float | None) -> dict[int, int]:
        """Block until `until` (monotonic) or until there is something to do; return the ready descriptors."""
        wanted = self._interest(read_keys, receive, others)
        if wanted != self._wanted:
            self._poll, self._wanted = select.poll(), wanted
            for descriptor, events in wanted.items():
                self._poll.register(descriptor, events)
        milliseconds = None if until is None else max(0.0, until - time.monotonic()) * 1000
        return dict(self._poll.poll(milliseconds))

    def _interest(self, read_keys: bool, receive: bool, others: tuple[int, ...]) -> dict[int, int]:
        terminal, connection = self._display.terminal, self._channel.connection
        wanted = dict.fromkeys((terminal.signals, *others), select.POLLIN)
        if read_keys:
            wanted[terminal.inbound] = select.POLLIN
        if self._display.pending:
            wanted[terminal.outbound] = wanted.get(terminal.outbound, 0) | select.POLLOUT
        if connection is not None and receive and self._display.pending < MAX_PENDING:
            wanted[connection.inbound] = select.POLLIN
        if connection is not None and self._channel.unsent:  # the same descriptor, if it is a socket
            wanted[connection.outbound] = wanted.get(connection.outbound, 0) | select.POLLOUT
        return wanted
