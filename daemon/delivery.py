"""Types a text at the program's pace, and decides whether Enter may follow.

An input box that reads a text and its Enter at once takes them for a paste, and inserts a newline. So Enter is typed
alone, once the program has read the text and its screen has changed and settled.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Generator, Sequence

from sesh.daemon.pty import reads
from sesh.daemon.pty.pty import Pty
from sesh.daemon.session import Session
from sesh.keys import PASTE, PASTE_END

POLL = 0.02  # seconds between two looks at the program
STALLED = 3.0  # seconds that the program has to read a piece, and to change its screen; else no Enter is typed
STILL = 0.1  # seconds without a change after which the screen has settled
RESTLESS = 1.0  # seconds after which Enter is typed although the screen still changes
_PIECE = 1000
"""Characters typed at once: some programs read 1,024 bytes at a time, and the kernel counts only 4,095 unread."""


class Delivery:
    """A text and the Enter after it, on their way to the program."""

    def __init__(self, session: Session, pty: Pty, text: bytes, *, pasted: bool) -> None:
        self._session = session
        self._pump = session.pump
        self._pty = pty
        self._reader = pty.input_reader()
        self._question = session.activity.declared_question
        self._shown = self._screen()  # at the last look
        self._pieces = deque(_pieces(text, pasted=pasted))  # those that are not typed yet
        self._input_at = session.activity.input_at  # a later input means that somebody has typed
        self._answered_at: float | None = None  # when the screen first changed after the last piece
        self._changed_at: float | None = None  # when the screen last changed

    def steps(self) -> Generator[float, None, str]:
        """Type the text, then Enter if it may follow; return what is missing and why."""
        why = ""
        while self._pieces and not why:
            self._answered_at = None
            self._pump.type(self._pieces.popleft())
            why = yield from self._until_read()
        why = why or (yield from self._until_shown())
        if not why:
            self._session.activity.note_input(b"\r")
            self._pump.type(b"\r")
            return ""
        if not self._pieces:
            return f"{why}, so there was no Enter"
        if self._pieces[-1].endswith(PASTE_END) and self._pty.input_reader() == self._reader:
            self._pump.type(PASTE_END)  # the paste must not stay open
        return f"{why}, so the rest of the text was not typed"

    def _until_read(self) -> Generator[float, None, str]:
        """Wait until the last piece is read; return why nothing may follow, else empty."""
        # Two looks in a row must find no unread bytes: the kernel reports none for a moment after a write.
        typed_at = time.monotonic()
        empty_looks = 0
        while empty_looks < 2:
            yield POLL
            self._look()
            unread = self._pump.unread
            empty_looks = 0 if unread else empty_looks + 1
            if why := self._obstacle():
                return why
            if unread and time.monotonic() - typed_at > STALLED:
                return "it has not read all of the text"
        return ""

    def _until_shown(self) -> Generator[float, None, str]:
        """Wait until the changed screen has settled; return why no Enter may follow, else empty."""
        read_at = time.monotonic()
        while not (why := self._obstacle()):
            now = time.monotonic()
            if self._answered_at is not None and self._changed_at is not None:
                settled = now - self._changed_at >= STILL
                restless = now - max(read_at, self._answered_at) >= RESTLESS
                if settled or restless:
                    return ""
            elif now - read_at >= STALLED:
                return "its screen has not changed" if self._changed_at is None else ""
            yield POLL
            self._look()
        return why

    def _look(self) -> None:
        """Note changes of the screen."""
        shown = self._screen()
        now = time.monotonic()
        if shown != self._shown:
            self._shown = shown
            self._changed_at = now
            self._answered_at = self._answered_at or now
        elif self._answered_at is not None and reads.runs(self._reader[0], self._session.facts.pid):
            self._changed_at = now  # on a busy machine, it may not have drawn the whole text yet

    def _screen(self) -> tuple[list[str], tuple[int, int]]:
        """Return the text of the screen's rows, and the cursor."""
        if not self._pump.paused:
            self._pump.read_output()  # on a busy machine, the poll may lag behind the program's output
        self._session.model.catch_up()
        emulator = self._session.model.emulator
        return emulator.text(), emulator.cursor

    def _obstacle(self) -> str:
        """Return why the program takes no more of this text now; empty if it does."""
        before = self._question
        asks = self._session.activity.declared_question
        if not self._session.life.running:
            return "it has ended"
        if self._session.activity.input_at != self._input_at:
            return "somebody typed meanwhile"
        if asks is not None and (before is None or asks.since != before.since):
            return "it asks something now"
        return "" if self._pty.input_reader() == self._reader else "another program reads the terminal now"


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
    """Return the text without paste markers; a removal may form another one."""
    while PASTE in text or PASTE_END in text:
        text = text.replace(PASTE, b"").replace(PASTE_END, b"")
    return text
