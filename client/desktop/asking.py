r"""Asks the terminal for its clipboard, where this machine has no tools, as when the client itself runs over ssh.

```
IDLE ──a read──▶ PROBING ──what the terminal is──▶ READING ──the data, or time──▶ IDLE
```

The terminal is asked what it is when its clipboard is wanted first. It is asked by kitty's OSC 5522 if it knows that,
and by OSC 52 if it has a name, and none of a terminal that takes the query for a write of nothing. Its replies are
taken out of the input. A reply of the same form that a program waits for is as good as another.

Sources: kitty's "Copying all data types to the clipboard", XTerm's control sequences (DECRQM, XTVERSION, OSC 52).
"""

from __future__ import annotations

import binascii
import os
import re
from collections.abc import Callable
from enum import Enum, auto
from math import inf
from typing import NamedTuple

from sesh.desktop.targets import TEXT
from sesh.wire.pieces import MAX_BYTES

PROBE_TIME = 2.0  # seconds for a terminal to say what it is
READ_TIME = 25.0  # seconds for its clipboard: kitty and iTerm2 ask the person
_PROBE = b"\x1b[?5522$p\x1b[>0q\x1b[c"
_EMPTIES = ("konsole",)  # terminals that take a query by OSC 52 for a write of nothing
_IGNORES = ("wezterm", "vte", "windows terminal")  # they never reply
_REPLY = re.compile(
    rb"\x1b\[\?5522;(?P<mode>[0-9])\$y|\x1bP>\|(?P<name>[^\x00-\x1f]*)\x1b\\|(?P<attributes>\x1b\[\?[0-9;]*c)"
    rb"|\x1b\]52;[^;\x00-\x1f]*;(?P<text>[A-Za-z0-9+/=]*)(?:\x07|\x1b\\)"
    rb"|\x1b\]5522;(?P<keys>[^;\x00-\x1f]*)(?:;(?P<data>[^\x00-\x1f]*))?(?:\x07|\x1b\\)"
)
_BEGUN = re.compile(rb"\x1b(?:\[\?[0-9;]*\$?|P(?:>(?:\|[^\x00-\x1f]*\x1b?)?)?|\](?:5[^\x00-\x1f]*\x1b?)?)\Z")

Done = Callable[[dict[str, bytes]], None]  # called with the data, by type


class AskingState(Enum):
    """What the terminal is asked: see the drawing above."""

    IDLE = auto()
    PROBING = auto()
    READING = auto()


class Way(Enum):
    """How a terminal's clipboard is read."""

    UNKNOWN = auto()
    KITTY = auto()
    OSC_52 = auto()
    NONE = auto()


class _Read(NamedTuple):
    mime: str
    done: Done


class TerminalClipboard:
    """Sans-I/O but for `send`, which writes to the terminal between two sequences. Times are monotonic.

    `due`: the time at which `act` is to be called.
    """

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send = send
        self.state, self.way, self.due = AskingState.IDLE, Way.UNKNOWN, inf
        self._read: _Read | None = None
        self._name, self._knows_5522 = "", False
        self._id, self._found = b"", dict[str, bytearray]()
        self._begun = b""

    def read(self, mime: str, done: Done, now: float) -> None:
        """Read content of a type, or with `.` the types; only one read at a time gets anything."""
        if self.state is not AskingState.IDLE or self.way is Way.NONE:
            done({})
            return
        self._read = _Read(mime, done)
        if self.way is Way.UNKNOWN:
            self.state, self.due = AskingState.PROBING, now + PROBE_TIME
            self._send(_PROBE)
        else:
            self._ask(now)

    def _asks(self) -> bool:
        return self.state is not AskingState.IDLE

    def take(self, data: bytes, now: float) -> bytes:
        """Return input without the terminal's replies to this."""
        data, self._begun = self._begun + data, b""
        if not self._asks():
            return data
        kept = bytearray()
        start = 0
        for match in _REPLY.finditer(data):
            if self._handle(match, now):
                kept += data[start : match.start()]
                start = match.end()
        rest = data[start:]
        if self._asks() and (begun := _BEGUN.search(rest)) is not None:
            rest, self._begun = rest[: begun.start()], rest[begun.start() :]
        return bytes(kept) + rest

    def act(self, now: float) -> bytes:
        """Give up what takes too long; return input that was held back."""
        if now < self.due:
            return b""
        held, self._begun = self._begun, b""
        if self.state is AskingState.PROBING:
            self._know(now)
        else:
            self._end({})
        return held

    def _handle(self, match: re.Match[bytes], now: float) -> bool:
        """Handle a reply; return whether it is one to this."""
        kind = next(name for name, value in match.groupdict().items() if value is not None)
        if self.state is AskingState.PROBING:
            if kind == "mode":
                self._knows_5522 = match["mode"] in b"123"
            elif kind == "name":
                self._name = str(match["name"], "utf-8", "replace").lower()
            elif kind == "attributes":
                self._know(now)
            return kind in ("mode", "name", "attributes")
        if self.state is AskingState.READING and kind == "text" and self.way is Way.OSC_52:
            self._end({TEXT: _decoded(match["text"])})
            return True
        if self.state is AskingState.READING and kind in ("keys", "data") and self.way is Way.KITTY:
            return self._handle_kitty(match["keys"], match["data"] or b"", now)
        return False

    def _handle_kitty(self, fields: bytes, data: bytes, now: float) -> bool:
        keys = dict(field.partition(b"=")[::2] for field in fields.split(b":"))
        if keys.get(b"id") != self._id or keys.get(b"type") != b"read":
            return False
        status = keys.get(b"status", b"")
        self.due = now + READ_TIME
        if status == b"DATA":
            mime = _decoded(keys.get(b"mime", b"")).decode(errors="replace")
            self._found.setdefault(mime, bytearray()).extend(_decoded(data))
            if sum(map(len, self._found.values())) > MAX_BYTES:
                self._end({})
        elif status != b"OK":
            self._end({mime: bytes(found) for mime, found in self._found.items()} if status == b"DONE" else {})
        return True

    def _know(self, now: float) -> None:
        """Choose the way, and ask."""
        is_named = self._name != "" and not self._name.startswith(_EMPTIES + _IGNORES)
        self.way = Way.KITTY if self._knows_5522 else Way.OSC_52 if is_named else Way.NONE
        self._ask(now)

    def _ask(self, now: float) -> None:
        assert self._read is not None  # noqa: S101 (it is why the terminal is asked)
        mime = self._read.mime
        self.state, self.due = AskingState.READING, now + READ_TIME
        self._found = {}
        if self.way is Way.KITTY:
            self._id = os.urandom(4).hex().encode()
            self._send(b"\x1b]5522;type=read:id=%s;%s\x1b\\" % (self._id, _encoded(mime.encode())))
        elif self.way is Way.OSC_52 and mime == TEXT:
            self._send(b"\x1b]52;c;?\x1b\\")
        else:
            # OSC 52 has no list: a read shows whether there is text.
            self._end({mime: TEXT.encode()} if self.way is Way.OSC_52 and mime == "." else {})

    def _end(self, found: dict[str, bytes]) -> None:
        read, self._read = self._read, None
        self.state, self.due = AskingState.IDLE, inf
        if read is not None:
            read.done(found)


def _encoded(data: bytes) -> bytes:
    return binascii.b2a_base64(data, newline=False)


def _decoded(data: bytes) -> bytes:
    try:
        return binascii.a2b_base64(data)
    except binascii.Error:
        return b""
