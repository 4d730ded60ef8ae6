"""Whether a line was begun since the last Enter, and whether a person typed it. The keys are not kept."""

from __future__ import annotations

import time
from enum import Enum, auto

from sesh import typed
from sesh.daemon.pty.pty import Pty
from sesh.keynames import Key

DRAFT_LASTS = 600.0
"""Seconds after which what a person has typed without Enter keeps nothing back any more."""
_LOOKED_AT = 4096
"""Bytes typed at once that are looked at, the last ones."""


def _forms(*names: str) -> frozenset[object]:
    return frozenset(form for key in map(Key.parse, names) for form in (key.sent, key.application, key.chord))


_ENDS = _forms("Enter", "C-j", "C-c", "C-u", "C-d", "C-z", "C-\\")
"""Keys that enter a line, discard it or leave its program, as bytes and as chords."""
_RECALLS = _forms("Up", "Down", "C-p", "C-n", "C-r", "C-y")
"""Keys that put an older line there."""


class Effect(Enum):
    """What a key does to the line."""

    NOTHING = auto()
    WRITES = auto()
    ENDS = auto()


class TypedLine:
    """The line before the cursor, as far as keys tell: one flag, and when a person typed last."""

    def __init__(self) -> None:
        self.begun = False
        self.typed_at = self.attended_at = 0.0
        """Times (monotonic) at which anybody, and an attached person, typed last."""
        self.person_at = 0.0
        """Time (monotonic) at which an attached person typed last without an Enter since; 0 if none did."""
        self.group: int | None = None
        """The foreground process group that got the last keys; None if nothing was ever typed."""
        self.raw = False
        """True if it got each key at once. What the kernel held for lines is there for whoever reads next."""

    def add(self, keys: bytes, pty: Pty | None, *, attended: bool = False) -> None:
        """Note typed keys. `attended`: by an attached person."""
        self.typed_at = time.monotonic()
        self.attended_at = self.typed_at if attended else self.attended_at
        group, raw = pty.reader() if pty is not None else (0, False)
        if self.raw and (group, raw) != (self.group, self.raw):
            self.begun, self.person_at = False, 0.0  # another program's line
        self.group, self.raw = group, raw
        for token, _ in typed.tokens(keys[-_LOOKED_AT:]):
            does = effect(token)
            if does is Effect.WRITES:
                self.begun = True
                self.person_at = self.typed_at if attended else self.person_at
            elif does is Effect.ENDS:
                self.begun, self.person_at = False, 0.0

    def unfinished(self, pty: Pty) -> bool:
        """Tell whether the program in the foreground has part of a line."""
        return self.begun and self._stands(pty)

    def drafted(self, pty: Pty) -> bool:
        """Tell whether a person has typed there and neither entered nor discarded it."""
        return self.person_at > 0 and time.monotonic() - self.person_at < DRAFT_LASTS and self._stands(pty)

    def _stands(self, pty: Pty) -> bool:
        return not self.raw or (self.group, self.raw) == pty.reader()


def effect(token: bytes) -> Effect:
    """Tell what one token of typed bytes does to the line; Escape and keys that move do nothing."""
    chord, event = typed.chord(token) or (None, typed.PRESS)
    if event == typed.RELEASE:
        return Effect.NOTHING
    if token in _ENDS or chord in _ENDS:
        return Effect.ENDS
    if token in _RECALLS or chord in _RECALLS or token == typed.PASTE_END:
        return Effect.WRITES
    if chord is not None:
        kind, code, modifiers = chord
        writes = kind == "u" and not modifiers and 0x20 <= code < 0xE000 and code != 0x7F
    else:
        writes = token[0] >= 0x20 and token != b"\x7f"
    return Effect.WRITES if writes else Effect.NOTHING
