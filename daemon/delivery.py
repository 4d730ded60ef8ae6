"""Types a text at the program's pace, and decides whether Enter may follow.

An input box that reads a text and its Enter at once takes them for a paste, and inserts a newline. So Enter is typed
alone, once the program has read the text and its screen has changed and settled.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Sequence

from sesh.keys import PASTE, PASTE_END

POLL = 0.02  # seconds between two looks at the program
STALLED = 3.0  # seconds that the program has to read a piece, and to change its screen; else no Enter is typed
STILL = 0.1  # seconds without a change after which the screen has settled
RESTLESS = 1.0  # seconds after which Enter is typed although the screen still changes
_PIECE = 1000
"""Characters typed at once: some programs read 1,024 bytes at a time, and the kernel counts only 4,095 unread."""


class Delivery:
    """The delivery of one text. `screen`: the program's screen before it. `write` types bytes.

    `look` returns the number of bytes that the program has not read, its screen, and whether it is running now.
    """

    def __init__(
        self,
        text: bytes,
        screen: object,
        write: Callable[[bytes], object],
        look: Callable[[], tuple[int, object, bool]],
        *,
        pasted: bool,
    ) -> None:
        self.pieces = deque(_pieces(text, pasted=pasted))  # those that are not typed yet
        self.began_at = time.monotonic()
        self.cancelled = ""  # why nothing more may be typed
        self._screen, self._write, self._look = screen, write, look
        self._shown_at = 0.0  # when the screen first changed after the last piece, 0 if it has not
        self._changed_at = 0.0  # when it last changed, 0 for never

    def steps(self) -> Generator[float, None, str]:
        """Type the text, and wait until Enter may follow; return why it must not follow, or an empty string."""
        why = ""
        while self.pieces and not why:
            self._shown_at = 0.0
            self._write(self.pieces.popleft())
            why = yield from self._until_read()
        return why or (yield from self._until_shown())

    def rest(self) -> bytes:
        """Return what is still to be typed if no Enter follows: if cancelled, only the end of an open paste."""
        rest = b"".join(self.pieces)
        return (PASTE_END if rest.endswith(PASTE_END) else b"") if self.cancelled else rest

    def _until_read(self) -> Generator[float, None, str]:
        """Wait until the program has read the last piece; return why no Enter may follow, or an empty string.

        Two looks in a row must find no unread bytes: the kernel reports none for a moment after a write.
        """
        typed_at, empty_looks = time.monotonic(), 0
        while empty_looks < 2 and not self.cancelled:
            yield POLL
            unread = self._look_again()
            empty_looks = 0 if unread else empty_looks + 1
            if unread and time.monotonic() - typed_at > STALLED:
                return "it has not read all of the text"
        return self.cancelled

    def _until_shown(self) -> Generator[float, None, str]:
        """Wait until the screen has changed and settled; return why no Enter may follow, or an empty string."""
        read_at = time.monotonic()
        while not self.cancelled:
            now = time.monotonic()
            if self._shown_at:
                settled = now - self._changed_at >= STILL
                if settled or now - max(read_at, self._shown_at) >= RESTLESS:
                    return ""
            elif now - read_at >= STALLED:
                return "" if self._changed_at else "its screen has not changed"
            yield POLL
            self._look_again()
        return self.cancelled

    def _look_again(self) -> int:
        """Note whether the screen has changed; return the number of unread bytes."""
        unread, screen, runs = self._look()
        now = time.monotonic()
        if screen != self._screen:
            self._screen, self._changed_at = screen, now
            self._shown_at = self._shown_at or now
        elif self._shown_at and runs:  # on a busy machine, the program may not have drawn the whole text yet
            self._changed_at = now
        return unread


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
