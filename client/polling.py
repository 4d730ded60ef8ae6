"""Waiting for the next event of an attachment.

By poll(2) itself: `loop.poller`, made for the many descriptors of a daemon, would add a tenth to the cost of an echo.
"""

from __future__ import annotations

import select

from sesh.client.display import MAX_PENDING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.client.channel import Channel
    from sesh.client.display import Display
    from sesh.client.predict.predictor import Predictor
    from sesh.loop.timers import Timers

_IDLE_MS = 10
"""Quiet before the ledger follows a burst: doing so while it is shown would slow both down."""


class AttachmentPoller:
    """Waits while one connection of an attachment lasts, and catches up with output when there is nothing to do.

    A descriptor without interest is not registered: one that hung up would always be ready.
    """

    def __init__(self, display: Display, channel: Channel, timers: Timers, predictor: Predictor | None) -> None:
        self._display, self._channel, self._timers, self._predictor = display, channel, timers, predictor
        self.receives = False
        """True if the last wait was also for the daemon."""
        self._poll = select.poll().poll
        self._interest: tuple[object, ...] = ()
        self._idle = False
        """True if the last wait brought nothing."""

    def wait(self, *, read_keys: bool) -> dict[int, int]:
        """Block until there is something to do; return the descriptors that are ready, with their events."""
        channel, display, predictor = self._channel, self._display, self._predictor
        self.receives = channel.reading and display.pending < MAX_PENDING
        interest = (self.receives, read_keys, display.pending > 0, bool(channel.unsent), channel.link_descriptors)
        if interest != self._interest:
            self._poll, self._interest = self._watched(*interest).poll, interest
        if display.unread:
            ready = self._poll(0 if self._idle else _IDLE_MS)
            self._idle = not ready
            if not ready:
                display.update_ledger()
                channel.tell_got(idle=True)
                if predictor is not None and not display.unread:
                    predictor.quiet()
        elif predictor is not None and predictor.building:
            ready = self._poll(0)
            if not ready:
                predictor.build()
        else:
            display.show_own()
            left = self._timers.wait_time()
            ready = self._poll(None if left is None else left * 1000)
        return dict(ready)

    def _watched(self, receive: bool, read_keys: bool, show: bool, send: bool, link: tuple[int, ...]) -> select.poll:
        terminal, connection = self._display.terminal, self._channel.connection
        wanted = dict.fromkeys((terminal.signals, *link), select.POLLIN)
        for descriptor, events, active in (
            (connection.inbound, select.POLLIN, receive),
            (terminal.inbound, select.POLLIN, read_keys),
            (terminal.outbound, select.POLLOUT, show),
            (connection.outbound, select.POLLOUT, send),  # the same descriptor, if it is a socket
        ):
            if active:
                wanted[descriptor] = wanted.get(descriptor, 0) | events
        poll = select.poll()
        for descriptor, events in wanted.items():
            poll.register(descriptor, events)
        return poll
