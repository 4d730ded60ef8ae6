"""Find what a person presses in a terminal's input.

A host can make a terminal send reports and replies, so those are no keys, and neither is what is ambiguous: the report
of a cursor on the first row reads as F3 with modifiers. Clicks are none either: a mouse also reports that it moves.
A reply may hold text of the host, such as a title or the name of a colour, so nothing in it is a key.
"""

from __future__ import annotations

import re
from enum import Enum, auto

from sesh.text import keys
from sesh.text.keys import ALT, CTRL, ESCAPE, MODIFIER_KEYS, PASTE, PASTE_END, RELEASE

# A host can have replies begin with controls of eight bits (S8C1T), which no key sends.
_SPECIAL = re.compile(rb"[\x16\x1b]|(?:\xc2|(?<![\x80-\xff]))[\x90\x98\x9b\x9d-\x9f]")
_REPLY = re.compile(rb"\x1b(?:/Z?|[\]P_^X])")  # the beginning of a string, or DA of a VT52
_STRING_END = re.compile(rb"\x07|\x1b\\")
_STRING_END_8 = re.compile(rb"\x07|\x1b\\|(?:\xc2|(?<![\x80-\xff]))\x9c")
_SEQUENCE_END_8 = re.compile(rb"[\x40-\x7e]")
_COORDINATE = rb"(?:[\xc2-\xdf](?:[\x80-\xbf]|(?=[^\x80-\xbf]))|[\x20-\xc1\xe0-\xff])"  # a byte, or a character (1005)
_MOUSE = re.compile(rb"\x1b\[(?:MC{3}|tC{2}|TC{6})".replace(b"C", _COORDINATE))
_MOUSE_BEGUN = re.compile(rb"\x1b\[(?:MC{0,2}|tC?|TC{0,5})[\xc2-\xdf]?\Z".replace(b"C", _COORDINATE))
_PASTE_CHORDS = (("u", 118, CTRL), ("u", 118, ALT))
_CTRL_V = b"\x16"
_CSI_8 = 0x9B


class Press(Enum):
    """What a part of the input is."""

    NONE = auto()  # a report, a reply, a release, or a part of a paste
    KEY = auto()  # keys, or the end of a paste
    PASTE_KEY = auto()  # Ctrl-V or Alt-V
    PASTE_KEY_RELEASE = auto()
    PASTE_START = auto()  # the mark before a paste, or the rest of it
    EMPTY_PASTE = auto()  # the end of one: some terminals send it for a picture

    @property
    def is_key(self) -> bool:
        """True if a person has pressed something."""
        return self in (Press.KEY, Press.PASTE_KEY, Press.EMPTY_PASTE)


Part = tuple[bytes, Press]


class PressFinder:
    """Sans-I/O: `split` takes input in parts of any size."""

    def __init__(self) -> None:
        self._begun = b""  # a sequence whose end has not come, which was returned already
        self._until: re.Pattern[bytes] | None = None  # what ends the reply that goes on
        self._pasted: int | None = None  # bytes of the paste that has begun
        self._awaits_z = False  # the last input ended with the first two bytes of a VT52's DA, which `Z` ends

    def split(self, data: bytes) -> list[Part]:
        """Return the input in parts, each with what it is; together they are `data`."""
        if not (self._begun or self._until or self._pasted is not None or _SPECIAL.search(data)):
            return [(data, Press.KEY)] if data else []
        ends_reply, self._awaits_z = self._awaits_z and data[:1] == b"Z", False
        if ends_reply:
            self._until = None
            return [(b"Z", Press.NONE), *self.split(data[1:])]
        if self._until is not None and not self._begun and _is_one_key(data):
            self._until = None  # a person has pressed Alt-], say, and no reply goes on
        passed, self._begun, data = len(self._begun), b"", self._begun + data
        parts: list[Part] = []
        start = 0
        while start < len(data):
            end, press = self._next(data, start)
            if end > passed:
                parts.append((data[max(start, passed) : end], press))
            start = end
        return parts

    def _next(self, data: bytes, start: int) -> tuple[int, Press]:
        """Return the end of the part that begins at `start`, and what it is."""
        if self._pasted is not None:
            return self._paste(data, start)
        if self._until is not None:
            return self._reply(data, start, self._until)
        match = _SPECIAL.search(data, start)
        end = match.start() if match is not None else len(data)
        if end > start:
            return end, Press.KEY
        if data[start : start + 1] == _CTRL_V:
            return start + 1, Press.PASTE_KEY
        if data[start : start + 1] != ESCAPE:
            end = match.end() if match is not None else len(data)
            self._until = _SEQUENCE_END_8 if data[end - 1] == _CSI_8 else _STRING_END_8
            return end, Press.NONE
        return self._sequence(data, start)

    def _sequence(self, data: bytes, start: int) -> tuple[int, Press]:
        if (reply := _REPLY.match(data, start)) is not None:
            self._until = None if reply[0].endswith(b"Z") else _STRING_END
            self._awaits_z = reply[0] == b"\x1b/" and reply.end() == len(data)
            return reply.end(), Press.NONE
        if (mouse := _MOUSE.match(data, start)) is not None:
            return mouse.end(), Press.NONE
        if _MOUSE_BEGUN.match(data, start) is not None:
            self._begun = data[start:]
            return len(data), Press.NONE
        end, is_whole = keys.token(data, start)
        token = data[start:end]
        if not is_whole:
            if token == ESCAPE:
                return end, Press.KEY
            self._begun = token
            return end, Press.NONE
        if token == PASTE:
            self._pasted = 0
            return end, Press.PASTE_START
        if len(token) == 2 and token[1] < 0x20:  # Escape, then a control character
            return start + 1, Press.KEY
        return end, _press_of(token)

    def _paste(self, data: bytes, start: int) -> tuple[int, Press]:
        end, begun = keys.paste_end(data, start)
        before, self._pasted = self._pasted or 0, None
        if end < 0:
            end = len(data)
            self._pasted = before + end - begun - start
            self._begun = data[end - begun :]
            return end, Press.NONE
        is_empty = before + end - len(PASTE_END) - start == 0
        return end, Press.EMPTY_PASTE if is_empty else Press.KEY

    def _reply(self, data: bytes, start: int, until: re.Pattern[bytes]) -> tuple[int, Press]:
        match = until.search(data, start)
        if match is not None:
            self._until = None
            return match.end(), Press.NONE
        if data.endswith(ESCAPE):
            self._begun = ESCAPE
        return len(data), Press.NONE


def _is_one_key(data: bytes) -> bool:
    """Return whether a read is nothing but a key that begins with a control: what a terminal sends at once is more."""
    return data[:1] < b" " and keys.token(data, 0) == (len(data), True) and data != b"\x1b\\"


def _press_of(token: bytes) -> Press:
    """Return what a whole escape sequence is."""
    if token[1:2] != b"[":
        return Press.PASTE_KEY if token == b"\x1bv" else Press.KEY
    if keys.is_report(token) or token[-1:] == b"R" or (form := keys.chord_of(token)) is None:
        return Press.NONE
    chord, event = form
    kind, number, _ = chord
    is_paste_key = chord in _PASTE_CHORDS
    if event == RELEASE:
        return Press.PASTE_KEY_RELEASE if is_paste_key else Press.NONE
    if is_paste_key:
        return Press.PASTE_KEY
    return Press.NONE if kind == "u" and (not number or number in MODIFIER_KEYS) else Press.KEY
