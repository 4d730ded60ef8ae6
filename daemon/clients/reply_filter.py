"""Filters a client's input: a reply passes only if the program has queried this terminal.

A late or repeated reply, or one to another terminal's query, would be typed into a shell. So a reply passes only while
a query of its form is open; others are dropped, however they are split over reads. Keys, mouse, focus and pasted text
pass unchanged.
"""

from __future__ import annotations

import re
from collections import deque
from enum import Enum, auto

from sesh.text.keys import MAX_SEQUENCE, paste_end
from sesh.vt.queries import form

OPEN_FOR = 5.0  # seconds that a query is open, and a conversation (`OpenQueries`) after its last query or reply
_LATE = 30.0  # seconds after a query in which its reply may still come late
_MAX_FORMS = 64  # at the limit, all are forgotten
_MAX_QUERIES = 512  # of one form; the oldest is dropped


class OpenQueries:
    """The queries that one terminal has not replied to yet. All times are monotonic.

    The first reply of its form closes a query. A conversation (`queries.Kind.TALK`, such as kitty's graphics)
    may have several replies or none, and closes `OPEN_FOR` after the last one.
    """

    def __init__(self) -> None:
        self._waiting: dict[bytes, deque[float]] = {}  # closing times, the oldest query first
        self._talks: dict[bytes, float] = {}
        self._newest = b""  # the form of the newest query
        self._due_until = 0.0  # until then, its reply may come, perhaps late

    def open(self, form: bytes, now: float, seconds: float = OPEN_FOR) -> None:
        """Open a query for `seconds`. `form`: that of its reply."""
        if form not in self._waiting and len(self._waiting) >= _MAX_FORMS:
            self._waiting.clear()
        self._waiting.setdefault(form, deque(maxlen=_MAX_QUERIES)).append(now + seconds)
        self._newest = form
        self._due_until = now + _LATE

    def open_talk(self, form: bytes, now: float) -> None:
        if form not in self._talks and len(self._talks) >= _MAX_FORMS:
            self._talks.clear()
        self._talks[form] = now + OPEN_FOR

    def due(self, now: float) -> bool:
        """Return whether the newest query may still get its reply: terminals reply in order."""
        return now < self._due_until

    def unanswered(self, form: bytes) -> int:
        """Return how many queries whose reply has this form have none."""
        return len(self._waiting.get(form, ()))

    def expects(self, form: bytes, now: float) -> bool:
        return now < max(self._due_until if self._waiting.get(form) else 0.0, self._talks.get(form, 0.0))

    def take(self, form: bytes, now: float) -> bool:
        """Match a reply with a conversation or its oldest query; return whether it passes."""
        # If all queries of its form are closed, the reply is late: it uses up the newest one, and does not pass.
        if now < self._talks.get(form, 0.0):
            self.open_talk(form, now)
            return True
        waiting = self._waiting.get(form)
        if not waiting:
            return False
        while len(waiting) > 1 and waiting[0] <= now:
            waiting.popleft()
        is_open = now < waiting.popleft()
        if form == self._newest and not waiting:
            self._due_until = 0.0
        return is_open


_KEY_GAP = 0.1  # seconds in which input continues a sequence whose start was passed on as a key
_KEY_GAP_WHILE_DUE = 1.0  # the same while a reply is due, whose rest a slow line may delay
_NOT_TYPED = 3  # bytes in one read that no person types: a read of this size continues a sequence even after `_KEY_GAP`
_PASTE_GAP = 5.0  # seconds without input that end a paste whose end was lost

_PIECE = re.compile(
    rb"""(?P<keys>[^\x1b]+)
    # Incomplete sequences. A mouse report in the old form has three characters, maybe in UTF-8 (mode 1005).
    |(?P<begun>\x1b(?:\[(?:|[0-?]{1,120}[ -/]{0,3}|M(?:[\xc2-\xdf][\x80-\xbf]|[ -\xff]){0,2}[\xc2-\xdf]?)
        |\][0-9]{0,5}|P[0-9;]{0,32}[!$+>]?|_)?\Z)
    |(?P<paste>\x1b\[200~)
    # A terminal's size report (mode 2048): dropped, as the daemon reports the session's size.
    |(?P<size>\x1b\[48;[0-9;:]*t)
    |(?P<focus>\x1b\[[IO])
    # Other reports that a program has switched on: mouse, colour scheme.
    |(?P<report>\x1b\[(?:<[0-9;]+[Mm]|[0-9]+;[0-9]+;[0-9]+M|M(?:[\xc2-\xdf][\x80-\xbf]|[ -\xff]){3}|\?997;[0-9]n))
    # Control sequences that no key sends.
    |(?P<reply>\x1b\[(?:[?>=][0-?]{0,120}[ -/]{0,3}[@-~]
        |[0-9]+;[0-9]+R|[0-9;]+[ntx]|[0-9]+;[0-9;]*\$[@-~]|[0-9][0-9;]*[*"&\#][@-~]))
    # The beginnings of OSC, DCS and APC.
    |(?P<string>\x1b(?:\](?:[0-9]{1,5};|[lL])|P[0-9;]{0,32}(?:[!$+>][@-~]|@)|_[!-~]))
    |(?P<broken>\x1b\[(?![0-9]+\$)[0-?]{1,120}[ -/]{0,3}(?=[\x00-\x1f\x7f-\xff]))
    |(?P<key>\x1b(?:\[[0-?]{0,120}[ -/]{0,3}[@-~]|[^\x1b])?)""",
    re.VERBOSE,
)
_LIKE_KEYS = re.compile(rb"\x1b(?:\[1;(?:[2-9]|1[0-6])R|(?:\][lL]|_[^G])(?![^\x00-\x1f\x7f]*(?:\x07|\x1b\\)))")
"""Keys in the form of replies: F3 with modifiers; Alt with `]` or `_`, then another key, if no terminator follows."""
_MAYBE_KEY = re.compile(rb"\x1b(?:[\[\]P_]|\[[0-9]+\$[ -/]*)?\Z")
"""Keys that start a sequence, too: Escape; Alt with one of `[]P_`; in rxvt keys with Shift, and signs behind them."""
_ENDED_STRING = re.compile(rb"\x1b[^\x00-\x1f\x7f]+(?:\x07|\x1b\\)")
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
_INCOMPLETE = -1  # in the place of a piece's end: the rest of the piece has not come


class _State(Enum):
    """The parser's state; PASSED, DROPPED: in a string that passes, or does not."""

    KEYS = auto()
    PASTE = auto()
    PASSED = auto()
    DROPPED = auto()


class ReplyFilter:
    """Splits one client's input into keys and replies; passes the replies that are due."""

    def __init__(self) -> None:
        self.queries = OpenQueries()
        self.by_person = False  # the last call of `filter` saw keys or a paste
        self.focus_at: list[int] = []  # where in what it returned a report of the focus begins
        self._state = _State.KEYS
        self._begun = b""  # an incomplete sequence
        self._given = 0  # the number of its bytes that were passed on as a key
        self._at = 0.0  # time of the last input
        self._is_focus = False  # the last piece is a report of the focus
        self._is_typed = False  # the last input is as short as keys, and follows a key that has passed

    @property
    def key_begun(self) -> bool:
        """True if bytes are held back that `release` should pass if nothing follows them soon."""
        # While no reply is due, what follows a key that has passed is typed, too, unless its rest comes at once.
        follows_key = self._given > 0 and not self.queries.due(self._at)
        return self._state is _State.KEYS and self._holds and (follows_key or self._may_be_key)

    @property
    def _holds(self) -> bool:
        return self._given < len(self._begun)

    @property
    def _may_be_key(self) -> bool:
        return self._state is _State.KEYS and self._holds and bool(_MAYBE_KEY.match(self._begun))

    def release(self) -> bytes:
        """Return the held bytes of keys or of a paste, because their rest has not come, or comes another way."""
        if not (self.key_begun or (self._state is _State.PASTE and self._holds)):
            return b""
        held = self._begun[self._given :]
        self.by_person = True
        self._given = len(self._begun)
        return held

    def filter(self, data: bytes, now: float) -> bytes:
        """Return the bytes that the program may read; hold back an incomplete sequence."""
        # For example, the reply `ESC [ ? 6 2 c` arrives as `ESC`, then `[?62c`. The Escape is held back while a reply
        # is due; otherwise it may be a key, and passes at once. If the rest comes within `_KEY_GAP`, or is too long to
        # be typed, both are one sequence: it is matched with the open queries, and what has not passed yet passes or
        # is dropped. If the rest comes later, it is new input: Escape, then keys.
        begun = self._begun
        given = self._given
        gap = now - self._at
        self.by_person = False
        self.focus_at = []
        self._at = now
        if self._state is _State.KEYS and not begun and b"\x1b" not in data:
            self.by_person = bool(data)
            return data
        due = self.queries.due(now)
        pieces: list[bytes] = []
        if self._state is _State.PASTE and gap > _PASTE_GAP:
            self._state = _State.KEYS
            pieces.append(begun[given:])
            begun = b""
            given = 0
        is_short = len(data) < _NOT_TYPED
        if given and is_short and gap > (_KEY_GAP_WHILE_DUE if due else _KEY_GAP):
            pieces.append(begun[given:])
            begun = b""
            given = 0
        self._is_typed = given > 0 and is_short and not due
        whole = begun + data
        start = 0
        while start < len(whole):
            end, passes = self._next(whole, start, now)
            if end == _INCOMPLETE:
                break
            if passes:
                if self._is_focus and start >= given:
                    self.focus_at.append(sum(map(len, pieces)))
                pieces.append(whole[max(start, given) : end])
            start = end
        self._begun = whole[start:]
        self._given = max(0, given - start)
        if self._may_be_key and not self.queries.due(now):
            pieces.append(self.release())
        return b"".join(pieces)

    def _next(self, data: bytes, start: int, now: float) -> tuple[int, bool]:
        """Return the end of the piece at `start` (maybe `_INCOMPLETE`), and whether it passes."""
        self._is_focus = False
        if self._state is _State.PASTE:
            return self._in_paste(data, start), True
        if self._state is not _State.KEYS:
            return self._in_string(data, start, passes=self._state is _State.PASSED)
        piece = next(_PIECE.finditer(data, start))
        kind = piece.lastgroup
        self._is_focus = kind == "focus"
        sequence = piece[0]
        if kind == "begun":
            return _INCOMPLETE, True
        if kind in ("size", "broken", "focus"):
            return piece.end(), kind == "focus"
        if kind in ("reply", "string", "report"):
            its_form = form(sequence)
            if self.queries.expects(its_form, now) or not _LIKE_KEYS.match(data, start):
                passes = self.queries.take(its_form, now) or kind == "report"
                if kind == "string" and not passes and self._is_typed and not _ENDED_STRING.match(data, start):
                    return (_INCOMPLETE, True) if len(data) - start < MAX_SEQUENCE else (piece.end(), True)
                if kind == "string":
                    self._state = _State.PASSED if passes else _State.DROPPED
                return piece.end(), passes
        elif kind == "paste":
            self._state = _State.PASTE
        self.by_person = True
        return piece.end(), True

    def _in_paste(self, data: bytes, start: int) -> int:
        self.by_person = True
        end, begun = paste_end(data, start)
        if end >= 0:
            self._state = _State.KEYS
            return end
        end = len(data) - begun  # hold back what may be the start of the paste's end
        return end if end > start else _INCOMPLETE

    def _in_string(self, data: bytes, start: int, *, passes: bool) -> tuple[int, bool]:
        """Return end and passing of a piece of a string, which any control character ends."""
        control = _CONTROL.search(data, start)
        if control is None:
            return len(data), passes
        end = control.start()
        if control[0] == b"\x1b" and end == len(data) - 1:  # maybe half of the terminator
            return (end if end > start else _INCOMPLETE), passes
        self._state = _State.KEYS
        terminators = (b"\x07", b"\x1b\\")
        return end + next((len(each) for each in terminators if data.startswith(each, end)), 0), passes
