"""The rows of the board: their order, the selection, their text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

from sesh.names import natural
from sesh.ops import lookup
from sesh.schema.facts import Place, Summary
from sesh.text import describe, times
from sesh.text.describe import activity_facts, at_home, qualified_name
from sesh.text.safe import columns, cut, plain

STEPS = {"up": -1, "down": 1}  # rows by which a key moves the selection
_MAX_STATE = 16  # columns; a longer state is cut
_MIN_NAME = 8  # columns that even a narrow board leaves to names
_GAP = 2
_URGENT = ("waiting", "failed")


class SortOrder(Enum):
    """The order of rows: waiting sessions first, or the session attached last."""

    WAITING = "waiting"
    RECENT = "recent"


@dataclass(frozen=True)
class BoardRow:
    """A session; or, with `session` None, the name for a new one."""

    host: str | None
    name: str
    session: Summary | None = None

    @property
    def place(self) -> Place:
        return Place(self.host, self.name)

    @cached_property
    def identity(self) -> object:
        """What stays the same if the session is renamed."""
        return session_identity(self.place, self.session) if self.session is not None else self.name

    @property
    def title(self) -> str:
        """The session as a person types it."""
        return qualified_name(self.place)

    @property
    def current(self) -> bool:
        """True for the session that this terminal is in."""
        return self.session is not None and self.session.get("current") is True

    @property
    def why_silent(self) -> str:
        """Why the host of the row does not answer; empty if it does."""
        stale = self.session.get("stale") if self.session is not None else None
        return plain(f"@{self.host} {lookup.absence(self.host or '', stale['reason'])}") if stale else ""

    @property
    def has_screen(self) -> bool:
        """True if a screen can be shown: not a silent host's, nor the board's."""
        return self.session is not None and not (self.current or self.why_silent)

    @cached_property
    def state(self) -> tuple[str, str]:
        """The word for the session's state, and its SGR parameters."""
        if self.session is None:
            return "new", "2"
        activity = "" if self.current or "stale" in self.session else describe.activity(self.session)
        if activity in ("", "idle", "quiet"):
            words, colour = describe.presence(self.session)
            return words.partition(" (")[0], colour
        return activity, describe.SIGNALS.get(activity, "")

    @cached_property
    def directory(self) -> str:
        session = self.session
        return at_home(plain(session.get("cwd") or ""), session.get("home")) if session is not None else ""

    @cached_property
    def runs(self) -> str:
        return describe.command_column(self.session) if self.session is not None else ""

    @cached_property
    def detail(self) -> str:
        """The session's question, else its last line while it works, else its directory and command."""
        if self.session is None:
            return ""
        last = plain(self.session.get("last_line") or "") if self.state[0] == "working" else ""
        return describe.question(self.session) or last or "  ".join(filter(None, (self.directory, self.runs)))

    def age(self, now: float) -> str:
        """How long the session has waited, else how long it has been idle."""
        if self.session is None or "stale" in self.session:
            return ""
        state, since, _ = activity_facts(self.session)
        moment = since if state in _URGENT else self.session.get("last_activity")
        return times.age(moment, now + self.session.get("clock", 0.0))


def session_identity(place: Place, session: Summary) -> object:
    """Return the identity of a session: its id if known, else its place."""
    return session.get("id") or place


def ordered(sessions: Mapping[Place, Summary], order: SortOrder, recent: Sequence[Place]) -> list[BoardRow]:
    """Return the rows of sessions in an order that changes only with their states.

    `recent`: host and name of the sessions attached last, from `enter.recent`.
    """

    def by_urgency(place: Place) -> tuple[int, float, str, object]:
        state, since = activity_facts(sessions[place])[0], describe.since(sessions[place])
        if state not in _URGENT:
            state, since = "", 0.0
        return (*_URGENT, "").index(state), since, place.host or "", natural(place.name)

    def by_attachment(place: Place) -> tuple[int, float]:
        session = sessions[place]
        began = (times.seconds(session.get("created")) or 0.0) - session.get("clock", 0.0)
        return recent.index(place) if place in recent else len(recent), -began

    places = sorted(sessions, key=by_urgency if order is SortOrder.WAITING else by_attachment)
    return [BoardRow(place.host, place.name, sessions[place]) for place in places]


def matching(rows: Sequence[BoardRow], query: str) -> list[BoardRow]:
    """Return the rows that match all words; matches of host and name come first."""
    words = query.lower().split()
    matches = [row for row in rows if all(word in f"{row.title} {row.directory} {row.runs}".lower() for word in words)]
    return sorted(matches, key=lambda row: not all(word in row.title.lower() for word in words))


class Selection:
    """Rows, one of them selected, and the part of them that is visible."""

    def __init__(self) -> None:
        self.rows: list[BoardRow] = []
        self._index = 0  # of the selected row
        self._first = 0  # the index of the top visible row

    @property
    def row(self) -> BoardRow | None:
        """The selected row; None if there are no rows."""
        return self.rows[self._index] if self.rows else None

    def show(self, rows: Sequence[BoardRow], *, reset: bool = False) -> None:
        """Replace the rows. The selection stays on its row, else at its index.

        `reset`: select the first row that is not the current session.
        """
        before = self.row.identity if self.row is not None and not reset else None
        self.rows = list(rows)
        default = next((index for index, row in enumerate(rows) if not row.current), 0) if reset else self._index
        index = next((index for index, row in enumerate(rows) if row.identity == before), default)
        self._index = min(index, max(0, len(rows) - 1))

    def press(self, key: str) -> bool:
        """Move the selection by a key; return False for other keys."""
        if key not in STEPS or not self.rows:
            return False
        self._index = (self._index + STEPS[key]) % len(self.rows)
        return True

    def scroll(self, height: int) -> list[BoardRow]:
        """Scroll until the selected row is in sight, no more; return the rows in sight."""
        self._first = min(max(self._first, self._index - height + 1), self._index)
        return self.rows[self._first : self._first + height]


def drawn(selection: Selection, width: int, height: int, now: float, *, coloured: bool) -> list[str]:
    """Scroll; return the rows in sight as lines padded to `width`, the selected one reversed."""
    rows = selection.scroll(height)
    name = min(max((columns(row.title) for row in rows), default=0), max(_MIN_NAME, width // 3))
    state = min(max((columns(row.state[0]) for row in rows), default=0), _MAX_STATE)
    lines = []
    for row in rows:
        mark = describe.mark(row.session) if row.session is not None else "+"
        cells = ((mark, 1, ""), (row.title, name + _GAP, ""), (row.state[0], state + _GAP, row.state[1]))
        reverse = row is selection.row
        line = _line((*cells, (row.age(now), 6, "2"), (row.detail, width, "")), width, coloured and not reverse)
        lines.append(f"\x1b[7m{line}\x1b[m" if reverse else line)
    return lines


def _line(cells: Sequence[tuple[str, int, str]], width: int, coloured: bool) -> str:
    """Join cells to a line; each is text, columns including the gap, and SGR parameters."""
    line = ""
    left = width
    for text, room, code in cells:
        text = cut(text, min(max(1, room - _GAP), left))
        blanks = " " * (min(room, left) - columns(text))
        line += (f"\x1b[{code}m{text}\x1b[m" if coloured and code else text) + blanks
        left -= min(room, left)
    return line
