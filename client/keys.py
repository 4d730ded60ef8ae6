"""Find the detach key in the terminal's input."""

from __future__ import annotations

import re
from math import inf

from sesh import keys
from sesh.keys import ESCAPE, PASTE, PRESS, RELEASE, DetachKey, Key

FLUSH_DELAY = 0.01  # seconds to hold an incomplete sequence before `flush`: a person notices no such delay of Escape
_PASTE_TIMEOUT = 5.0  # a paste ends after so many seconds without a byte: some terminals lose its end marker
_BURST_SIZE, _BURST_TIME = 64, 0.01  # so many bytes within so many seconds are a paste without markers
_MODIFIER_KEYS = range(57441, 57455)
_NO_KEY = DetachKey(Key(("", 0, 0)))  # matches no sequence


ParsedInput = tuple[bytes, bool]  # input for the program, and whether the detach key follows it


class KeyParser:
    """Finds the detach key in a terminal's input; all else is input for the program.

    `feed` takes reads of any size. The parser holds an incomplete sequence back, as the sequence may become the detach
    key. While `holding` is true, call `flush` after FLUSH_DELAY seconds without another read.
    """

    def __init__(self, key: DetachKey | None) -> None:
        self._key = key or _NO_KEY
        self._token_start = re.compile(b"[\x1b%s]" % re.escape(self._key.lead))
        self._held = b""  # a sequence whose end has not come
        self._first_key = b""  # the first of a detach key's two keys, while the parser awaits the second
        # Within a paste, its newest bytes, which were passed on and may begin its end marker; else None.
        self._paste: bytes | None = None
        self._read_at = -inf
        self._burst_at = -inf
        self._burst_size = 0

    @property
    def holding(self) -> bool:
        return self._held != b""

    def feed(self, data: bytes, now: float | None = None) -> ParsedInput:
        """Return the input that `data` completes; drop what follows the detach key.

        `now`: the time in seconds, to recognize bursts and unfinished pastes.
        """
        key = self._key
        if now is not None:
            if now >= self._read_at + _PASTE_TIMEOUT:
                self._paste = None
            self._read_at = now
            if now >= self._burst_at + _BURST_TIME:
                self._burst_at = now
                self._burst_size = 0
            self._burst_size += len(data)
            if self._burst_size >= _BURST_SIZE and keys.token(data, 0)[0] < len(data):  # a long key alone is no burst
                key = _NO_KEY
        end = self._skip_paste(data)
        program_input, detaches = self._parse(key, data[end:])
        return data[:end] + program_input, detaches

    def flush(self) -> ParsedInput:
        """Return the held bytes, as no further byte has come."""
        held, self._held = self._held, b""
        program_input = self._handle_token(self._key, held) if held else b""
        return program_input or b"", program_input is None

    def _parse(self, key: DetachKey, data: bytes) -> ParsedInput:
        """Parse the held bytes and `data`, which begin outside a paste."""
        buffer, self._held = self._held + data, b""
        program_input = bytearray()
        start = 0
        while start < len(buffer):
            if not self._first_key:  # skip plain text; after the first of two keys any byte may be the second
                match = self._token_start.search(buffer, start)
                plain, start = start, match.start() if match else len(buffer)
                program_input += buffer[plain:start]
            end, complete = self._token(key, buffer, start)
            if not complete:  # the token may still become a key or the start of a paste
                self._held = buffer[start:]
                break
            token_input = self._handle_token(key, buffer[start:end])
            if token_input is None:
                return bytes(program_input), True
            start = end + self._skip_paste(buffer[end:])
            program_input += token_input + buffer[end:start]
        return bytes(program_input), False

    def _skip_paste(self, data: bytes) -> int:
        """Return how many bytes of `data` are pasted; reads may split the end marker."""
        if self._paste is None:
            return 0
        pasted = self._paste + data
        end, partial = keys.paste_end(pasted, 0)
        if end >= 0:
            end -= len(self._paste)
            self._paste = None
            return end
        self._paste = pasted[len(pasted) - partial :]
        return len(data)

    @staticmethod
    def _token(key: DetachKey, buffer: bytes, start: int) -> tuple[int, bool]:
        """Return the end of the key or report at `start`, and whether it is complete."""
        end, complete = keys.token(buffer, start)
        token = buffer[start:end]
        if token[:1] != ESCAPE or token[1:2] in (b"", b"["):
            return end, complete
        before_control = token[1] < 0x20 or token[1] == 0x7F
        is_detach_key = token in (key.first.application, key.second and key.second.application)
        if before_control and not is_detach_key:
            return start + 1, True  # the Escape is a key of its own
        return end, complete

    def _handle_token(self, key: DetachKey, token: bytes) -> bytes | None:
        """Return the input for the program; None if the token completes the detach key."""
        chord, event = keys.chord_of(token) or (None, PRESS)
        self._paste = b"" if token == PASTE else None
        is_first = keys.matches(key.first, token, chord)
        if self._first_key:
            is_modifier = chord is not None and chord[1] in _MODIFIER_KEYS
            if is_modifier or event == RELEASE or keys.is_report(token):
                return token  # such a token does not separate the two keys
            first_key = self._first_key
            self._first_key = b""
            if key.second is not None and keys.matches(key.second, token, chord):
                return None
            return token if is_first else first_key + token
        if not is_first:
            return token
        if key.second is None:
            return b"" if event == RELEASE else None  # the release of the detach key is not input either
        if event == RELEASE:
            return token
        self._first_key = token
        return b""
