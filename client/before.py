"""Keep what the terminal had before the session changed it: colours, tab stops, the cursor's shape, kitty's flags.

The terminal is asked before the sequence that makes the first change, in the same write, so output never waits. Replies
of one name come in the order of the queries. Each name has one state:

    a change that the terminal can be asked before ──▶ ASKED ──the reply──▶ KNOWN
    a change that has passed, at least in part      ──▶ UNKNOWN

A name leaves its last state only with the settings of the whole session: a later value would be the session's own.
Sources: XTerm's control sequences (OSC 4, 5, 10 to 19), DEC STD 070 (DECRQSS, DECRQTSR, DECRSTS), kitty's OSC 21
and keyboard protocol.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from re import Match

from sesh.vt.osc_values import COLOUR_NUMBERS, changed

SHAPE, TABS, FLAGS = "shape", "tabs", "flags"
AFTER_RIS = (SHAPE, TABS, FLAGS, "10", "11", "12")  # what RIS changes, as far as one query can tell it
_MAX_NAMES = 600  # more than the palette, the special colours and all other names
_MAX_HELD = 4 << 10  # bytes of an unfinished reply
_EXPECTED = 5.0  # seconds in which a reply is expected
_QUERIES = {SHAPE: b"\x1bP$q q\x1b\\", TABS: b"\x1b[2$w", FLAGS: b"\x1b[?u"}  # DECRQSS of DECSCUSR, DECRQTSR, kitty's
_REPLY = re.compile(
    rb"\x1b(?:\](?P<colour>[45];[0-9]{1,3}|1[0-9]|21;[a-z0-9_]{1,40})[;=](?P<value>[#A-Za-z0-9:/., @-]{0,64})"
    rb"(?:\x07|\x1b\\)|P1\$r(?P<shape>[0-9]?) q\x1b\\|P2\$u(?P<tabs>[0-9/]*)\x1b\\|\[\?(?P<flags>[0-9]{1,3})u)"
)
_BEGINS = re.compile(rb"\x1b(?:[\]P][^\x00-\x1f\x7f]*\x1b?|\[(?:\?[0-9]{0,3})?)?\Z")
"""Matches the beginning of a reply at the end of the input."""


class _State(Enum):
    ASKED = auto()
    KNOWN = auto()
    UNKNOWN = auto()


@dataclass
class _Value:
    """What the terminal had under one name. `ahead`: replies of that name that come first, and are the program's."""

    state: _State
    ahead: int = 0
    back: bytes = b""  # what gives the value back, once KNOWN


class Before:
    """Sans-I/O: the caller sends `questions` before the change, and passes all input through `take`.

    `prints_strings`: the terminal prints the content of a DCS, so no query is sent in one.
    """

    def __init__(self, *, prints_strings: bool = False) -> None:
        self._prints_strings = prints_strings
        self._values: dict[str, _Value] = {}
        self._programs: Counter[str] = Counter()  # queries of the program without a reply, of names without a state
        self._questions: list[bytes] = []
        self._expected_until = 0.0
        self._held = b""  # the beginning of what may be a reply

    def note_osc(self, number: int, body: bytes, *, may_ask: bool) -> None:
        """Note an OSC that may change colours or query them. `may_ask`: none of it has passed yet."""
        if number not in COLOUR_NUMBERS:
            return
        rest = body.decode("ascii", "replace")
        changes = changed({}, str(number), rest)
        if "?" in rest:  # the names that a query has are those that it would change with a value
            self._programs.update(changed({}, str(number), rest.replace("?", "0")).keys() - changes.keys())
        self.note(changes, may_ask=may_ask)

    def note_query(self, name: str) -> None:
        """Note a query of the program for what is no colour."""
        self._programs[name] += 1

    def note(self, names: Iterable[str], *, may_ask: bool) -> None:
        """Note what a sequence changes. `may_ask`: none of it has passed yet."""
        for name in names:
            if name in self._values or len(self._values) >= _MAX_NAMES:
                continue
            query = _QUERIES.get(name) or b"\x1b]%s?\x1b\\" % _named(name)
            asks = may_ask and not (self._prints_strings and query.startswith(b"\x1bP"))
            self._values[name] = _Value(_State.ASKED if asks else _State.UNKNOWN, self._programs.pop(name, 0))
            if asks:
                self._questions.append(query)

    def questions(self, now: float) -> bytes:
        """Return the queries to send before the changes that were noted last. `now`: the time in seconds."""
        if not self._questions:
            return b""
        self._expected_until = now + _EXPECTED
        questions = b"".join(self._questions)
        self._questions.clear()
        return questions

    @property
    def asks(self) -> bool:
        """True if queries wait to be sent."""
        return self._questions != []

    @property
    def holding(self) -> bool:
        """True if the end of the last input may begin a reply; without more input, call `flush`."""
        return self._held != b""

    @property
    def awaits(self) -> bool:
        """True while a query has no reply."""
        return any(value.state is _State.ASKED for value in self._values.values())

    def take(self, data: bytes, now: float) -> bytes:
        """Return input without the replies to the queries, and without what may begin one. `now`: the time."""
        if not (self._values or self._programs) or (b"\x1b" not in data and not self._held):
            return data
        data, self._held = self._held + data, b""
        rest = _REPLY.sub(self._without, data)
        begun = _BEGINS.search(rest) if now < self._expected_until and self.awaits else None
        if begun is None or len(begun[0]) > _MAX_HELD:
            return rest
        self._held = begun[0]
        return rest[: begun.start()]

    def flush(self) -> bytes:
        """Return the held bytes, as no further byte has come."""
        held, self._held = self._held, b""
        return held

    def _without(self, match: Match[bytes]) -> bytes:
        """Return a reply that is the program's; keep another one."""
        name = _name(match)
        if (value := self._values.get(name)) is None:
            self._programs[name] -= self._programs[name] > 0
            return match[0]
        if value.state is not _State.ASKED:
            return match[0]
        if value.ahead:
            value.ahead -= 1
            return match[0]
        value.back = _back(name, match)
        value.state = _State.KNOWN if value.back else _State.UNKNOWN
        return b""

    def known(self) -> Iterator[tuple[str, bytes]]:
        """Yield each name whose value is known, and the bytes that give it back."""
        for name, value in self._values.items():
            if value.state is _State.KNOWN:
                yield name, value.back


def _named(name: str) -> bytes:
    """Return the beginning of the OSC that has a colour's value."""
    return name.encode() + (b"=" if name.startswith("21;") else b";")


def _name(match: Match[bytes]) -> str:
    if match["colour"] is not None:
        return str(match["colour"], "ascii")
    return next(name for name in (SHAPE, TABS, FLAGS) if match[name] is not None)


def _back(name: str, match: Match[bytes]) -> bytes:
    """Return the bytes that give back what a reply tells; empty if it tells nothing."""
    if name == SHAPE:
        return b"\x1b[%s q" % (match["shape"] or b"0")
    if name == FLAGS:
        return b"\x1b[=%s;1u" % match[FLAGS]
    if name == TABS:
        return b"\x1bP2$t%s\x1b\\" % match["tabs"]  # DECRSTS, in the form of the report, moves no cursor
    return b"\x1b]%s%s\x1b\\" % (_named(name), match["value"]) if match["value"] else b""
