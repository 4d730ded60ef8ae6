r"""Queries of programs for the clipboard (OSC 52, and kitty's OSC 5522): kept from the terminal, and answered here.

A terminal would answer by its own rule, or not at all, or take the query for a write of nothing, as Konsole does. So
NULs take a query's place, which terminals ignore, so that positions in the output stay as they are. It is the only
output that a client holds back. A beginning of one waits for its rest; a query in a screen is whole.

Sources: XTerm's control sequences (OSC 52), kitty's "Copying all data types to the clipboard" (OSC 5522).
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from sesh.client.desktop.exchanges import Exchange, State
from sesh.desktop.targets import TEXT
from sesh.wire.messages import Ask, Told, Why, Wish
from sesh.wire.pieces import Flow

MAX_TEXT = 1 << 20  # bytes of text in one answer
_MAX_BEGUN = 4 << 10
_CHUNK = 4096  # bytes of data in one OSC 5522
_LIST = "."
_OSC, _END = rb"(?:\x1b\]|\xc2\x9d)", rb"(?P<end>\x07|\x1b\\|\xc2\x9c)"
_QUERY = re.compile(
    _OSC + rb"(?:52;(?P<selection>[^;\x00-\x1f\xc2]{0,64});\?"
    rb"|5522;(?P<keys>(?:[^;\x00-\x1f]{0,512}:)?type=read(?::[^;\x00-\x1f]{0,512})?)(?:;(?P<types>[^;\x00-\x1f]{0,2048}?))?)"
    + _END
)
_WRITE = re.compile(rb"\x1b\]52;(?:[^;\x00-\x1f]{0,16}[cs][^;\x00-\x1f]{0,16})?;(?=[A-Za-z0-9+/])")
"""Matches the beginning of a write to the clipboard, and not to PRIMARY alone."""
_BASE64 = re.compile(rb"[A-Za-z0-9+/=]*")
_NUMBERS = (b"52;", b"5522;")
_HEADS = (b"]52;", b"]5522;", b"\x9d52;", b"\x9d5522;")
_BEGUN = re.compile(rb"(?:\x1b\]|\xc2\x9d)(?P<text>[^\x00-\x1f]*?)[\x1b\xc2]?\Z")
_ID = re.compile(rb"(?:^|:)(id=[A-Za-z0-9_+.-]{1,64})(?=:|$)")


@dataclass(frozen=True)
class Query:
    """A query for the clipboard. `types`: MIME types, the best first; `.` for a list. `keys`: of the answer."""

    head: bytes
    keys: bytes
    end: bytes
    types: tuple[str, ...] = ()

    @property
    def is_kitty(self) -> bool:
        return self.head.startswith(b"5522")

    @property
    def wish(self) -> Wish:
        return Wish.LIST if self.types == (_LIST,) else Wish.READ


class WriteFinder:
    """Finds what programs put on the clipboard by OSC 52, in output in pieces of any size."""

    def __init__(self) -> None:
        self._begun: bytearray | None = None  # base64 of a write that goes on

    def feed(self, data: bytes) -> list[bytes]:
        """Return the text of each write that the data completes."""
        found: list[bytes] = []
        start = 0
        while True:
            if self._begun is None:
                match = _WRITE.search(data, start) if b"]52;" in data else None
                if match is None:
                    return found
                self._begun, start = bytearray(), match.end()
            end = _BASE64.match(data, start).end()  # type: ignore[union-attr]  # it matches anything
            self._begun += data[start:end]
            if end == len(data) and len(self._begun) <= 2 * MAX_TEXT:
                return found
            if data[end : end + 1] in (b"\x07", b"\x1b") and len(self._begun) <= 2 * MAX_TEXT:
                with suppress(binascii.Error):
                    found.append(binascii.a2b_base64(self._begun))
            self._begun, start = None, end


class QueryKeeper:
    """Takes queries out of output. `found`: called for each, once; `wrote`: with what OSC 52 puts on the clipboard."""

    def __init__(self, found: Callable[[Query], None], wrote: Callable[[bytes], None] = lambda _: None) -> None:
        self._found, self._wrote = found, wrote
        self._writes = WriteFinder()
        self._held, self._held_at = b"", 0  # the beginning of a query, and its position

    def take(self, position: int, data: bytes) -> tuple[int, bytes]:
        """Return the output that can be shown now, and its position, from output at a position."""
        if self._held and position == self._held_at + len(self._held):
            position, data = self._held_at, self._held + data
        self._held = b""
        data = self._without_queries(data)
        if (size := _begun(data)) > 0:
            self._held, self._held_at = data[-size:], position + len(data) - size
            data = data[:-size]
        for text in self._writes.feed(data):
            self._wrote(text)
        return position, data

    def whole(self, data: bytes) -> bytes:
        """Return a screen, or the end of the output, without queries."""
        self._held = b""
        self._writes = WriteFinder()
        for text in self._writes.feed(data):
            self._wrote(text)
        return self._without_queries(data)

    def _without_queries(self, data: bytes) -> bytes:
        if not any(head in data for head in _HEADS):  # much faster than the pattern
            return data
        return _QUERY.sub(self._kept, data)

    def _kept(self, match: re.Match[bytes]) -> bytes:
        if (query := _query(match)) is not None:
            self._found(query)
        return bytes(len(match[0]))


def _begun(data: bytes) -> int:
    """Return the size of the end of output that may become a query."""
    tail = data[-_MAX_BEGUN:]
    start = max(tail.rfind(b"\x1b]"), tail.rfind(b"\xc2\x9d"))
    match = _BEGUN.match(tail, start) if start >= 0 else None
    if match is None:
        return int(data[-1:] in (b"\x1b", b"\xc2"))
    text = match["text"]
    size = len(tail) - match.start()
    if any(number.startswith(text) for number in _NUMBERS):
        return size
    if text.startswith(b"52;"):
        _, separator, rest = text[3:].partition(b";")
        return size if not separator or rest in (b"", b"?") else 0
    keys, separator, _ = text[5:].partition(b";")
    is_read = not separator or re.search(rb"(?:^|:)type=read(?::|$)", keys) is not None
    return size if text.startswith(b"5522;") and is_read else 0


def _query(match: re.Match[bytes]) -> Query | None:
    if match["selection"] is not None:
        return Query(b"52;" + match["selection"], b"", match["end"], (TEXT,))
    identity = _ID.search(match["keys"])
    keys = b":" + identity[1] if identity is not None else b""
    try:
        types = binascii.a2b_base64(match["types"] or b"").decode().split()
    except ValueError:
        types = []
    return Query(b"5522;type=read", keys, match["end"], tuple(types or [_LIST]))


class Answer(Exchange):
    """A query as an exchange: its bytes go to the program as what a terminal replies."""

    def __init__(self, query: Query, number: int, reply: Callable[[bytes], None]) -> None:
        ask: Ask = {"number": number, "wish": query.wish.value, "type": query.types[0], "program": "a program"}
        super().__init__(query.wish, ask, Flow(number), State.DECIDING)
        self._query, self._reply = query, reply

    @property
    def room(self) -> int:
        """The bytes that may be given now: an answer is made as a whole."""
        return 0 if self.over else 1 << 30

    def _end(self, told: Told) -> None:
        if not self.over:
            self.state = State.TOLD
            self._reply(reply(self._query, told, bytes(self.flow.unsent)))


def reply(query: Query, told: Told, data: bytes) -> bytes:
    """Return what a terminal replies to a query."""
    if not query.is_kitty:
        text = data if told.get("ok") and len(data) <= MAX_TEXT else b""
        return b"\x1b]%s;%s%s" % (query.head, binascii.b2a_base64(text, newline=False), query.end)
    if not told.get("ok") and told.get("why") != Why.EMPTY.value:
        status = b"ENOSYS" if told.get("why") in (Why.TOOLS.value, Why.NONE.value) else b"EPERM"
        return _kitty(query, status)
    mime = query.types[0]
    if query.wish is Wish.LIST:
        data = " ".join(told.get("types") or []).encode()
    chunks = [data[start : start + _CHUNK] for start in range(0, len(data), _CHUNK)]
    parts = [_kitty(query, b"DATA:mime=" + _base64(mime.encode()), b";" + _base64(chunk)) for chunk in chunks]
    return b"".join((_kitty(query, b"OK"), *parts, _kitty(query, b"DONE")))


def _kitty(query: Query, status: bytes, data: bytes = b"") -> bytes:
    return b"\x1b]%s:status=%s%s%s%s" % (query.head, status, query.keys, data, query.end)


def _base64(data: bytes) -> bytes:
    return binascii.b2a_base64(data, newline=False)
