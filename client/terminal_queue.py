"""The bytes that wait for the terminal, and the position up to which it has been given the session's output.

A terminal that is slower than its program, or stopped, takes bytes late. What still waits when the client leaves is
dropped, so it must not count as shown: the terminal would lack it when it returns.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple


class Given(NamedTuple):
    """What a terminal has been given of the session's output.

    `position`: of the first byte that it lacks. `size`: bytes of the frame of which it has a part; so many `lines` end
    in them. The daemon knows what a terminal shows between two frames, not within one.
    """

    position: int
    size: int = 0
    lines: int = 0

    @property
    def whole_frames(self) -> int:
        """The position at which the last frame ends that the terminal has as a whole."""
        return self.position - self.size


class Own(NamedTuple):
    """Bytes of the client's own within the session's: queries, before what changes their reply; no newline."""

    at: int = 0  # the index in the session's bytes
    data: bytes = b""

    def within(self, session: bytes) -> bytes:
        """Return the session's bytes with these among them."""
        return session[: self.at] + self.data + session[self.at :] if self.data else session

    def before(self, count: int) -> int:
        """Return how many of the first `count` bytes of `within` are these."""
        return min(len(self.data), max(0, count - self.at))


_NO_OWN = Own()


class _Piece(NamedTuple):
    """Bytes that were added together; `start`, `first`, `last` and `end` count all bytes since the queue was made."""

    start: int
    first: int  # from here on
    last: int  # and up to here bytes of the session; the others are the client's own
    end: int
    position: int  # in the session's output, once the terminal has all up to `last`
    output_from: int | None  # position of the byte at `first`; None for a screen
    own: Own
    frame_from: int  # position at which the frame begins; before it may be the rest of a character


class TerminalQueue:
    """Sans-I/O: the caller writes `waiting` to the terminal, and calls `take` with the number of bytes taken."""

    def __init__(self) -> None:
        self.waiting = bytearray()
        self._taken = 0
        self._pieces: deque[_Piece] = deque()  # whose last byte was not taken yet
        self._given: Given | None = None
        self._lines = 0  # that end in what the terminal has of the first piece, if it is output

    @property
    def given(self) -> Given | None:
        """What the terminal has; None before its first screen.

        Output counts byte by byte, a screen only as a whole.
        """
        if self._pieces:
            piece = self._pieces[0]
            if self._taken >= piece.last:
                return Given(piece.position)
            if piece.output_from is not None and self._taken > piece.first:
                taken = self._taken - piece.first
                position = piece.output_from + taken - piece.own.before(taken)
                return Given(position, max(0, position - piece.frame_from), self._lines)
        return self._given

    def add(self, data: bytes) -> None:
        """Add bytes of the client's own."""
        self.waiting += data

    def add_session(
        self,
        data: bytes,
        position: int,
        output_from: int | None,
        before: bytes = b"",
        after: bytes = b"",
        *,
        rest: int = 0,
        own: Own = _NO_OWN,
    ) -> None:
        """Add bytes of the session between bytes of the client's own.

        `position`: where the session's output goes on behind them. `output_from`: the position at which they begin, if
        they are output; None if they are a screen. `rest`: how many of them belong to the frame before. `own`: goes
        among them.
        """
        start = self._taken + len(self.waiting)
        first = start + len(before)
        last = first + len(data) + len(own.data)
        frame_from = position if output_from is None else output_from + rest
        self._pieces.append(_Piece(start, first, last, last + len(after), position, output_from, own, frame_from))
        self.waiting += before + own.within(data) + after
        if not self.waiting:
            self.take(0)  # a piece without bytes is given at once

    def take(self, count: int) -> None:
        """Drop the first `count` bytes: the terminal has them."""
        before = self._taken
        self._taken += count
        while self._pieces and self._pieces[0].end <= self._taken:
            self._given = Given(self._pieces.popleft().position)
            self._lines = 0
        if self._pieces and self._pieces[0].output_from is not None:
            first, last = max(self._pieces[0].first, before), min(self._pieces[0].last, self._taken)
            self._lines += self.waiting.count(b"\n", first - before, last - before) if first < last else 0
        del self.waiting[:count]

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
