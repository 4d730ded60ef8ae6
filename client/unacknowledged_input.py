"""Input that has not reached the program yet: in flight, or to be sent again over another link."""

from __future__ import annotations

from sesh import protocol
from sesh.typed import has_keys

WINDOW = 256 << 10
"""Bytes of input in flight: sent and not acknowledged."""
LIMIT = 16 << 20
"""Bytes of unsent input before the terminal is not read any more, or input is dropped if nothing can be sent."""
GAP = 1.0
"""Seconds without a key after which typed bytes no longer belong to dropped input."""
_MAX_FRAME = 64 << 10


class UnacknowledgedInput:
    """Input that has not reached the program yet: numbered, kept until it is acknowledged, sent again on reconnect.

    Pure: it makes INPUT frames, and the attachment sends them.
    """

    def __init__(self) -> None:
        self._unsent = bytearray()
        self._in_flight: list[tuple[int, bytes]] = []
        self._bytes_in_flight = 0
        self.number = 0
        """The number of the newest frame."""
        self.dropping = False
        """True if input was dropped, and so is all behind it: without the lost bytes it may mean something else."""
        self._dropped_at = 0.0

    @property
    def fate(self) -> str:
        """What becomes of it if nothing is sent any more, in words; empty if no key is left."""
        sent = b"".join(data for _, data in self._in_flight)
        if has_keys(sent):
            return "may or may not arrive"
        return "was not delivered" if self.dropping or has_keys(bytes(self._unsent)) else ""

    @property
    def full(self) -> bool:
        """True if so much is unsent that the terminal is not to be read."""
        return len(self._unsent) >= LIMIT

    def add(self, data: bytes) -> list[bytes]:
        """Take typed bytes; return the frames to send now."""
        if self._unsent or not 0 < len(data) <= min(_MAX_FRAME, WINDOW - self._bytes_in_flight):
            self._unsent += data
            return self._frames()
        return [self._frame(data)]

    def hold(self, data: bytes, now: float) -> None:
        """Take typed bytes while nothing can be sent; `resume` sends them. Drop them, and all that follow, if full.

        `now`: that of time.monotonic.
        """
        self.dropping = self.dropping or self.full
        if self.dropping:
            self._dropped_at = now
        else:
            self._unsent += data

    def drops(self, now: float) -> bool:
        """Return whether input typed now is dropped too, as it follows dropped input by less than `GAP`."""
        self.dropping = self.dropping and now < self._dropped_at + GAP
        self._dropped_at = now
        return self.dropping

    def drop(self) -> bool:
        """Forget unsent input; return whether there was any."""
        dropped = bool(self._unsent) or self.dropping
        self._unsent.clear()
        self.dropping = False
        return dropped

    def acknowledge(self, number: int) -> list[bytes]:
        """Forget the frames up to `number`, which have reached the program; return the frames to send now."""
        arrived = 0
        while arrived < len(self._in_flight) and self._in_flight[arrived][0] <= number:
            self._bytes_in_flight -= len(self._in_flight[arrived][1])
            arrived += 1
        del self._in_flight[:arrived]
        return self._frames() if self._unsent else []

    def resume(self, last: int, now: float) -> list[bytes]:
        """Return the frames to send over a new connection, if the daemon received those up to number `last`."""
        self._dropped_at = now
        self._in_flight = [(number, data) for number, data in self._in_flight if number > last]
        self._bytes_in_flight = sum(len(data) for _, data in self._in_flight)
        again = [protocol.numbered(protocol.INPUT, number, data) for number, data in self._in_flight]
        return again + self._frames()

    def _frames(self) -> list[bytes]:
        frames = []
        while self._unsent and self._bytes_in_flight < WINDOW:
            data = bytes(self._unsent[: min(_MAX_FRAME, WINDOW - self._bytes_in_flight)])
            del self._unsent[: len(data)]
            frames.append(self._frame(data))
        return frames

    def _frame(self, data: bytes) -> bytes:
        self.number += 1
        self._in_flight.append((self.number, data))
        self._bytes_in_flight += len(data)
        return protocol.numbered(protocol.INPUT, self.number, data)
