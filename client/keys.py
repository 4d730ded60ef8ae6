"""The detach key among typed bytes."""

from __future__ import annotations

from typing import Literal

from sesh import typed
from sesh.keynames import DetachKey, Key
from sesh.typed import ESCAPE, PASTE, PRESS, RELEASE

Event = tuple[Literal["input"], bytes] | tuple[Literal["detach"]]

FLUSH_DELAY = 0.01
"""Seconds after which `flush` is due while `holding` is true: a lone Escape waits no longer, which nobody feels."""
_PASTE_ENDS = 5.0
"""Seconds without a byte after which a paste is over: some terminals lose its end marker."""
_BURST, _BURST_TIME = 64, 0.01
"""Bytes within so many seconds that nobody types: a paste without markers."""
_MODIFIER_KEYS = range(57441, 57455)
_NO_KEY = DetachKey(Key(("", 0, 0)))  # which nobody can press


class Pace:
    """Judges reads by their time: which are bursts, and when a paste must be over. Pure."""

    def __init__(self) -> None:
        self._read_at = self._began_at = 0.0
        self._size = 0
        """Bytes since `_began_at`."""

    def pauses(self, now: float) -> bool:
        """Return whether so much time has passed since the last read that a paste is over."""
        return now >= self._read_at + _PASTE_ENDS

    def bursts(self, data: bytes, now: float) -> bool:
        """Take in a read; return whether it is part of a burst. One key alone is none, whatever came before."""
        if now >= self._began_at + _BURST_TIME:
            self._began_at, self._size = now, 0
        self._size += len(data)
        self._read_at = now
        return self._size >= _BURST and typed.token(data, 0)[0] < len(data)


class KeyParser:
    """Splits typed bytes into input for the program and presses of the detach key.

    Pure: feed it reads of any size.
    While `holding` is true it keeps a sequence that may become the detach key: call `flush` after FLUSH_DELAY
    seconds without another read. It looks at nothing inside a bracketed paste.
    """

    def __init__(self, key: DetachKey | None) -> None:
        self._detaches = key is not None
        if key is None:
            key = _NO_KEY
        self._key = key
        self._lead_as_escape = bytes.maketrans(key.lead, ESCAPE)
        """Translates the other byte that the key may begin with into ESC, so that one search finds the next of both."""
        self._pending = b""
        """An incomplete sequence."""
        self._passed = 0
        """The number of its bytes that were passed on, and are kept only to know the state."""
        self._pasting = False
        self._prefix = b""
        """The first of two keys, and the releases and modifiers typed with it."""
        self._events: list[Event] = []
        self._input = bytearray()
        """Input behind the events."""

    @property
    def holding(self) -> bool:
        """True if an incomplete sequence is held back."""
        return len(self._pending) > self._passed

    def feed(self, data: bytes, *, burst: bool = False) -> list[Event]:
        """Return the events that `data` completes: ("input", bytes) for the program, ("detach",) for the detach key.

        `burst`: nobody types so fast, so no byte is a key.
        """
        if self.special(data):
            return self._parse(_NO_KEY if burst else self._key, data, last=False)
        return [("input", data)] if data else []

    def end_paste(self) -> None:
        """Take a paste as ended, if one goes on: its end marker was lost."""
        self._pasting = False

    def special(self, data: bytes) -> bool:
        """Return whether `data` may be more than one event of input, or is not all of what comes next."""
        held = self._pending or self._prefix or self._pasting
        return bool(held) or ESCAPE in data or self._key.lead in data

    def flush(self) -> list[Event]:
        """Take held bytes as they are, since nothing more came."""
        return self._parse(self._key, b"", last=True)

    def _parse(self, key: DetachKey, data: bytes, *, last: bool) -> list[Event]:
        """Take held bytes and `data` apart. `last`: nothing more comes, so pass an incomplete sequence on."""
        buffer, passed = self._pending + data, self._passed
        self._pending, self._passed = b"", 0
        marked = b""
        end = 0
        while end < len(buffer):
            if self._pasting:
                end = self._paste(buffer, end, passed)
                continue
            marked = marked or buffer.translate(self._lead_as_escape)
            start = end if self._prefix else marked.find(ESCAPE, end)  # every token counts behind the first of two
            if start < 0:
                start = len(buffer)
            self._input += buffer[max(end, passed) : start]
            if start == len(buffer):
                break
            end, whole = self._token(key, buffer, start, passed)
            sequence, sent = buffer[start:end], max(passed - start, 0)
            if not whole and not (last and len(buffer) > passed):
                if not self._may_become_key(key, sequence):
                    self._input += sequence[sent:]
                    sent = len(sequence)
                self._pending, self._passed = sequence, sent
                break
            if end > passed:
                self._act(key, sequence, sequence[sent:])
            if not whole:  # passed on by a flush, and maybe still the beginning of a paste
                self._pending, self._passed = sequence, len(sequence)
        self._end_input()
        events, self._events = self._events, []
        return events

    def _end_input(self) -> None:
        """Close the event that holds the input since the last one."""
        if self._input:
            self._events.append(("input", bytes(self._input)))
            self._input.clear()

    def _detach(self) -> None:
        self._end_input()
        self._events.append(("detach",))

    def _paste(self, buffer: bytes, start: int, passed: int) -> int:
        """Pass on a paste up to its end marker, which may be split over reads; return the index behind it."""
        end, begun = typed.paste_end(buffer, start)
        if end >= 0:
            self._pasting = False
        else:
            end = len(buffer)
            self._pending, self._passed = buffer[end - begun :], begun
        self._input += buffer[max(start, passed) : end]
        return end

    def _may_become_key(self, key: DetachKey, unfinished: bytes) -> bool:
        """Return whether an incomplete sequence can still become a key, or begin a paste."""
        if not self._detaches:
            return unfinished == b"\x1b["
        if self._prefix:  # any key must stay behind the first one
            return not typed.is_report(unfinished)
        if unfinished[:2] == b"\x1bO":
            return key.first.application.startswith(b"\x1bO")
        return not unfinished[2:].strip(b"0123456789:;")

    @staticmethod
    def _token(key: DetachKey, buffer: bytes, start: int, passed: int) -> tuple[int, bool]:
        """Return the end of the key or report at `start`, and whether it is whole."""
        end, whole = typed.token(buffer, start)
        sequence = buffer[start:end]
        if len(sequence) > 1 and sequence[:1] == ESCAPE and sequence[1:2] != b"[":
            late = start < passed  # a flush has passed the Escape on: what follows came too late to belong to it
            control = sequence[1] < 0x20 or sequence[1] == 0x7F
            if late or (control and sequence not in (key.first.application, key.second and key.second.application)):
                return start + 1, True
        return end, whole

    def _act(self, key: DetachKey, sequence: bytes, rest: bytes) -> None:
        """Take a whole token, of which `rest` was not passed on yet."""
        first, second = key.first, key.second
        chord, event = typed.chord(sequence) or (None, PRESS)
        if sequence == PASTE:
            self._pasting = True
        if self._prefix:
            if typed.is_report(sequence):
                self._input += rest  # mouse and other reports do not break up the two keys
            elif event == RELEASE or (chord is not None and chord[1] in _MODIFIER_KEYS):
                self._prefix += rest
            elif second is not None and typed.matches(second, sequence, chord):
                self._prefix = b""
                self._detach()
            else:
                prefix, self._prefix = self._prefix, b""
                self._input += rest if typed.matches(first, sequence, chord) else prefix + rest
        elif not typed.matches(first, sequence, chord) or (event == RELEASE and second is not None):
            self._input += rest
        elif second is not None:
            self._prefix = rest
        elif event != RELEASE:  # the release of the key that detaches is no input either
            self._detach()
