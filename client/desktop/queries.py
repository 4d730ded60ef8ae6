r"""Queries of programs for the clipboard (OSC 52, and kitty's OSC 5522): kept from the terminal, and answered here.

A terminal would answer by its own rule, or not at all, or take the query for a write of nothing, as Konsole does. So
NULs take a query's place, which terminals ignore, so that positions in the output stay as they are. It is the only
output that a client holds back. A beginning of one waits for its rest.

Sources: XTerm's control sequences (OSC 52), kitty's "Copying all data types to the clipboard" (OSC 5522).
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from sesh.client.desktop.exchanges import Exchange, State
from sesh.desktop.targets import TEXT
from sesh.wire.messages import Ask, Told, Why, Wish, refusal
from sesh.wire.pieces import Flow

MAX_TEXT = 1 << 20  # bytes of text in one answer
_MAX_STRING = 2 * MAX_TEXT  # bytes of base64 that are looked at
_MAX_HELD = 4 << 10  # bytes of the beginning of a string; a longer one is no program's, and is kept
_MAX_TYPES = 2 << 10
_CHUNK = 4096  # bytes of data in one OSC 5522
_LIST = "."
_OSC_52, _OSC_5522, _OSC_1337 = 52, 5522, 1337
_WRAP = 1 << 16  # a terminal may read a number modulo a multiple of this
_COPY = b"Copy"  # how the writes of OSC 1337 begin
_WRITES_5522 = frozenset((b"write", b"wdata", b"walias"))
_BEL, _ESCAPE, _ST, _ST_8 = b"\x07", b"\x1b", b"\x1b\\", b"\xc2\x9c"
# Terminals pass over these within a string, and between Escape and `]`.
_PASSED_OVER = bytes((*range(0x07), *range(0x08, 0x18), 0x19, *range(0x1C, 0x20), 0x7F))
_PASSED_OVER_8 = re.compile(rb"\xc2[\x80-\x9b\x9e\x9f]")
_BEHIND_ESCAPE = frozenset((*range(0x18), 0x19, *range(0x1C, 0x20)))
_OPENING = re.compile(rb"\](?<=[\x00-\x1f]\])")  # it begins with a character, so the search is fast
_OPENING_8 = re.compile(rb"\](?<=[\x00-\x1f]\])|\xc2\x9d")
_STOP = re.compile(rb"[\x07\x18\x1a\x1b]|\xc2[\x9c\x9d]|\xc2\Z")
_SELECTION = re.compile(rb"[!-:<-~]{0,64}")
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


class _Kind(Enum):
    """What a control string is."""

    UNKNOWN = auto()  # more of it must come
    OTHER = auto()
    QUERY = auto()
    WRITE = auto()


class QueryKeeper:
    """Takes queries out of output. `found`: called for each, once; `wrote`: with what OSC 52 puts on the clipboard.

    `keeps_writes`: what would write the clipboard is kept from the terminal, too.

    Terminals read more than what is usual: 052, or a number that overflows, for 52; controls within a string; any
    escape sequence as its end. So whatever one of them may take for a query is kept.
    """

    def __init__(
        self,
        found: Callable[[Query], None],
        wrote: Callable[[bytes], None] = lambda _: None,
        *,
        keeps_writes: bool = False,
    ) -> None:
        self._found, self._wrote, self._keeps_writes = found, wrote, keeps_writes
        self._kind = _Kind.OTHER  # of the string that goes on
        self._text = bytearray()  # of a query or a write that goes on, without what terminals pass over
        self._held = b""  # the beginning of a string, until it tells what it is
        self._next = 0  # the position behind all that has come

    def take(self, position: int, data: bytes) -> tuple[int, bytes]:
        """Return the output that can be shown now, and its position, from output at a position."""
        if position == self._next:
            position, data = position - len(self._held), self._held + data
        elif position != self._next - len(self._held):
            self._kind = _Kind.OTHER
        self._next = position + len(data)
        shown = self._shown(data)
        self._held = data[len(shown) :]
        return position, shown

    def screen(self, data: bytes, position: int | None) -> bytes:
        """Return what can be shown now of a screen, or of a part of one, which has no `position`.

        A screen may end with the beginning of a sequence, of which the output from its position on has the rest. What
        is held back of a part belongs to the next one, and is the caller's.
        """
        self._kind = _Kind.OTHER
        shown = self._shown(data)
        self._held, self._next = (b"", -1) if position is None else (data[len(shown) :], position)
        return shown

    def whole(self, data: bytes) -> bytes:
        """Return the end of the output without queries, and without the beginning of one."""
        shown = self.screen(data, None)
        return shown + bytes(len(data) - len(shown))

    def _shown(self, data: bytes) -> bytes:
        """Return what can be shown now, from the beginning of data on."""
        if self._kind is _Kind.OTHER and _ESCAPE not in data and b"\xc2" not in data:  # nothing else begins a string
            return data
        shown: list[bytes] = []
        start = 0
        while start < len(data):
            text = start
            if self._kind is _Kind.OTHER:
                begin, text = _next_string(data, start)
                shown.append(data[start:begin])
                start = begin
                kind = _kind_of(data, text) if text else _Kind.UNKNOWN
                if kind is _Kind.OTHER:
                    shown.append(data[begin:text])
                    start = text
                    continue
                if kind is _Kind.UNKNOWN and len(data) - begin <= _MAX_HELD:
                    break
                if not text:  # an Escape, and thousands of controls
                    shown.append(bytes(len(data) - begin))
                    break
                self._kind = _Kind.QUERY if kind is _Kind.UNKNOWN else kind
                self._text.clear()
            end, last = _end_of_string(data, text)
            if len(self._text) <= _MAX_STRING:
                self._text += data[text:end].translate(None, _PASSED_OVER)
            is_kept = self._kind is _Kind.QUERY or self._keeps_writes
            if last is not None:
                end += len(last)
                self._finish(last)
            shown.append(bytes(end - start) if is_kept else data[start:end])
            start = end
            if last is None:
                break
        return b"".join(shown)

    def _finish(self, last: bytes) -> None:
        """Handle the end of a query or a write. `last`: what has ended it."""
        kind, self._kind = self._kind, _Kind.OTHER
        if len(self._text) > _MAX_STRING:
            return
        if kind is _Kind.QUERY:
            query = _query(bytes(self._text), last)
            if query is not None:
                self._found(query)
        elif not self._keeps_writes and (written := _written(bytes(self._text))):
            self._wrote(written)


def _next_string(data: bytes, start: int) -> tuple[int, int]:
    """Return where the next control string begins, and where its text does; 0 if at most a beginning has come."""
    for found in (_OPENING_8 if b"\xc2\x9d" in data else _OPENING).finditer(data, start):
        escape = _first_escape(data, start, found.start())
        if escape >= 0 or data[found.start()] == 0xC2:
            return escape if escape >= 0 else found.start(), found.end()
    end = len(data) - data.endswith(b"\xc2")
    escape = _first_escape(data, start, end)
    return escape if escape >= 0 else end, 0


def _first_escape(data: bytes, start: int, end: int) -> int:
    """Return where the Escapes begin that stand before `end`, also with what terminals pass over; -1 without one.

    None of them may be shown if what follows is kept: it would take a `]` behind that for its own.
    """
    first = -1
    while end > start and (data[end - 1] in _BEHIND_ESCAPE or data[end - 1] == 0x1B):
        end -= 1
        if data[end] == 0x1B:
            first = end
    return first


def _end_of_string(data: bytes, start: int) -> tuple[int, bytes | None]:
    """Return where a string's text ends, and what ends it of which nothing else begins; None if that has not come."""
    stop = _STOP.search(data, start)
    if stop is None:
        return len(data), None
    end, last = stop.start(), stop[0]
    if last in (_ESCAPE, b"\xc2"):
        following = data[end : end + 2]
        return end, None if len(following) < 2 else _ST if following == _ST else b""
    return end, b"" if last == b"\xc2\x9d" else last


def _kind_of(data: bytes, start: int) -> _Kind:
    """Return what a control string is, by what has come of its text."""
    end, last = _end_of_string(data, start)
    is_whole = last is not None and end <= start + _MAX_HELD
    beginning = data[start : min(end, start + _MAX_HELD)].translate(None, _PASSED_OVER)
    digits, separator, rest = _PASSED_OVER_8.sub(b"", beginning).partition(b";")
    if not digits.isdigit() or not separator:
        return _Kind.OTHER if is_whole or digits.strip(b"0123456789") else _Kind.UNKNOWN
    number = int(digits) % _WRAP
    fields, separator, payload = rest.partition(b";")
    if number == _OSC_52 and payload:
        return _Kind.QUERY if payload.startswith(b"?") else _Kind.WRITE
    if number == _OSC_5522 and (separator or is_whole):
        types = {field[5:] for field in fields.split(b":") if field.startswith(b"type=")}
        return _Kind.WRITE if types and types <= _WRITES_5522 else _Kind.QUERY
    if number == _OSC_1337 and (len(rest) >= len(_COPY) or not _COPY.startswith(rest)):
        return _Kind.WRITE if rest.startswith(_COPY) else _Kind.OTHER
    if number in (_OSC_52, _OSC_5522, _OSC_1337):
        return _Kind.WRITE if is_whole else _Kind.UNKNOWN
    return _Kind.OTHER


def _written(text: bytes) -> bytes:
    """Return what a write by OSC 52 puts on the clipboard, and not on PRIMARY alone; empty if nothing."""
    _, selection, payload = [*text.split(b";", 2), b"", b""][:3]
    if selection and not {*b"cs"} & {*selection}:
        return b""
    try:
        return binascii.a2b_base64(payload)
    except binascii.Error:
        return b""


def _query(text: bytes, end: bytes) -> Query | None:
    """Return a query by its text; None if it has no form that a program would use. `end`: what has ended it."""
    _, fields, payload = [*text.split(b";", 2), b"", b""][:3]
    end = end if end in (_BEL, _ST_8) else _ST
    if payload == b"?":
        return Query(b"52;" + fields, b"", end, (TEXT,)) if _SELECTION.fullmatch(fields) else None
    if b"type=read" not in fields.split(b":") or len(payload) > _MAX_TYPES:
        return None
    identity = _ID.search(fields)
    try:
        types = binascii.a2b_base64(payload).decode().split()
    except ValueError:
        types = []
    return Query(b"5522;type=read", b":" + identity[1] if identity is not None else b"", end, tuple(types or [_LIST]))


class Answer(Exchange):
    """A query as an exchange: its bytes go to the program as what a terminal replies.

    `reply`: types that, and returns False instead if too much of what was typed has not reached the program.
    """

    def __init__(self, query: Query, number: int, reply: Callable[[bytes], bool]) -> None:
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
            if not self._reply(reply(self._query, told, bytes(self.flow.unsent))):
                self._reply(reply(self._query, refusal(Why.SIZE), b""))


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
