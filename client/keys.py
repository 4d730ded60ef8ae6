"""Keys among typed bytes: the sequences that terminals send for them, and the detach key (see `keynames` for chords).

Sources: XTerm ctlseqs ("PC-Style Function Keys", "Alt and Meta Keys"), kitty's keyboard protocol.
"""

from __future__ import annotations

from sesh.keynames import SHIFT, Key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from sesh.keynames import Chord, DetachKey

    Event = tuple[Literal["input"], bytes] | tuple[Literal["detach"]]

_LOCKS = 64 | 128
PRESS, REPEAT, RELEASE = 1, 2, 3


def parse_csi(sequence: bytes) -> tuple[Chord, int] | None:
    """The chord and event (PRESS, REPEAT or RELEASE) of a whole CSI sequence; None where it is not a key."""
    final, parameters = chr(sequence[-1]), sequence[2:-1]
    if parameters.strip(b"0123456789:;"):
        return None
    fields = [[int(part or b"0") for part in field.split(b":")] for field in parameters.split(b";")]
    modifiers, event = (*fields[1], 0)[:2] if len(fields) > 1 else (1, PRESS)
    modifiers = max(modifiers - 1, 0) & ~_LOCKS
    number = fields[0][0]
    if final == "u":
        return _unicode(fields[0], modifiers), event or PRESS
    if final == "~":
        if number == 27 and len(fields) == 3:  # xterm's modifyOtherKeys
            return _unicode(fields[2], modifiers), PRESS
        return ("~", number, modifiers), event or PRESS
    if number <= 1 and final in "ABCDEFHPQRSZ":
        return (final, 1, modifiers), event or PRESS
    return None


def _unicode(codes: list[int], modifiers: int) -> Chord:
    """The chord of kitty's code points: the key, shifted, and on a US keyboard; the last two may be missing."""
    code, shifted, base = (*codes, 0, 0)[:3]
    if code > 0x7F and base:
        code = base  # not an ASCII letter: what counts is the key's place
    if modifiers & SHIFT:
        if shifted:
            return ("u", shifted, modifiers & ~SHIFT)
        if 97 <= code <= 122:
            return ("u", code - 32, modifiers & ~SHIFT)
    return ("u", code, modifiers)


FLUSH_DELAY = 0.05
"""Seconds after which `flush` is due where `holding` is true; nobody must feel the delay of a lone Escape."""

_ESC = 0x1B
_PASTE, _PASTE_END = b"\x1b[200~", b"\x1b[201~"
_MAX_SEQUENCE = 64
"""Bytes of a CSI sequence; a longer one is not a key."""
_REPORTS = (b"<", b"=", b">", b"?", b"M")
"""What follows CSI in the mouse's and the terminal's reports, which are no keys."""
_MODIFIER_KEYS = range(57441, 57455)


class _Token:
    """One key, or report of the terminal, in the buffer."""

    __slots__ = ("chord", "complete", "end", "event", "is_key")

    def __init__(self, end: int, complete: bool = True, is_key: bool = True) -> None:
        self.end, self.complete, self.is_key = end, complete, is_key
        self.chord: Chord | None = None
        self.event = PRESS


class KeyParser:
    """Splits typed bytes into input for the program and presses of the detach key.

    Pure: feed it reads of any size. While `holding` is true it keeps the beginning of what may be the detach key: call
    `flush` after FLUSH_DELAY seconds without another read. It looks at nothing inside a bracketed paste.
    """

    def __init__(self, key: DetachKey | None) -> None:
        self._leads = key.leads if key else ()
        self._first = key.first if key else Key.parse("C-\\")
        self._second = key.second if key else None
        self._pending = b""  # an incomplete sequence
        self._passed = 0  # bytes of it that were passed on, and are kept only to know the state
        self._pasting = False
        self._prefix = b""  # the first of two keys, and what came with it
        self._events: list[Event] = []
        self._input = bytearray()  # what comes behind the events

    @property
    def holding(self) -> bool:
        """Whether an incomplete sequence is held back."""
        return len(self._pending) > self._passed

    def feed(self, data: bytes) -> list[Event]:
        """The events that `data` completes: ("input", bytes) for the program, ("detach",) for the detach key."""
        if self._pending or self._prefix or self._pasting or not data:
            return self._take(data, last=False)
        for lead in self._leads:
            if lead in data:
                return self._take(data, last=False)
        return [("input", data)]

    def flush(self) -> list[Event]:
        """Take what is held back as it is, since nothing more came."""
        return self._take(b"", last=True)

    def _take(self, data: bytes, *, last: bool) -> list[Event]:
        if not self._leads:  # no detach key
            return [("input", data)] if data else []
        buffer, passed = self._pending + data, self._passed
        self._pending, self._passed = b"", 0
        places = [-1] * len(self._leads)
        at = 0
        while at < len(buffer):
            if self._pasting:
                at = self._paste(buffer, at, passed)
                continue
            start = at if self._prefix else self._next(buffer, at, places)
            self._pass(buffer[max(at, passed) : start])
            if start == len(buffer):
                break
            token = self._token(buffer, start, passed, last)
            at = token.end
            if not token.complete and not (last and len(buffer) > passed):
                self._hold(buffer[start:], max(passed - start, 0))
                break
            if at > passed:
                self._act(token, buffer[start:at], max(passed - start, 0))
            if not token.complete:  # passed on by a flush, and maybe still the beginning of a paste
                self._pending, self._passed = buffer[start:], len(buffer) - start
                break
        self._end_input()
        events, self._events = self._events, []
        return events

    def _next(self, buffer: bytes, at: int, places: list[int]) -> int:
        """The index of the next byte that can begin a key or a paste; the buffer's length without one. `places`: where
        each was found last, so that what lies between is searched once."""
        for number, place in enumerate(places):
            if place < at:
                found = buffer.find(self._leads[number], at)
                places[number] = found if found >= 0 else len(buffer)
        return min(places)

    def _pass(self, data: bytes) -> None:
        """Pass on input to the program, in one event with the input before it."""
        self._input += data

    def _end_input(self) -> None:
        """Close the event that holds what was passed on."""
        if self._input:
            self._events.append(("input", bytes(self._input)))
            self._input.clear()

    def _detach(self) -> None:
        self._end_input()
        self._events.append(("detach",))

    def _paste(self, buffer: bytes, at: int, passed: int) -> int:
        """Pass on a paste up to its end marker, which may be split over reads; the index behind it."""
        end = buffer.find(_PASTE_END, at)
        if end >= 0:
            self._pasting = False
            end += len(_PASTE_END)
            self._pass(buffer[max(at, passed) : end])
            return end
        self._pass(buffer[max(at, passed) :])
        for size in range(min(len(_PASTE_END) - 1, len(buffer) - at), 0, -1):
            if buffer.endswith(_PASTE_END[:size]):
                self._pending, self._passed = buffer[-size:], size
                break
        return len(buffer)

    def _hold(self, unfinished: bytes, passed: int) -> None:
        """Keep an incomplete sequence; pass it on already where it cannot become the detach key."""
        if not self._may_become_key(unfinished):
            self._pass(unfinished[passed:])
            passed = len(unfinished)
        self._pending, self._passed = unfinished, passed

    def _may_become_key(self, unfinished: bytes) -> bool:
        """Whether an incomplete sequence can still become one of the keys, or the beginning of a paste."""
        if unfinished == b"\x1b":
            return True
        if self._prefix:  # any key must stay behind the first one
            return unfinished[2:3] not in _REPORTS
        if unfinished[:2] == b"\x1bO":
            return any(legacy.startswith(b"\x1bO") for legacy in self._first.legacy)
        return not unfinished[2:].strip(b"0123456789:;")

    # -- sequences

    def _token(self, buffer: bytes, at: int, passed: int, last: bool) -> _Token:
        """The key or report at `at`; where it is incomplete it ends with the buffer."""
        if buffer[at] != _ESC:
            return _Token(at + 1)
        if at + 1 == len(buffer):
            return _Token(at + 1, complete=False)
        follows = buffer[at + 1]
        if follows == 0x5B:
            return self._csi(buffer, at)
        if at < passed:
            return _Token(at + 1)  # a lone Escape: what follows came too late
        if follows == 0x4F:
            if at + 2 == len(buffer):
                return _Token(at + 2, complete=False)
            return _Token(at + (3 if 0x40 <= buffer[at + 2] <= 0x7E else 2))
        if (follows < 0x20 or follows == 0x7F) and not self._is_legacy_form(buffer[at : at + 2]):
            return _Token(at + 1)
        return _Token(at + 2)

    def _is_legacy_form(self, sequence: bytes) -> bool:
        """Whether these bytes are one of the keys."""
        return sequence in self._first.legacy or (self._second is not None and sequence in self._second.legacy)

    def _csi(self, buffer: bytes, at: int) -> _Token:
        """A control sequence, or an X10 mouse report: `CSI M` and three bytes from 0x20 on."""
        end, stop = at + 2, min(len(buffer), at + _MAX_SEQUENCE)
        while end < stop and 0x20 <= buffer[end] <= 0x3F:
            end += 1
        if end == at + _MAX_SEQUENCE:
            return _Token(end, is_key=False)
        if end == len(buffer):
            return _Token(end, complete=False)
        if not 0x40 <= buffer[end] <= 0x7E:
            # Broken off: the byte here begins something else. What was no key so far is none.
            return _Token(end, is_key=buffer[at + 2 : at + 3] not in _REPORTS)
        end += 1
        if buffer[at:end] == b"\x1b[M":
            coordinates = buffer[end : end + 3]
            for place, byte in enumerate(coordinates):
                if byte < 0x20:
                    return _Token(end + place, is_key=False)
            return _Token(end + len(coordinates), complete=len(coordinates) == 3, is_key=False)
        token = _Token(end, is_key=buffer[at + 2] not in b"<=>?" and buffer[end - 1] not in b"IOcnty")
        found = parse_csi(buffer[at:end]) if token.is_key else None
        if found is not None:
            token.chord, token.event = found
        return token

    # -- keys

    def _act(self, token: _Token, sequence: bytes, passed: int) -> None:
        rest, first, second = sequence[passed:], self._first, self._second
        if sequence == _PASTE:
            self._pasting = True
        if self._prefix:
            if not token.is_key:
                self._pass(rest)  # mouse and other reports do not break up the two keys
            elif token.event == RELEASE or (token.chord and token.chord[1] in _MODIFIER_KEYS):
                self._prefix += rest
            elif second is not None and _is(second, token, sequence):
                self._prefix = b""
                self._detach()
            else:
                prefix, self._prefix = self._prefix, b""
                self._pass(rest if _is(first, token, sequence) else prefix + rest)
        elif not _is(first, token, sequence):
            self._pass(rest)
        elif second is None:
            if token.event != RELEASE:
                self._detach()
        elif token.event == RELEASE:
            self._pass(rest)
        else:
            self._prefix = rest


def _is(key: Key, token: _Token, sequence: bytes) -> bool:
    """Whether the token is `key`, at any event."""
    return token.chord == key.chord if token.chord is not None else sequence in key.legacy
