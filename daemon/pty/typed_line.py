"""The line that was begun since the last Enter: its length, and whether a person typed in it. Keeps no keys."""

from __future__ import annotations

import time

from sesh.daemon.pty.pty import Pty
from sesh.keys import PASTE_END, PRESS, RELEASE, Key, chord_of, tokens

DRAFT_LASTS = 600.0  # seconds after which a line that a person has not entered blocks nothing any more
_LOOKED_AT = 4096  # bytes typed at once that are looked at, the last ones


def _forms(*names: str) -> frozenset[object]:
    return frozenset(form for key in map(Key.parse, names) for form in (key.sent, key.application, key.chord))


_ENDS = _forms("Enter", "C-j", "C-c", "C-u", "C-d", "C-z", "C-\\")
"""Keys that enter a line, discard it or leave its program, as bytes and as chords."""
_RECALLS = _forms("Up", "Down", "C-p", "C-n", "C-r", "C-y") | {PASTE_END}
"""Keys that put an older line there, and the end of a paste, which may have held more lines."""


class TypedLine:
    """The line before the cursor, as far as keys tell."""

    def __init__(self) -> None:
        self._length, self._drafted = 0, False
        self.typed_at = self.person_at = 0.0  # times (monotonic) at which anybody, and a person, typed last
        self._reader = 0, False  # of the last keys; lines that the kernel holds are for the next reader

    def add(self, keys: bytes, pty: Pty | None, *, attended: bool = False) -> None:
        self.typed_at = time.monotonic()
        self.person_at = self.typed_at if attended else self.person_at
        if pty is not None:
            self._length, self._reader = self.length(pty), pty.reader()
        for token, _ in tokens(keys[-_LOOKED_AT:]):
            length = _length_after(token, self._length)
            self._drafted = length > 0 and (self._drafted or (attended and length > self._length))
            self._length = length

    def length(self, pty: Pty) -> int:
        """Return how many bytes of a line the program in the foreground has; those erased count too."""
        return self._length if not self._reader[1] or self._reader == pty.reader() else 0

    def drafted(self, pty: Pty) -> bool:
        """Return whether a person has typed here and neither entered nor discarded it."""
        return self._drafted and self.length(pty) > 0 and time.monotonic() - self.person_at < DRAFT_LASTS


def _length_after(token: bytes, length: int) -> int:
    """Return the length of a line after one token of typed bytes; Escape and keys that move leave it."""
    chord, event = chord_of(token) or (None, PRESS)
    if event == RELEASE:
        return length
    if token in _ENDS or chord in _ENDS:
        return 0
    if chord is not None:
        kind, code, modifiers = chord
        writes = kind == "u" and not modifiers and 0x20 <= code < 0xE000 and code != 0x7F
    else:
        writes = token[0] >= 0x20 and token != b"\x7f"
    return length + len(token) if writes or token in _RECALLS or chord in _RECALLS else length
