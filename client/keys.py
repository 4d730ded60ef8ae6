"""The detach key among typed bytes."""

from __future__ import annotations

import re
from math import inf
from typing import Literal

from sesh import keys
from sesh.keys import ESCAPE, PASTE, PRESS, RELEASE, DetachKey, Key

Event = tuple[Literal["input"], bytes] | tuple[Literal["detach"]]

FLUSH_DELAY = 0.01
"""Seconds after which `flush` is due while `holding` is true: a lone Escape waits no longer, which nobody feels."""
_PASTE_ENDS = 5.0
"""Seconds without a byte after which a paste is over: some terminals lose its end marker."""
_BURST, _BURST_TIME = 64, 0.01
"""Bytes within so many seconds that nobody types: a paste without markers."""
_MODIFIER_KEYS = range(57441, 57455)
_NO_KEY = DetachKey(Key(("", 0, 0)))  # which nobody can press


class KeyParser:
    """Splits typed bytes into input for the program and presses of the detach key.

    Pure: feed it reads of any size. An incomplete sequence is held back, as it may become the detach key: while
    `holding` is true, call `flush` after FLUSH_DELAY seconds without another read. It looks at nothing inside a
    bracketed paste.
    """

    def __init__(self, key: DetachKey | None) -> None:
        self._key = key or _NO_KEY
        self._begins = re.compile(b"[\x1b%s]" % re.escape(self._key.lead))
        """Finds the next byte with which a sequence or the detach key begins."""
        self._pending, self._passed = b"", 0
        """An incomplete sequence, and the number of its bytes that were passed on: they are kept to know the state."""
        self._prefix = b""
        """The first of two keys, and the releases and modifiers typed with it."""
        self._events: list[Event] = []
        self._input = bytearray()
        """Input behind the events."""
        self._pasting = False
        self._read_at = self._burst_at = -inf
        self._burst_size = 0

    @property
    def holding(self) -> bool:
        """True if an incomplete sequence is held back."""
        return len(self._pending) > self._passed

    def feed(self, data: bytes, now: float | None = None) -> list[Event]:
        """Return the events that `data` completes: ("input", bytes) for the program, ("detach",) for the detach key.

        `now`: the time in seconds, by which bursts and lost ends of pastes are known.
        """
        key = self._key
        if now is not None:
            self._pasting = self._pasting and now < self._read_at + _PASTE_ENDS
            key = _NO_KEY if self._in_burst(data, now) else key
            self._read_at = now
        if self._pending or self._prefix or self._pasting or self._begins.search(data):
            return self._parse(key, data, last=False)
        return [("input", data)] if data else []

    def flush(self) -> list[Event]:
        """Take held bytes as they are, since nothing more came."""
        return self._parse(self._key, b"", last=True)

    def _in_burst(self, data: bytes, now: float) -> bool:
        """Return whether a read is part of a burst. One key alone is none, whatever came before."""
        if now >= self._burst_at + _BURST_TIME:
            self._burst_at, self._burst_size = now, 0
        self._burst_size += len(data)
        return self._burst_size >= _BURST and keys.token(data, 0)[0] < len(data)

    def _parse(self, key: DetachKey, data: bytes, *, last: bool) -> list[Event]:
        """Take held bytes and `data` apart. `last`: nothing more comes, so pass an incomplete sequence on."""
        buffer, passed = self._pending + data, self._passed
        self._pending, self._passed = b"", 0
        end = 0
        while end < len(buffer):
            if self._pasting:
                end = self._paste(buffer, end, passed)
                continue
            start = end
            if not self._prefix:  # text is no key; behind the first of two keys each byte counts
                found = self._begins.search(buffer, end)
                start = found.start() if found else len(buffer)
                self._input += buffer[max(end, passed) : start]
            if start == len(buffer):
                break
            end, whole = self._token(key, buffer, start, passed)
            sequence, rest = buffer[start:end], buffer[max(start, passed) : end]
            if rest and (whole or last):
                self._act(key, sequence, rest)
            if not whole:  # it may still become a key, or begin a paste
                self._pending, self._passed = sequence, len(sequence) if last else len(sequence) - len(rest)
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
        end, begun = keys.paste_end(buffer, start)
        if end >= 0:
            self._pasting = False
        else:
            end = len(buffer)
            self._pending, self._passed = buffer[end - begun :], begun
        self._input += buffer[max(start, passed) : end]
        return end

    @staticmethod
    def _token(key: DetachKey, buffer: bytes, start: int, passed: int) -> tuple[int, bool]:
        """Return the end of the key or report at `start`, and whether it is whole."""
        end, whole = keys.token(buffer, start)
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
        chord, event = keys.chord_of(sequence) or (None, PRESS)
        if sequence == PASTE:
            self._pasting = True
        if self._prefix:
            if keys.is_report(sequence):
                self._input += rest  # mouse and other reports do not break up the two keys
            elif event == RELEASE or (chord is not None and chord[1] in _MODIFIER_KEYS):
                self._prefix += rest
            elif second is not None and keys.matches(second, sequence, chord):
                self._prefix = b""
                self._detach()
            else:
                prefix, self._prefix = self._prefix, b""
                self._input += rest if keys.matches(first, sequence, chord) else prefix + rest
        elif not keys.matches(first, sequence, chord) or (event == RELEASE and second is not None):
            self._input += rest
        elif second is not None:
            self._prefix = rest
        elif event != RELEASE:  # the release of the key that detaches is no input either
            self._detach()
