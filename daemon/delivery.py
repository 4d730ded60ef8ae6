"""Decides when a typed text gets its Enter, from looks at the program, one every `POLL` seconds. Pure.

Composers take a text that comes with its Enter in one read for a paste, and make a new line of the Enter. So Enter
follows alone, once the program has read the text, and its screen has changed and come to rest.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from enum import Enum, auto

from sesh.keys import PASTE, PASTE_END

POLL = 0.02  # seconds between two looks: right after a write the kernel may say that nothing is unread
STALLED = 3.0  # seconds in which a program has to read a piece, and to show something of the last one
STILL, RESTLESS = 0.1, 1.0  # seconds for which the screen is to be still; and the most that Enter waits for that
_PIECE = 1000
"""Characters typed before the program has read them: some read 1,024 bytes at a time, and the kernel counts 4,095."""


class Step(Enum):
    LOOK = auto()
    TYPE = auto()
    ENTER = auto()
    STUCK = auto()  # no Enter: the program does not read
    UNSHOWN = auto()  # no Enter: its screen has not changed


class Delivery:
    """One text on its way. `screen`: of the program before it."""

    def __init__(self, text: bytes, screen: object, *, pasted: bool) -> None:
        self.pieces = deque(_pieces(text, pasted=pasted))
        self._screen, self._changed = screen, False
        self._zeros = 2  # looks in turn that found nothing unread; after two the piece was read
        self._typed_at = self._read_at = self._shown_at = self._changed_at = 0.0
        """Times at which the last piece was typed, was read and changed the screen first, and of the last change."""

    def take(self, now: float) -> bytes:
        self._typed_at, self._zeros = now, 0
        return self.pieces.popleft()

    def look(self, now: float, unread: int, screen: object, *, runs: bool = False) -> Step:
        """Take a look, and return the next step; `unread`: in bytes. A program that `runs` just now may not have
        handled all that it has read, on a busy machine."""
        shown = self._changed_at > self._typed_at
        if shown and runs:
            self._changed_at = now
        if screen != self._screen:
            self._shown_at = self._shown_at if shown else now
            self._screen, self._changed, self._changed_at, shown = screen, True, now, True
        if self._zeros < 2:
            self._zeros, self._read_at = 0 if unread else self._zeros + 1, now
        if self._zeros < 2:
            return Step.STUCK if unread and now - self._typed_at > STALLED else Step.LOOK
        if self.pieces:
            return Step.TYPE
        if shown:
            rests = now - self._changed_at >= STILL or now - max(self._read_at, self._shown_at) >= RESTLESS
            return Step.ENTER if rests else Step.LOOK
        if now - self._read_at < STALLED:
            return Step.LOOK
        return Step.ENTER if self._changed else Step.UNSHOWN


def _pieces(text: bytes, *, pasted: bool) -> Sequence[bytes]:
    """Cut a text between characters; the marks around a paste stay whole."""
    whole = text.decode("utf-8", "surrogateescape")
    pieces = [whole[at : at + _PIECE].encode("utf-8", "surrogateescape") for at in range(0, len(whole) or 1, _PIECE)]
    if pasted:
        pieces[0] = PASTE + pieces[0]
        pieces[-1] += PASTE_END
    return pieces


def unmarked(text: bytes) -> bytes:
    """Return the text without the marks of a paste, also where the bytes around one make up another."""
    while PASTE in text or PASTE_END in text:
        text = text.replace(PASTE, b"").replace(PASTE_END, b"")
    return text
