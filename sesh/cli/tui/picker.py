"""A session chosen from a list by arrow keys or some letters, its screen beside the list.

The sessions come first, the one attached last at the top; below them directories to begin another one in. Keys end,
rename and restart the marked session, or detach its clients, without leaving the list.
"""

from __future__ import annotations

import os
import select
import time

from sesh import moments, wording
from sesh.cli import printing, table
from sesh.cli.tui import console
from sesh.cli.tui.console import Stage
from sesh.cli.tui.preview import Aside, Previews, drawn, target
from sesh.client.terminal import RawTerminal
from sesh.errors import Interrupted, NotFound, SeshError
from sesh.names import check_name, is_name
from sesh.ops import enter, places, sessions
from sesh.ops.index import SessionIndex
from sesh.ops.views import bears

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sesh.cli.tui.preview import Key
    from sesh.reach.caller import Caller
    from sesh.reach.target import Target
    from sesh.schema import Summary
    from sesh.vt.render.screen_data import Screen

DIRECTORY, NEW = "/", "+"
"""In the place of a host: the key of a directory, and of a name that was typed. No host is spelled like that."""
_NO_SESSION: Summary = {}  # type: ignore[typeddict-item]  # what is known of a directory, and of a new name
_BESIDE = 64
"""The columns from which on there is room for a screen beside the list."""
_TALL = 10
"""The rows from which on there is room for a line about what is marked."""
_NARROW = 8
"""Columns below which a directory or a command is not shown in the list."""
_HINTS = (
    "Enter attach  ↑↓ choose  ^X kill  ^E rename  ^R restart  ^O detach  ^L logs  Esc quit",
    "Enter attach ^X kill ^E rename ^R restart ^O detach ^L logs Esc quit",
    "^X kill ^E name ^R again ^O detach ^L logs",
    "^X kill ^E name ^R again ^O out ^L logs",
    "Enter ^X ^E ^R ^O ^L Esc",
)
"""What the keys do; the first that fits is shown."""
_MOVES = {"up": -1, "C-p": -1, "C-k": -1, "btab": -1, "down": 1, "C-n": 1, "C-j": 1, "tab": 1}


def choose(caller: Caller, hosts: list[str] | None, wanted: dict[str, str]) -> tuple[Key | None, set[str]]:
    """What a person chooses of the sessions with the `wanted` labels, and the names of the sessions that run here.

    The choice: a session as host and name, DIRECTORY and a path, NEW and a name to create; None for nothing. Raises
    NotFound where there is nothing to choose from, Interrupted.
    """
    with SessionIndex(caller, hosts) as index:
        _filled(index)
        begun = places.directories() if hosts is None and not wanted else []
        if not _entries(index, wanted) and not (begun and not console.dumb()):
            missing = "no session has these labels" if wanted else "there are no sessions"
            raise NotFound(missing, hint="`$sesh NAME` creates one")
        if console.dumb():
            chosen = _numbered(list(_entries(index, wanted)))
        else:
            with RawTerminal() as terminal, Stage(terminal) as stage, Aside() as aside:
                chosen = _Picker(stage, aside, index, wanted, hosts, begun).chosen()
        return chosen, {str(each["name"]) for each in index.here if each["state"] == "running"}


def _numbered(keys: Sequence[Key]) -> Key | None:
    """The choice on a terminal that cannot move its cursor."""
    answers = [(str(number), _title(key)) for number, key in enumerate(keys, 1)]
    answer = console.ask("attach to which session?", answers, "1")
    return keys[int(answer) - 1] if answer else None


def _filled(index: SessionIndex) -> None:
    """Waits for other hosts as long as there is nothing to show."""
    while index.pending and not index.here and not any(index.there.values()):
        poll = select.poll()
        for descriptor in index.descriptors:
            poll.register(descriptor, select.POLLIN)
        index.take({descriptor for descriptor, _ in poll.poll(index.due * 1000)})


def _entries(index: SessionIndex, wanted: dict[str, str]) -> dict[Key, Summary]:
    """The sessions by host and name, those of this machine first."""
    found: dict[Key, Summary] = {(None, each["name"]): each for each in index.here}
    for word, rows in index.there.items():
        found |= {(word, str(each["name"])): each for each in rows if not isinstance(each, str)}
    return {key: each for key, each in found.items() if bears(each, wanted)}


def matching(query: str, name: str, host: str | None, *more: str) -> int | None:
    """How well a session fits what was typed, the smaller the better; None where it does not.

    The letters of each word of `query` must be found in their order in the name or in the host before it (`@gpu`), or
    the word in one of `more`, which are long: its directory, what runs in it.
    """
    total = 0
    for word in query.lower().split():
        costs = [_cost(word, name.lower()), _cost(word, f"@{host} {name}".lower()) if host else None]
        found = [_cost(word, each.lower()) for each in more if word in each.lower()]
        costs += [None if cost is None else 100 + cost for cost in found]
        fitting = [cost for cost in costs if cost is not None]
        if not fitting:
            return None
        total += min(fitting)
    return total


def _cost(word: str, text: str) -> int | None:
    """What lies before and between the letters of `word` in `text`; None where they are not there in that order."""
    if word in text:
        return min(text.index(word), 9)
    at, gaps = text.find(word[0]), 10
    for letter in word[1:]:
        following = text.find(letter, at + 1)
        if at < 0 or following < 0:
            return None
        gaps += following - at - 1
        at = following
    return gaps if at >= 0 else None


class _Picker:
    """The list, what was typed, which row is marked, and the question that the last line asks."""

    def __init__(
        self,
        stage: Stage,
        aside: Aside,
        index: SessionIndex,
        wanted: dict[str, str],
        hosts: list[str] | None,
        begun: list[str],
    ) -> None:
        self._stage, self._aside, self._index, self._wanted, self._hosts = stage, aside, index, wanted, hosts
        self._previews = Previews(aside)
        self._begun = begun
        self._names: dict[str, str] = {}
        """The name that a directory's session gets."""
        self._recent: list[tuple[str, str]] = enter.recent()
        self._ranks: dict[Key, tuple[int, float]] = {}
        self._query = ""
        self._shown: dict[Key, Summary] = {}
        self._mark: Key | None = None
        self._asked: tuple[str, Key] | None = None
        """What the last line asks, `kill`, `restart` or `rename`, and of which session."""
        self._typed = ""
        """The new name, as far as it is typed."""
        self._renamed: dict[Key, Key] = {}
        """What sessions that were renamed were before."""
        self._said = ""
        """What became of the last act."""
        self._top = 0
        self._coloured = printing.coloured(printing.STDOUT)

    def chosen(self) -> Key | None:
        """What a person chooses: a session, a directory, a name to create; None for nothing. Raises Interrupted."""
        while True:
            self._sift()
            due = self._index.due
            if (mark := self._mark) and self._is_session(mark) and not self._shown[mark].get("current"):
                due = min(due, self._previews.want(mark))
            self._draw()
            keys, ready = self._stage.wait([self._aside.inbound, *self._index.descriptors], due)
            for key in keys:
                if key in ("C-\\", "hangup") or (key == "C-c" and not self._asked):
                    raise Interrupted("interrupted")
                if self._asked is not None:
                    self._answered(key)
                    continue
                if key == "escape" or (key == "C-d" and not self._query):
                    return None
                if key == "enter":
                    self._sift()  # what was typed in the same moment counts
                    if self._mark is not None:
                        return self._mark
                self._pressed(key)
            if self._aside.inbound in ready:
                self._aside.take()
            self._index.take(ready - {self._aside.inbound})

    @staticmethod
    def _is_session(key: Key) -> bool:
        return key[0] not in (DIRECTORY, NEW)

    # -- what there is

    def _sift(self) -> None:
        """The sessions that fit what was typed, the best first, else the one attached last; directories below them."""
        entries = self._entries()
        found = []
        for key, each in entries.items():
            place = wording.at_home(each.get("cwd") or "")
            cost = matching(self._query, key[1], key[0], place, wording.runs(each))
            if cost is not None:
                found.append((cost, self._rank(key, each), key))
        self._shown = {key: entries[key] for _, _, key in sorted(found, key=lambda row: row[:2])}
        used = {each.get("cwd") for key, each in entries.items() if key[0] is None}
        rows = []
        for at, place in enumerate(self._begun):
            cost = matching(self._query, os.path.basename(place), None, wording.at_home(place))
            if cost is not None and place not in used:
                rows.append((cost, at, place))
        directories = [(DIRECTORY, place) for _, _, place in sorted(rows)]
        creates = [] if self._shown or not self._may_create() else [(NEW, self._query)]
        self._shown |= dict.fromkeys([*directories, *creates], _NO_SESSION)
        if self._mark not in self._shown:
            others = (key for key, each in self._shown.items() if not each.get("current"))
            self._mark = next(others, next(iter(self._shown), None))

    def _entries(self) -> dict[Key, Summary]:
        """The sessions; one that was renamed has its new name before the list of all is asked for again."""
        entries = _entries(self._index, self._wanted)
        for new, old in self._renamed.items():
            if old in entries and new not in entries:
                entries[new] = {**entries.pop(old), "name": new[1]}
        return entries

    def _rank(self, key: Key, session: Summary) -> tuple[int, float]:
        """Where a session stands among all, from when it was first seen: the list does not move under the mark."""
        if key not in self._ranks:
            attached = (key[0] or "", key[1])
            last = moments.seconds(session.get("last_activity")) or 0.0
            place = self._recent.index(attached) if attached in self._recent else len(self._recent)
            self._ranks[key] = (place, -last)
        return self._ranks[key]

    def _may_create(self) -> bool:
        """Whether what was typed is a name for a session of one machine."""
        return is_name(self._query) and (self._hosts is None or len(self._hosts) == 1)

    def _name_for(self, directory: str) -> str:
        """The name that the session of a directory gets, where no other one has it."""
        if directory not in self._names:
            self._names[directory] = places.repository(directory)[1]
        return self._names[directory]

    # -- keys

    def _pressed(self, key: str) -> None:
        """Does what a key says."""
        self._said = ""
        if key in ("resize", "resume"):
            self._stage.forget()
        elif key in _MOVES or key in ("pageup", "pagedown", "home", "end"):
            self._move(key)
        elif key == "bspace":
            self._search(self._query[:-1])
        elif key in ("C-u", "C-w"):
            self._search("")
        elif key in ("C-x", "C-r", "C-e", "C-o") and self._mark is not None and self._is_session(self._mark):
            if key == "C-o":
                self._detach(self._mark)
                return
            self._asked = {"C-x": "kill", "C-r": "restart", "C-e": "rename"}[key], self._mark
            self._typed = self._mark[1]
        elif key == "C-l" and self._mark is not None and self._is_session(self._mark):
            self._read(self._mark)
        elif len(key) == 1:
            self._search(self._query + key)

    def _read(self, of: Key) -> None:
        """Shows all lines of a session in the pager; the list comes back after it."""
        from sesh.cli.tui import pager

        try:
            pager.read(self._stage, target(of[0]), of[1], "+G")
        except (SeshError, OSError) as error:
            self._said = wording.one_line(str(error))

    def _search(self, query: str) -> None:
        self._query, self._mark, self._top = query, None, 0
        self._sift()

    def _move(self, key: str) -> None:
        keys = list(self._shown)
        if not keys or self._mark is None:
            return
        at, page = keys.index(self._mark), max(1, self._stage.size[1] - 3)
        step = {"pageup": -page, "pagedown": page, "home": -len(keys), "end": len(keys)}.get(key)
        at = (at + _MOVES[key]) % len(keys) if step is None else min(max(0, at + step), len(keys) - 1)
        self._mark = keys[at]

    def _answered(self, key: str) -> None:
        """Takes a key in answer to the question of the last line."""
        assert self._asked is not None  # noqa: S101 (only then is it called)
        verb, of = self._asked
        if key in ("resize", "resume"):
            self._stage.forget()
        elif verb != "rename":
            self._asked = None
            if key.lower() == "y":
                if verb == "kill":
                    self._act(of, lambda target: target.call(sessions.kill, names=[of[1]]), f"{_title(of)} was ended")
                else:
                    self._act(
                        of, lambda target: target.call(sessions.restart, name=of[1]), f"{_title(of)} was restarted"
                    )
        elif key in ("escape", "C-c", "C-d"):
            self._asked = None
        elif key == "enter":
            self._asked = None
            self._rename(of, self._typed)
        elif key in ("C-u", "C-w"):
            self._typed = ""
        elif key == "bspace":
            self._typed = self._typed[:-1]
        elif len(key) == 1:
            self._typed += key

    def _rename(self, key: Key, name: str) -> None:
        try:
            check_name(name)
        except SeshError as error:
            self._said = str(error)
            return
        if name == key[1]:
            return
        new = (key[0], name)

        def renamed() -> None:
            self._renamed[new], self._ranks[new], self._mark = key, self._ranks[key], new

        def rename(target: Target) -> None:
            target.call(sessions.rename, name=key[1], new=name)

        self._act(key, rename, f"{_title(key)} is {name} now", renamed)

    def _detach(self, key: Key) -> None:
        """Detaches the clients of a session; of the current one all but the one that looks at this list."""
        current = self._shown[key].get("current")

        def detach(target: Target) -> None:
            if current:
                target.call(sessions.detach, name=key[1], others=True)
            else:
                target.call(sessions.detach, name=key[1])

        self._act(key, detach, f"{_title(key)} has no other client now")

    def _act(
        self, key: Key, ask: Callable[[Target], object], done: str, then: Callable[[], None] | None = None
    ) -> None:
        """Has something done aside; the last line tells what became of it. `then`: called if it worked."""
        self._said = "…"

        def act() -> None:
            try:
                ask(target(key[0]))
                if then is not None:
                    then()
                self._said = done
            except (SeshError, OSError) as error:
                self._said = wording.one_line(str(error))
            self._previews.forget(key)

        self._aside.call(act)

    # -- the picture

    def _draw(self) -> None:
        columns, rows = self._stage.size
        body = rows - 3 if rows >= _TALL else max(1, rows - 2)
        beside = columns >= _BESIDE
        left = columns // 2 if beside else columns
        lines = self._list(left, body)
        if beside:
            room = columns - left - 2
            shown = drawn(self._beside(), room, body, coloured=self._coloured)
            lines = [f"{line}\x1b[2m│\x1b[m {more}" for line, more in zip(lines, shown, strict=True)]
        sessions = sum(map(self._is_session, self._shown))
        count = f"{sessions}/{len(self._entries())}"
        asked = wording.cut(f"> {wording.plain(self._query)}", max(1, columns - len(count) - 3), keeps_end=True)
        gap = " " * max(1, columns - wording.columns(asked) - 1 - len(count))
        head = f"\x1b[1m{asked}\x1b[m\x1b[7m \x1b[m{gap[1:]}\x1b[2m{count}"
        about = [self._about(columns)] if rows >= _TALL else []
        self._stage.draw([head, *lines, *about, self._last(columns)][:rows])

    def _about(self, columns: int) -> str:
        """What the marked session asks, its whole directory and what runs there, which the list has no room for."""
        if self._mark is None or self._mark[0] == NEW:
            return ""
        *_, place, runs = self._cells(self._mark, 0)
        asked = wording.asks(self._shown[self._mark])
        return f"\x1b[2m{wording.cut('  '.join(filter(None, (asked, place, runs))), columns)}"

    def _last(self, columns: int) -> str:
        """The last line: a question, what became of the last act, or what the keys do."""
        if self._asked is not None:
            verb, key = self._asked
            text = f"rename {_title(key)} to: {self._typed}" if verb == "rename" else f"{verb} {_title(key)}? [y/N]"
            return f"\x1b[1m{wording.cut(wording.plain(text), columns - 1, keeps_end=True)}\x1b[m\x1b[7m \x1b[m"
        hint = next((hint for hint in _HINTS if wording.columns(hint) <= columns), _HINTS[-1])
        if self._mark is not None and self._mark[0] == DIRECTORY:
            name, place = self._name_for(self._mark[1]), wording.at_home(wording.plain(self._mark[1]))
            hint = f"Enter create {name} in {place}"
        elif self._mark is not None and self._mark[0] == NEW:
            where = f"@{self._hosts[0]} " if self._hosts else ""
            hint = f"Enter create {where}{self._query}  Esc quit"
        return f"\x1b[2m{wording.cut(self._said or hint, columns)}"

    def _beside(self) -> Screen | str | None:
        """The screen of what is marked, or a line about it."""
        if self._mark is None or not self._is_session(self._mark):
            return None
        if self._shown[self._mark].get("current"):
            return "you are here"  # its screen shows this picture
        return self._previews.screens.get(self._mark)

    def _list(self, width: int, rows: int) -> list[str]:
        keys = list(self._shown)
        at = keys.index(self._mark) if self._mark is not None else 0
        self._top = min(max(self._top, at - rows + 1), at)
        now = time.time()
        cells = {key: self._cells(key, now) for key in keys[self._top : self._top + rows]}
        widths = _widths(list(cells.values()), width)
        lines = [self._row(key, each, widths, width) for key, each in cells.items()]
        if not lines:
            message = wording.cut(" no match", width)
            lines = [message + " " * (width - len(message))]
        return lines + [" " * width] * (rows - len(lines))

    def _cells(self, key: Key, now: float) -> tuple[str, ...]:
        """What a row shows: a mark, name and host, state, how it stands, how long it is idle, its place, what runs."""
        if key[0] == DIRECTORY:
            return "+", self._name_for(key[1]), "new", "", "", wording.at_home(wording.plain(key[1])), ""
        if key[0] == NEW:
            return "+", key[1], "new", "", "", "", ""
        session = self._shown[key]
        state = wording.state(session).partition(" (")[0]
        place = wording.at_home(wording.plain(session.get("cwd") or ""))
        idle = moments.age(session.get("last_activity"), now)
        stands = wording.activity(session)
        stands = "" if stands in ("idle", "quiet") else stands  # room is scarce, and its age stands beside it
        return table.mark(session), _title(key), state, stands, idle, place, wording.runs(session)

    def _row(self, key: Key, cells: tuple[str, ...], widths: Sequence[int], width: int) -> str:
        """One row, its state coloured, or all of it inverse where it is marked."""
        code = table.colour(self._shown[key]) if self._is_session(key) else "2"
        line, room = "", 0
        for at, (cell, column) in enumerate(zip(cells, widths, strict=True)):
            if column < 1:
                continue
            text = wording.cut(cell, column, keeps_end=at == _PLACE)
            text += " " * (column - wording.columns(text) + (_GAP if at else 0))
            colour = code if at == _STATE else table.SIGNALS.get(cell, "") if at == _ACTIVITY else ""
            coloured = colour and self._coloured and key != self._mark
            line += f"\x1b[{colour}m{text}\x1b[m" if coloured else text
            room += column + (_GAP if at else 0)
        return f"\x1b[7m{line}{' ' * (width - room)}\x1b[m" if key == self._mark else line + " " * (width - room)


_NAME, _STATE, _ACTIVITY, _IDLE, _PLACE, _RUNS = range(1, 7)
_GAP = 2


def _widths(cells: Sequence[tuple[str, ...]], width: int) -> list[int]:
    """The width of each cell of the rows, 0 for one that has no room; with gaps they are not wider than `width`."""
    wanted = [max((wording.columns(row[at]) for row in cells), default=0) for at in range(7)]
    widths = [1, min(wanted[_NAME], max(_NARROW, width // 3)), 0, 0, 0, 0, 0]
    widths[_NAME] = min(widths[_NAME], width - 1 - _GAP)
    left = width - 1 - widths[_NAME] - _GAP
    for at, least in ((_STATE, 4), (_ACTIVITY, wanted[_ACTIVITY]), (_IDLE, wanted[_IDLE])):
        if left >= least + _GAP and wanted[at]:
            widths[at] = min(wanted[at], left - _GAP)
            left -= widths[at] + _GAP
    both = wanted[_PLACE] + _GAP + wanted[_RUNS] + _GAP > left >= 2 * (_NARROW + _GAP)
    room = max(left // 2, left - wanted[_RUNS] - _GAP) if both else left
    for at, most in ((_PLACE, room), (_RUNS, left)):
        most = min(most, left)
        if most >= _NARROW + _GAP and wanted[at]:
            widths[at] = min(wanted[at], most - _GAP)
            left -= widths[at] + _GAP
    return widths


def _title(key: Key) -> str:
    """A session as it is typed: its host before its name."""
    return f"@{key[0]} {wording.plain(key[1])}" if key[0] is not None else wording.plain(key[1])
