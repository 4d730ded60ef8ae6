"""The detach key in the terminal's input."""

from __future__ import annotations

import re
from math import inf

from sesh import keys
from sesh.keys import ESCAPE, PASTE, PRESS, RELEASE, DetachKey, Key

FLUSH_DELAY = 0.01
"""Seconds to hold an incomplete sequence before `flush`: too short for a person to notice after Escape."""
_PASTE_TIMEOUT = 5.0  # seconds without a byte after which a paste ends: some terminals lose its end marker
_BURST, _BURST_TIME = 64, 0.01  # bytes within so many seconds are a paste without markers: nobody types so fast
_MODIFIER_KEYS = range(57441, 57455)
_NO_KEY = DetachKey(Key(("", 0, 0)))  # matches no sequence


class KeyParser:
    """Finds the detach key in a terminal's input; all else is input for the program.

    Feed it reads of any size. It holds back an incomplete sequence, because that may become the detach key. While
    `holding` is true, call `flush` after FLUSH_DELAY seconds without another read. A bracketed paste passes unparsed.
    """

    def __init__(self, key: DetachKey | None) -> None:
        self._key = key or _NO_KEY
        self._begins = re.compile(b"[\x1b%s]" % re.escape(self._key.lead))
        self.holding = False
        self._pending, self._passed = b"", 0
        """An incomplete sequence, and how many of its bytes were passed on; those are kept for parsing only."""
        self._prefix = b""  # the first of two keys, while the second is awaited
        self._pasting = False
        self._read_at = self._burst_at = -inf
        self._burst_size = 0

    def feed(self, data: bytes, now: float | None = None) -> tuple[bytes, bool]:
        """Return the input that `data` completes, and whether the detach key follows.

        Input behind the key is lost. `now`: the time in seconds, to recognize bursts and unfinished pastes.
        """
        key = self._key
        if now is not None:
            self._note_read(len(data), now)
            if self._burst_size >= _BURST and keys.token(data, 0)[0] < len(data):  # a long key alone is no burst
                key = _NO_KEY
        if self._pending or self._prefix or self._pasting or self._begins.search(data):
            return self._parse(key, data, last=False)
        return data, False

    def _note_read(self, size: int, now: float) -> None:
        """Count the bytes of a burst; end a paste after a long silence."""
        self._pasting = self._pasting and now < self._read_at + _PASTE_TIMEOUT
        self._read_at = now
        if now >= self._burst_at + _BURST_TIME:
            self._burst_at, self._burst_size = now, 0
        self._burst_size += size

    def flush(self) -> tuple[bytes, bool]:
        """Return the held bytes, as `feed`; to be called when nothing more has come."""
        return self._parse(self._key, b"", last=True)

    def _parse(self, key: DetachKey, data: bytes, *, last: bool) -> tuple[bytes, bool]:
        """Parse held bytes and `data`. `last`: pass an incomplete sequence on, since nothing more comes."""
        buffer, passed = self._pending + data, self._passed
        self._pending, self._passed, self.holding = b"", 0, False
        found = bytearray()
        end = 0
        while end < len(buffer):
            start = end
            if self._pasting:
                end = self._pass_paste(buffer, start)
                found += buffer[max(start, passed) : end]
                continue
            if not self._prefix:  # skip plain text; after the first of two keys any byte may be the second
                match = self._begins.search(buffer, start)
                start = match.start() if match else len(buffer)
                found += buffer[max(end, passed) : start]
            if start == len(buffer):
                break
            end, whole = self._token(key, buffer, start, passed)
            sequence, rest = buffer[start:end], buffer[max(start, passed) : end]
            if rest and (whole or last):
                part = self._handle_token(key, sequence, rest)
                if part is None:
                    return bytes(found), True
                found += part
            if not whole:  # it may still become a key or the start of a paste
                self._pending, self._passed = sequence, len(sequence) if last else len(sequence) - len(rest)
                self.holding = rest != b"" and not last
        return bytes(found), False

    def _pass_paste(self, buffer: bytes, start: int) -> int:
        """Return the index behind a paste's end marker, which reads may split."""
        end, partial = keys.paste_end(buffer, start)
        if end >= 0:
            self._pasting = False
            return end
        self._pending, self._passed = buffer[len(buffer) - partial :], partial
        return len(buffer)

    @staticmethod
    def _token(key: DetachKey, buffer: bytes, start: int, passed: int) -> tuple[int, bool]:
        """Return the end of the key or report at `start`, and whether it is whole."""
        end, whole = keys.token(buffer, start)
        sequence = buffer[start:end]
        if sequence[:1] != ESCAPE or sequence[1:2] in (b"", b"["):
            return end, whole
        escape_passed = start < passed  # by a flush, before the rest came
        before_control = sequence[1] < 0x20 or sequence[1] == 0x7F
        is_detach_key = sequence in (key.first.application, key.second and key.second.application)
        if escape_passed or (before_control and not is_detach_key):
            return start + 1, True  # the Escape is a key of its own
        return end, whole

    def _handle_token(self, key: DetachKey, sequence: bytes, rest: bytes) -> bytes | None:
        """Return the input after a token; None if it completes the detach key."""
        first, second = key.first, key.second
        chord, event = keys.chord_of(sequence) or (None, PRESS)
        self._pasting = sequence == PASTE
        if self._prefix:
            is_modifier = chord is not None and chord[1] in _MODIFIER_KEYS
            if is_modifier or event == RELEASE or keys.is_report(sequence):
                return rest  # it does not separate the two keys
            prefix, self._prefix = self._prefix, b""
            if second is not None and keys.matches(second, sequence, chord):
                return None
            return rest if keys.matches(first, sequence, chord) else prefix + rest
        if not keys.matches(first, sequence, chord):
            return rest
        if second is None:
            return b"" if event == RELEASE else None  # the release of the detach key is not input either
        if event == RELEASE:
            return rest
        self._prefix = rest
        return b""
