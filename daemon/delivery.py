"""Decides when a typed text gets its Enter, by polling the program every `POLL` seconds. Pure.

An input box that reads a text and its Enter at once takes them for a paste, and inserts a newline. So Enter is typed
alone, once the program has read the text and its screen has changed and settled.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from enum import Enum, auto

from sesh.keys import PASTE, PASTE_END

POLL = 0.02  # seconds between polls
STALLED = 3.0  # seconds that the program has to read a piece, and to change its screen; else no Enter is typed
STILL = 0.1  # seconds without a change after which the screen has settled
RESTLESS = 1.0  # seconds after which Enter is typed although the screen still changes
_PIECE = 1000
"""Characters typed at once: some programs read 1,024 bytes at a time, and the kernel counts only 4,095 unread."""


class Step(Enum):
    WAIT = auto()
    TYPE = auto()
    ENTER = auto()
    STUCK = auto()  # no Enter: the program does not read
    UNSHOWN = auto()  # no Enter: its screen has not changed


class Delivery:
    """The delivery of one text. `screen`: the program's screen before it."""

    def __init__(self, text: bytes, screen: object, *, pasted: bool) -> None:
        self.pieces = deque(_pieces(text, pasted=pasted))
        self._screen = screen
        # Successive polls without unread bytes. Two mean that the piece was read: the first may come too early, as the
        # kernel reports no unread bytes for a moment after a write.
        self._empty_polls = 2
        self._typed_at = self._read_at = self._shown_at = 0.0  # when the last piece was typed, read, and first shown
        self._changed_at = 0.0  # when the screen last changed, 0 for never

    def take(self, now: float) -> bytes:
        self._typed_at, self._empty_polls = now, 0
        return self.pieces.popleft()

    def next_step(self, now: float, unread: int, screen: object, *, busy: bool = False) -> Step:
        """Return the next step. `unread`: bytes that the program has not read. `busy`: the program is running now."""
        self._look(now, screen, busy=busy)
        if self._empty_polls < 2:
            self._empty_polls = 0 if unread else self._empty_polls + 1
            self._read_at = now
        if self._empty_polls < 2:
            return Step.STUCK if unread and now - self._typed_at > STALLED else Step.WAIT
        if self.pieces:
            return Step.TYPE
        if self._shown:
            settled = now - self._changed_at >= STILL
            too_long = now - max(self._read_at, self._shown_at) >= RESTLESS
            return Step.ENTER if settled or too_long else Step.WAIT
        if now - self._read_at < STALLED:
            return Step.WAIT
        return Step.ENTER if self._changed_at else Step.UNSHOWN

    @property
    def _shown(self) -> bool:
        return self._changed_at > self._typed_at

    def _look(self, now: float, screen: object, *, busy: bool) -> None:
        """Note whether the screen has changed."""
        if screen != self._screen:
            if not self._shown:
                self._shown_at = now
            self._screen, self._changed_at = screen, now
        elif self._shown and busy:  # on a busy machine, the program may not have drawn the whole text yet
            self._changed_at = now


def _pieces(text: bytes, *, pasted: bool) -> Sequence[bytes]:
    """Split a text between characters; never split the paste markers."""
    decoded = text.decode("utf-8", "surrogateescape")
    starts = range(0, max(1, len(decoded)), _PIECE)
    pieces = [decoded[start : start + _PIECE].encode("utf-8", "surrogateescape") for start in starts]
    if pasted:
        pieces[0] = PASTE + pieces[0]
        pieces[-1] += PASTE_END
    return pieces


def unmarked(text: bytes) -> bytes:
    """Return the text without paste markers. Repeat, because the bytes around a removed marker may form another."""
    while PASTE in text or PASTE_END in text:
        text = text.replace(PASTE, b"").replace(PASTE_END, b"")
    return text
