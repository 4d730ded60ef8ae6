"""The detach key among typed bytes."""

from __future__ import annotations

import re
from math import inf
from typing import Literal

from sesh import keys
from sesh.keys import ESCAPE, PASTE, PRESS, RELEASE, DetachKey, Key

Event = tuple[Literal["input"], bytes] | tuple[Literal["detach"]]

FLUSH_DELAY = 0.01
"""Seconds to hold an incomplete sequence before `flush`: too short for a person to notice after Escape."""
_PASTE_TIMEOUT = 5.0
"""Seconds without a byte after which a paste ends: some terminals lose its end marker."""
_BURST, _BURST_TIME = 64, 0.01
"""Bytes within this many seconds that count as a paste without markers: nobody types so fast."""
_MODIFIER_KEYS = range(57441, 57455)
_NO_KEY = DetachKey(Key(("", 0, 0)))  # matches no sequence


class KeyParser:
    """Splits typed bytes into input for the program and presses of the detach key.

    Pure: feed it reads of any size. It holds back an incomplete sequence, because that may become the detach key. While
    `holding` is true, call `flush` after FLUSH_DELAY seconds without another read. A bracketed paste passes unparsed.
    """

    def __init__(self, key: DetachKey | None) -> None:
        self._key = key or _NO_KEY
        self._begins = re.compile(b"[\x1b%s]" % re.escape(self._key.lead))
        """Finds the first byte of a sequence or of the detach key."""
        self._pending, self._passed = b"", 0
        """An incomplete sequence, and how many of its bytes were passed on; those are kept for parsing only."""
        self._prefix = b""
        """The first of two keys, with its releases and modifiers, while the second is awaited."""
        self._events: list[Event] = []
        self._input = bytearray()
        """Input after the last event."""
        self._pasting = False
        self._read_at = self._burst_at = -inf
        self._burst_size = 0

    @property
    def holding(self) -> bool:
        """True while an incomplete sequence is held back."""
        return len(self._pending) > self._passed

    def feed(self, data: bytes, now: float | None = None) -> list[Event]:
        """Return the events that `data` completes: ("input", bytes) for the program, ("detach",) for the detach key.

        `now`: the time in seconds, to recognize bursts and unfinished pastes.
        """
        key = self._key
        if now is not None:
            self._pasting = self._pasting and now < self._read_at + _PASTE_TIMEOUT
            key = _NO_KEY if self._in_burst(data, now) else key
            self._read_at = now
        if self._pending or self._prefix or self._pasting or self._begins.search(data):
            return self._parse(key, data, last=False)
        return [("input", data)] if data else []

    def flush(self) -> list[Event]:
        """Return the events of the held bytes; to be called when nothing more has come."""
        return self._parse(self._key, b"", last=True)

    def _in_burst(self, data: bytes, now: float) -> bool:
        """Return whether a read is part of a burst; a read of a single key is not."""
        if now >= self._burst_at + _BURST_TIME:
            self._burst_at, self._burst_size = now, 0
        self._burst_size += len(data)
        return self._burst_size >= _BURST and keys.token(data, 0)[0] < len(data)

    def _parse(self, key: DetachKey, data: bytes, *, last: bool) -> list[Event]:
        """Parse held bytes and `data`. `last`: pass an incomplete sequence on, since nothing more comes.

        The held bytes `_pending` are parsed again with the next read, because `ESC` may become `ESC [ A`. The first
        `_passed` of them were passed on already, and are not passed on twice.
        """
        buffer, passed = self._pending + data, self._passed
        self._pending, self._passed = b"", 0
        end = 0
        while end < len(buffer):
            if self._pasting:
                end = self._paste(buffer, end, passed)
                continue
            start = end
            if not self._prefix:  # skip plain text; after the first of two keys any byte may be the second
                found = self._begins.search(buffer, end)
                start = found.start() if found else len(buffer)
                self._input += buffer[max(end, passed) : start]
            if start == len(buffer):
                break
            end, whole = self._token(key, buffer, start, passed)
            sequence = buffer[start:end]
            rest = buffer[max(start, passed) : end]
            if rest and (whole or last):
                self._act(key, sequence, rest)
            if not whole:  # it may still become a key or the start of a paste
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
        """Pass on a paste up to its end marker, which reads may split; return the index after it."""
        end, partial = keys.paste_end(buffer, start)
        if end >= 0:
            self._pasting = False
        else:
            end = len(buffer)
            self._pending, self._passed = buffer[end - partial :], partial
        self._input += buffer[max(start, passed) : end]
        return end

    @staticmethod
    def _token(key: DetachKey, buffer: bytes, start: int, passed: int) -> tuple[int, bool]:
        """Return the end of the key or report at `start`, and whether it is whole."""
        end, whole = keys.token(buffer, start)
        sequence = buffer[start:end]
        if len(sequence) > 1 and sequence[:1] == ESCAPE and sequence[1:2] != b"[":
            late = start < passed  # a flush has passed the Escape on: later bytes do not belong to it
            control = sequence[1] < 0x20 or sequence[1] == 0x7F
            if late or (control and sequence not in (key.first.application, key.second and key.second.application)):
                return start + 1, True
        return end, whole

    def _act(self, key: DetachKey, sequence: bytes, rest: bytes) -> None:
        """Handle a whole token. `rest`: its bytes that were not passed on yet."""
        first, second = key.first, key.second
        chord, event = keys.chord_of(sequence) or (None, PRESS)
        if sequence == PASTE:
            self._pasting = True
        if self._prefix:
            if keys.is_report(sequence):
                self._input += rest  # a report between the two keys does not separate them
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
        elif event != RELEASE:  # the release of the detach key is not input either
            self._detach()
