"""Tracks the unfinished input line: its length and its author; no keys are kept."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

from sesh.daemon.pty.pty import Pty
from sesh.text.keys import PASTE_END, PRESS, RELEASE, Key, chord_of, is_report, matches, tokens

DRAFT_LASTS = 600.0  # seconds after the last key until a person's unfinished line is ignored
_MAX_BYTES = 4096  # the last bytes of one input that are parsed
_ESCAPE = Key.parse("Escape")
_ENDS = [*map(Key.parse, ("Enter", "C-j", "C-c", "C-u", "C-d", "C-z", "C-\\"))]  # they enter or discard the line
_RECALLS = [*map(Key.parse, ("Up", "Down", "C-p", "C-n", "C-r", "C-y"))]  # they may insert text


@dataclass
class InputLine:
    """The unfinished line, estimated from keys."""

    estimate: int = 0  # its length in bytes, erased ones included
    drafted_at: Optional[float] = None  # time (monotonic) of a person's last key in it; None if no person has typed it
    input_at: float = 0.0  # time (monotonic) of the last key that was pressed, or text
    group: int = 0  # the foreground's process group at the last keys
    raw: bool = False  # the terminal was in raw mode when the line began
    sent_at: Optional[int] = None  # the log's head when a request last typed
    escaped: bool = False  # Escape was typed since the line began: perhaps vi's command mode, or half of a key
    entered_at: Optional[float] = None  # time (monotonic) of an Enter; None once it was seen that it is read

    def note_reader(self, pty: Pty) -> None:
        """Note who will read the next keys, before they are typed."""
        group = pty.foreground()
        if self.raw and group != self.group:
            self.estimate = 0
            self.escaped = False
        self.group = group
        if not self.estimate:
            self.raw = pty.raw()
            self.drafted_at = None

    def add(self, keys: bytes, *, drafts: bool = False) -> None:
        """Note typed keys. `drafts`: they make the line a person's draft."""
        now = time.monotonic()
        for key, _ in tokens(keys[-_MAX_BYTES:]):
            if key[0] == 0x1B and _is_silent(key):
                continue
            self.input_at = now
            length = _length_after(key, self.estimate)
            if key[0] < 0x20:
                self.escaped = _is_one(key, [_ESCAPE]) or (self.escaped and not _is_one(key, _ENDS))
            if not length:
                self.drafted_at = None
            elif drafts and (length > self.estimate or self.drafted_at is not None):
                self.drafted_at = self.input_at
            self.estimate = length

    def length(self, pty: Pty) -> int:
        """Return the length in bytes; 0 if a raw terminal's reader has changed since."""
        return self.estimate if self._has_reader(pty) else 0

    def is_escaped(self, pty: Pty) -> bool:
        """Return whether Escape was typed, and may still count for the reader: it is in vi's command mode, say."""
        return self.escaped and self._has_reader(pty)

    def _has_reader(self, pty: Pty) -> bool:
        return not self.raw or self.group == pty.foreground()

    def drafted(self, pty: Pty) -> bool:
        """Return whether a person has typed in the line, and lately."""
        lately = self.drafted_at is not None and time.monotonic() - self.drafted_at < DRAFT_LASTS
        return lately and self.length(pty) > 0


def _is_silent(key: bytes) -> bool:
    """Return whether nobody types this: a key is let go, or the terminal reports something."""
    return key[:2] == b"\x1b[" and ((chord_of(key) or (None, PRESS))[1] == RELEASE or is_report(key))


def _is_one(key: bytes, keys: Sequence[Key]) -> bool:
    chord, _ = chord_of(key) or (None, PRESS)
    return any(matches(each, key, chord) for each in keys)


def _length_after(key: bytes, length: int) -> int:
    """Return the line's length after one key; cursor keys do not change it."""
    if key[0] >= 0x20:
        return length if key == b"\x7f" else length + len(key)
    if _is_one(key, _ENDS):
        return 0
    chord, _ = chord_of(key) or (None, PRESS)
    kind, code, modifiers = chord or ("", 0, 0)
    writes = kind == "u" and not modifiers and 0x20 <= code < 0xE000 and code != 0x7F
    writes = writes or key == PASTE_END or _is_one(key, _RECALLS)
    return length + len(key) if writes else length
