"""Input that has not reached the program yet: in flight, or to be sent again over another link. Pure."""

from __future__ import annotations

from sesh import protocol

WINDOW = 256 << 10
"""Bytes of input in flight: sent and not acknowledged."""
LIMIT, HELD = 16 << 20, 1 << 20
"""Bytes of unsent input beyond which the terminal is not read; and beyond which more is dropped without a link."""
_MAX_FRAME = 64 << 10


class UnacknowledgedInput:
    """Input by number: kept until it is acknowledged, and sent again on reconnect. It returns the frames to send."""

    def __init__(self) -> None:
        self._unsent = bytearray()
        self._in_flight: list[tuple[int, bytes]] = []
        self._bytes_in_flight = 0
        self.number = 0
        """The number of the newest frame."""

    @property
    def arrived(self) -> bool:
        """True if all of it has reached the program."""
        return not (self._unsent or self._in_flight)

    @property
    def full(self) -> bool:
        """True if so much is unsent that the terminal is not to be read."""
        return len(self._unsent) >= LIMIT

    def add(self, data: bytes) -> list[bytes]:
        """Take typed bytes; return the frames to send now."""
        self._unsent += data
        return self._frames()

    def hold(self, data: bytes) -> None:
        """Take typed bytes while nothing can be sent; `resume` sends them. Drop what exceeds the limit."""
        self._unsent += data[: max(0, HELD - len(self._unsent))]

    def drop(self) -> bool:
        """Forget unsent input; return whether there was any."""
        dropped = bool(self._unsent)
        self._unsent.clear()
        return dropped

    def acknowledge(self, number: int) -> list[bytes]:
        """Forget the frames up to `number`, which have reached the program; return the frames to send now."""
        self._forget(number)
        return self._frames()

    def resume(self, last: int) -> list[bytes]:
        """Return the frames to send over a new connection, if the daemon received those up to number `last`."""
        self._forget(last)
        again = [protocol.numbered(protocol.INPUT, number, data) for number, data in self._in_flight]
        return again + self._frames()

    def _forget(self, last: int) -> None:
        arrived = 0
        while arrived < len(self._in_flight) and self._in_flight[arrived][0] <= last:
            self._bytes_in_flight -= len(self._in_flight[arrived][1])
            arrived += 1
        del self._in_flight[:arrived]

    def _frames(self) -> list[bytes]:
        frames = []
        while self._unsent and self._bytes_in_flight < WINDOW:
            data = bytes(self._unsent[: min(_MAX_FRAME, WINDOW - self._bytes_in_flight)])
            del self._unsent[: len(data)]
            self.number += 1
            self._in_flight.append((self.number, data))
            self._bytes_in_flight += len(data)
            frames.append(protocol.numbered(protocol.INPUT, self.number, data))
        return frames
