"""The bytes that wait for the terminal, and the position up to which it has been given the session's output.

A terminal that is slower than its program, or stopped, takes bytes late. What still waits when the client leaves is
dropped, so it must not count as shown: the terminal would lack it when it returns.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple


class _Piece(NamedTuple):
    """Bytes that were added together; `start`, `first`, `last` and `end` count all bytes since the queue was made."""

    start: int
    first: int  # from here on
    last: int  # and up to here bytes of the session; the others are the client's own
    end: int
    position: int  # in the session's output, once the terminal has all up to `last`
    output_from: int | None  # position of the byte at `first`; None for a screen


class TerminalQueue:
    """Sans-I/O: the caller writes `waiting` to the terminal, and calls `take` with the number of bytes taken."""

    def __init__(self) -> None:
        self.waiting = bytearray()
        self._taken = 0
        self._pieces: deque[_Piece] = deque()  # whose last byte was not taken yet
        self._given: int | None = None

    @property
    def given(self) -> int | None:
        """The position of the first byte that the terminal lacks; None before its first screen.

        Output counts byte by byte, a screen only as a whole.
        """
        if self._pieces:
            piece = self._pieces[0]
            if self._taken >= piece.last:
                return piece.position
            if piece.output_from is not None and self._taken > piece.first:
                return piece.output_from + self._taken - piece.first
        return self._given

    def add(self, data: bytes) -> None:
        """Add bytes of the client's own."""
        self.waiting += data

    def add_session(
        self, data: bytes, position: int, output_from: int | None, before: bytes = b"", after: bytes = b""
    ) -> None:
        """Add bytes of the session between bytes of the client's own.

        `position`: where the session's output goes on behind them. `output_from`: the position at which they begin, if
        they are output; None if they are a screen.
        """
        start = self._taken + len(self.waiting)
        first = start + len(before)
        last = first + len(data)
        self._pieces.append(_Piece(start, first, last, last + len(after), position, output_from))
        self.waiting += before + data + after
        if not self.waiting:
            self.take(0)  # a piece without bytes is given at once

    def take(self, count: int) -> None:
        """Drop the first `count` bytes: the terminal has them."""
        del self.waiting[:count]
        self._taken += count
        while self._pieces and self._pieces[0].end <= self._taken:
            self._given = self._pieces.popleft().position

    def drop_later(self) -> None:
        """Drop all but the rest of a piece of which the terminal has a part.

        The daemon knows exactly which lines a terminal lacks that stands between two pieces.
        """
        begun = self._pieces[0] if self._pieces and self._pieces[0].start < self._taken else None
        if begun is None:
            self.drop()
        else:
            self._pieces = deque([begun])
            del self.waiting[begun.end - self._taken :]

    def drop(self) -> None:
        """Drop all bytes that wait."""
        self._given = self.given
        self._pieces.clear()
        self.waiting.clear()
