"""What was typed and has not reached the program yet: counted, kept until it is acknowledged, never sent twice."""

from __future__ import annotations

from sesh import protocol

WINDOW = 256 << 10
"""Bytes that may be on their way without an acknowledgement."""
LIMIT = 16 << 20
"""Bytes that wait behind them before the terminal is not read any more."""
_PIECE = 64 << 10


class Typed:
    """The INPUT of one client to one session. Pure: it makes frames, the attachment sends them."""

    def __init__(self) -> None:
        self._waiting = bytearray()
        self._flying: list[tuple[int, bytes]] = []
        self._in_flight = 0
        self._number = 0

    @property
    def full(self) -> bool:
        """Whether so much waits that no more is to be read."""
        return len(self._waiting) >= LIMIT

    def add(self, data: bytes) -> list[bytes]:
        """Takes what was typed; the frames that may go out now."""
        if not self._waiting and 0 < len(data) <= _PIECE and self._in_flight + len(data) <= WINDOW:
            return [self._frame(data)]
        self._waiting += data
        return self._frames()

    @property
    def waiting(self) -> int:
        """Bytes that were typed and not sent yet."""
        return len(self._waiting)

    def keep(self, data: bytes) -> None:
        """Takes what is typed while nothing can be sent; `resume` sends it."""
        self._waiting += data

    def acknowledge(self, number: int) -> list[bytes]:
        """Forgets the frames up to `number`, which have reached the program; the frames that may go out now."""
        arrived = 0
        while arrived < len(self._flying) and self._flying[arrived][0] <= number:
            self._in_flight -= len(self._flying[arrived][1])
            arrived += 1
        del self._flying[:arrived]
        return self._frames() if self._waiting else []

    def resume(self, last: int) -> list[bytes]:
        """For a new connection whose daemon has got the frames up to `last`: those that are to be sent again."""
        self._flying = [(number, data) for number, data in self._flying if number > last]
        self._in_flight = sum(len(data) for _, data in self._flying)
        again = [protocol.numbered(protocol.INPUT, number, data) for number, data in self._flying]
        return again + self._frames()

    def _frames(self) -> list[bytes]:
        frames = []
        while self._waiting and self._in_flight < WINDOW:
            data = bytes(self._waiting[: min(_PIECE, WINDOW - self._in_flight)])
            del self._waiting[: len(data)]
            frames.append(self._frame(data))
        return frames

    def _frame(self, data: bytes) -> bytes:
        self._number += 1
        self._flying.append((self._number, data))
        self._in_flight += len(data)
        return protocol.numbered(protocol.INPUT, self._number, data)
