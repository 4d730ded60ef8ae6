"""Find the detach key in the terminal's input."""

from __future__ import annotations

import re
from math import inf

from sesh.text import keys
from sesh.text.keys import ESCAPE, MODIFIER_KEYS, PASTE, PASTE_END, PRESS, RELEASE, DetachKey, Key

FLUSH_DELAY = 0.01  # seconds to hold an incomplete sequence before `flush`: a person notices no such delay of Escape
_PASTE_TIMEOUT = 5.0  # a paste ends after so many seconds without a byte: some terminals lose its end marker
_BURST_SIZE, _BURST_TIME = 64, 0.01  # so many bytes of text within so many seconds are a paste without markers
_STRING_REPLY = re.compile(rb"\x1b[\]P_^X][^\x00-\x1f\x7f]*(?P<end>\x07|\x1b\\|\x1b?\Z)")
"""A reply in a string (OSC, DCS and the like), or the beginning of one."""
_MAX_UNCOUNTED = 4 << 10
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
        self.holding = False
        self._incomplete = b""  # a sequence whose end has not come
        self._passed = 0  # how many bytes of `_incomplete` the program has got already
        self._first_key = b""  # the first of a detach key's two keys, while the parser awaits the second
        self._pasting = False
        self._read_at = -inf
        self._burst_at = -inf
        self._burst_size = 0  # bytes of text
        self._uncounted = b""  # the last bytes of the burst, which may begin a key, a report or the end of a paste

    def feed(self, data: bytes, now: float | None = None) -> ParsedInput:
        """Return the input that `data` completes; drop what follows the detach key.

        `now`: the time in seconds, to recognize bursts and unfinished pastes.
        """
        key = self._key
        if now is not None:
            self._pasting = self._pasting and now < self._read_at + _PASTE_TIMEOUT
            self._read_at = now
            if now >= self._burst_at + _BURST_TIME:
                self._burst_at = now
                self._burst_size = 0
                self._uncounted = b""
            self._burst_size += self._text_size(data)
            if self._burst_size >= _BURST_SIZE and keys.token(data, 0)[0] < len(data):  # a key alone was pressed
                key = _NO_KEY
        if self._incomplete or self._first_key or self._pasting or self._token_start.search(data):
            return self._parse(key, data, flush=False)
        return data, False

    def flush(self) -> ParsedInput:
        """Return the held bytes, as no further byte has come."""
        return self._parse(self._key, b"", flush=True)

    def _text_size(self, data: bytes) -> int:
        """Count the bytes of text in `data`, up to `_BURST_SIZE`: all but keys and reports in sequences, and pastes."""
        # A client that was stopped, or is on a slow line, reads at once the keys that were held for seconds.
        if not (self._pasting or self._uncounted or ESCAPE in data):
            return len(data)
        data = self._uncounted + data
        self._uncounted = b""
        pasting = self._pasting
        size = start = 0
        while start < len(data) and size < _BURST_SIZE:
            if pasting:
                start, begun = keys.paste_end(data, start)
                pasting = start < 0
                if pasting:
                    self._uncounted = data[len(data) - begun :]
                    break
            string = _STRING_REPLY.match(data, start)
            end, is_whole = (string.end(), string["end"] not in (b"", ESCAPE)) if string else keys.token(data, start)
            token = data[start:end]
            pasting = token == PASTE
            if not is_whole and len(token) < _MAX_UNCOUNTED:
                self._uncounted = token
            elif not is_whole or not (string or _is_sequence_of_key_or_report(token)):
                size += len(token)
            start = end
        return size

    def _parse(self, key: DetachKey, data: bytes, *, flush: bool) -> ParsedInput:
        """Parse the held bytes and `data`. `flush`: hold no byte back."""
        buffer = self._incomplete + data
        passed = self._passed
        self._incomplete = b""
        self._passed = 0
        self.holding = False
        program_input = bytearray()
        end = 0
        while end < len(buffer):
            start = end
            if not self._first_key:  # skip plain text; after the first of two keys any byte may be the second
                match = self._token_start.search(buffer, start)
                start = match.start() if match else len(buffer)
                program_input += buffer[max(end, passed) : start]
            if start == len(buffer):
                break
            end, complete = self._token(key, buffer, start, passed)
            token = buffer[start:end]
            unpassed = buffer[max(start, passed) : end]
            if unpassed and (complete or flush):
                token_input = self._handle_token(key, token, unpassed)
                if token_input is None:
                    return bytes(program_input), True
                program_input += token_input
            if not complete:  # the token may still become a key or the start of a paste
                self._incomplete = token
                self._passed = len(token) if flush else len(token) - len(unpassed)
                self.holding = unpassed != b"" and not flush
        return bytes(program_input), False

    @staticmethod
    def _token(key: DetachKey, buffer: bytes, start: int, passed: int) -> tuple[int, bool]:
        """Return the end of the key or report at `start`, and whether it is complete."""
        end, complete = keys.token(buffer, start)
        token = buffer[start:end]
        if token[:1] != ESCAPE or token[1:2] in (b"", b"["):
            return end, complete
        escape_flushed = start < passed  # before the other bytes of the token came
        before_control = token[1] < 0x20 or token[1] == 0x7F
        is_detach_key = token in (key.first.application, key.second and key.second.application)
        if escape_flushed or (before_control and not is_detach_key):
            return start + 1, True  # the Escape is a key of its own
        return end, complete

    def _handle_token(self, key: DetachKey, token: bytes, unpassed: bytes) -> bytes | None:
        """Return the input for the program; None if the token completes the detach key.

        `unpassed`: the bytes of the token that the program has not got yet.
        """
        if self._pasting or token == PASTE:
            self._pasting = token != PASTE_END
            first_key, self._first_key = self._first_key, b""
            return first_key + unpassed
        chord, event = keys.chord_of(token) or (None, PRESS)
        is_first = keys.matches(key.first, token, chord)
        if self._first_key:
            is_modifier = chord is not None and chord[1] in MODIFIER_KEYS
            if is_modifier or event == RELEASE or keys.is_report(token):
                return unpassed  # such a token does not separate the two keys
            first_key = self._first_key
            self._first_key = b""
            if key.second is not None and keys.matches(key.second, token, chord):
                return None
            return unpassed if is_first else first_key + unpassed
        if not is_first:
            return unpassed
        if key.second is None:
            return b"" if event == RELEASE else None  # the release of the detach key is not input either
        if event == RELEASE:
            return unpassed
        self._first_key = unpassed
        return b""


def _is_sequence_of_key_or_report(token: bytes) -> bool:
    if token[:1] != ESCAPE:
        return False
    return token[1:2] != b"[" or keys.is_report(token) or keys.chord_of(token) is not None
