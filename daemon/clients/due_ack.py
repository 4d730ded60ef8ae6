"""The ACK that is due to a client, and when it is sent."""

from __future__ import annotations

import time

from sesh import protocol

WAITS_FOR = 0.7  # seconds that an ACK waits for later ones; then it goes with the next output
ALONE_AFTER = 0.3  # seconds without a key after which an ACK is sent alone
AT_ONCE_FROM = protocol.INPUT_WINDOW >> 3  # bytes of INPUT after which an ACK is sent at once, not with later output


class DueAck:
    """The ACK that is due to a client.

    It goes with output, at most each `WAITS_FOR`, or alone in a pause of typing: a packet for each key would cost as
    much as the key, and half as many bytes again as `ssh -C` (`bench.links.wire`).
    """

    def __init__(self) -> None:
        self.number = 0  # of the last INPUT to acknowledge, 0 for none
        self._from = 0.0  # time (monotonic) from which it goes with output
        self._size = 0  # bytes of INPUT since an ACK was last sent at once

    def add(self, number: int, size: int, *, at_once: bool) -> bool:
        """Note an INPUT of `size` bytes; return whether its ACK goes at once."""
        if not self.number:
            self._from = time.monotonic() + WAITS_FOR
        self.number = number
        self._size += size
        at_once = at_once or self._size >= AT_ONCE_FROM
        if at_once:
            self._size = 0
        return at_once

    @property
    def goes_with_output(self) -> bool:
        return self.number != 0 and time.monotonic() >= self._from

    def take(self) -> int:
        number = self.number
        self.number = 0
        return number

    def take_with_output(self) -> int:
        """Return the number that goes with the next output; 0 for none."""
        return self.take() if self.goes_with_output else 0
