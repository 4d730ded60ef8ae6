"""The line that somebody types at a prompt: counted from the keys, and taken for ended where the prompt stands bare."""

from __future__ import annotations

import time

from sesh import typed
from sesh.daemon.pty.pty import Pty
from sesh.keynames import CTRL
from sesh.typed import PASTE, PASTE_END
from sesh.vt.emulator import Emulator

LONGEST_PROMPT = 2048
"""Bytes of the last row of a prompt that are looked at."""
_MOST_PROMPTS = 4
"""Prompts that are known, the last different ones: a line is typed at those of a shell and of its commands in turn."""
_LONGEST_LINE = 4096
"""Bytes typed at once that are counted, the last ones."""
_LINE_ENDS = frozenset(b"\r\n\x03\x15")  # Enter, Ctrl-J, Ctrl-C, Ctrl-U
_FLUSHES = frozenset(b"\x04\x1a\x1c")
"""Ctrl-D, Ctrl-Z, Ctrl-\\: the kernel hands over or drops what it holds of a line, if the program reads lines."""
_ERASES = frozenset(b"\x7f\x08")
_RECALLS = frozenset(b"\x0e\x10\x12\x19")  # Ctrl-N, Ctrl-P, Ctrl-R, Ctrl-Y
_ESCAPE = "u", 27, 0
_ENDS = frozenset({("u", 13, 0), ("u", 99, CTRL), ("u", 117, CTRL), _ESCAPE})
"""Enter, Ctrl-C, Ctrl-U, Escape in the form of kitty's keyboard protocol."""
_DRAFT_LASTS = 600.0
"""Seconds after which a text that nobody enters is no draft any more."""
_CONTINUATIONS = bytes(range(0x80, 0xC0))
"""The bytes behind the first one of a character in UTF-8; the program erases them all at once."""


def draws_prompt(row: bytes, prompt: bytes, columns: int, rows: int) -> bool:
    """Returns whether a row's output shows what the prompt's did, with the cursor in the same place."""
    return row == prompt or _drawn(row, columns, rows) == _drawn(prompt, columns, rows)


def _drawn(output: bytes, columns: int, rows: int) -> tuple[list[str], tuple[int, int]]:
    emulator = Emulator(columns, rows, max_lines=0)
    emulator.feed(output)
    return emulator.text(), emulator.cursor


class TypedLine:
    """The number of characters typed since the last Enter, counted from the keys, which are not kept."""

    STATE = "_foreground", "_pasting", "_raw", "drafted_at", "length"
    """The attributes that outlive a reload."""
    __slots__ = (*STATE, "prompts")

    def __init__(self) -> None:
        self.length = 0
        self.drafted_at = 0.0
        """Time (monotonic) at which an attached person typed the last of these; 0 if none did."""
        self.prompts: tuple[bytes, ...] = ()
        """What stood in the cursor's row when lines were begun."""
        self._pasting = False
        self._raw = False
        self._foreground = 0

    def begin_after(self, row: bytes) -> None:
        """Notes the output in the cursor's row, behind which a line is going to be typed."""
        if row and self.prompts[-1:] != (row,):
            self.prompts = (*(prompt for prompt in self.prompts if prompt != row), row)[-_MOST_PROMPTS:]

    def end(self) -> None:
        """Takes the line for ended."""
        self.length, self.drafted_at = 0, 0.0

    def add(self, data: bytes, pty: Pty | None, *, attended: bool = False) -> None:
        """Counts typed keys. Those that a raw program took are not part of the next program's line."""
        reader = None
        if self.length and self._raw and pty is not None:
            reader = pty.reader()
            if self._foreground != reader[0]:
                self.length = 0
        if self.length and pty is not None and not _FLUSHES.isdisjoint(data):
            self._raw = pty.raw()
        if len(data) == 1 and 0x20 <= data[0] < 0x7F:
            self.length += 1
            self.drafted_at = time.monotonic() if attended else self.drafted_at
        else:
            self.length = self._count(data[-_LONGEST_LINE:].translate(None, _CONTINUATIONS), attended=attended)
        if not self.length and not self.drafted_at:
            self._raw = False  # nothing is left to read: the terminal need not be asked
        elif pty is not None:
            self._foreground, self._raw = reader or pty.reader()

    def unfinished(self, pty: Pty) -> bool:
        """Returns whether the program in the foreground has got part of a line."""
        if not self.length or not self._raw:
            return self.length > 0
        return self._foreground == pty.foreground() and pty.raw()

    def drafted(self, pty: Pty) -> bool:
        """Returns whether an attached person has typed something into the raw program in the foreground, and has
        neither entered nor discarded it; a line feed does not enter it there."""
        recent = self.drafted_at > 0 and time.monotonic() - self.drafted_at < _DRAFT_LASTS
        return recent and self._foreground == pty.foreground() and pty.raw()

    def _count(self, data: bytes, *, attended: bool) -> int:
        """The length of the line after `data`; notes a draft too."""
        length, index = self.length, 0
        now = time.monotonic() if attended else self.drafted_at
        while index < len(data):
            byte = data[index]
            if byte == 0x1B:
                end, _ = typed.token(data, index)
                sequence, index = data[index:end], end
                if sequence in (PASTE, PASTE_END):
                    self._pasting = sequence == PASTE
                elif sequence == typed.ESCAPE:
                    self.drafted_at = 0.0
                elif sequence[1:2] in (b"[", b"O") and sequence[-1:] in (b"A", b"B"):
                    length += 1  # Up and Down recall another line
                elif sequence[-1:] in (b"u", b"~") and (chord := typed.chord(sequence)) is not None:
                    if chord[0] in _ENDS:
                        length, self.drafted_at = 0 if chord[0] != _ESCAPE else length, 0.0
                    elif chord[0][0] == "u" and _writes(*chord[0][1:], chord[1]):
                        length, self.drafted_at = length + 1, now
                continue
            index += 1
            if self._pasting or (byte >= 0x20 and byte not in _ERASES):
                length, self.drafted_at = length + 1, now
            elif byte in _LINE_ENDS or (byte in _FLUSHES and not self._raw):
                length, self.drafted_at = 0, self.drafted_at if byte == 0x0A else 0.0
            elif byte in _ERASES:
                length = max(0, length - 1)
            elif byte in _RECALLS:
                length += 1
        return length


def _writes(code: int, modifiers: int, event: int) -> bool:
    """Returns whether a key of kitty's protocol is a character; its functional keys lie in a private use area."""
    return not modifiers and event != typed.RELEASE and 0x20 <= code != 0x7F and code < 0xE000
