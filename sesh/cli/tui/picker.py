"""A session chosen from a list by arrow keys or some letters, its screen beside the list.

The sessions come first, the one attached last at the top; below them directories to begin another one in. Keys end,
rename and restart the marked session, or detach its clients, without leaving the list.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from functools import cache

from sesh import moments, wording
from sesh.about import SESH
from sesh.cli import printing, table
from sesh.cli.tui import console
from sesh.cli.tui.console import STEPS, MarkedList, Stage, edited, hint
from sesh.cli.tui.live import Key, LiveSessions, await_change, entries
from sesh.cli.tui.preview import Previews, drawn
from sesh.client.terminal import RawTerminal
from sesh.errors import Interrupted, NotFound
from sesh.names import LONGEST_NAME, is_name
from sesh.ops import enter, lookup, places, sessions
from sesh.ops.index import SessionIndex
from sesh.reach.caller import Caller
from sesh.reach.target import Target
from sesh.schema import Summary
from sesh.vt.render.screen_data import Screen
from sesh.wording import title

DIRECTORY, NEW = "/", "+"
"""Keys in the place of a host, for a directory and for a typed name. No host is spelled like that."""
_NO_SESSION: Summary = {}  # type: ignore[typeddict-item]  # of a directory, and of a new name
_BESIDE = 64
"""The least columns for a screen beside the list."""
_TALL = 10
"""The least rows for a line about the marked row."""
_NARROW = 8
"""The least columns of a directory or a command in the list."""
_TELLING = 12
"""The columns that a directory gets first if rows of directories are shown, which nothing else may tell apart."""
_SHELLS = frozenset(("sh", "bash", "dash", "fish", "ksh", "mksh", "zsh", "csh", "tcsh"))
_NAME, _STATE, _ACTIVITY, _IDLE, _DIRECTORY, _RUNS = range(1, 7)
_GAP = 2
"""Blanks between columns."""
_HINTS = (
    "Enter attach  ↑↓ choose  ^X kill  ^E rename  ^R restart  ^O detach  Esc quit",
    "Enter attach ^X kill ^E rename ^R restart ^O detach Esc quit",
    "^X kill ^E name ^R again ^O detach",
    "^X kill ^E name ^R again ^O out",
    "Enter ^X ^E ^R ^O Esc",
)
"""The keys and what they do; the first text that fits is shown."""


def choose(caller: Caller, hosts: list[str] | None, wanted: dict[str, str]) -> tuple[Key | None, set[str]]:
    """Return the person's choice among the sessions with the `wanted` labels, and the names of those that run here.

    The choice: a session as host and name, DIRECTORY and a path, NEW and a name to create; None for nothing. Raises
    NotFound if there is nothing to choose from, Interrupted.
    """
    with SessionIndex(caller, hosts, holds=True, at_once=True) as index:
        while index.pending and (printing.dumb() or not (index.here or any(index.there.values()))):
            await_change(index)  # there is nothing to show yet; on a dumb terminal all is shown at once
        directories = places.directories() if hosts is None and not wanted else []
        keys = list(entries(index, wanted))
        if not keys and not (directories and not printing.dumb()):
            missing = "no session has these labels" if wanted else "there are no sessions"
            silent = [f"@{host} ({why})" for host, why in sorted(index.there.items()) if isinstance(why, str)]
            missing += f", but {', '.join(silent)} could not be asked" if silent else ""
            raise NotFound(missing, hint=f"`{SESH} NAME` creates one")
        if printing.dumb():
            summaries, recent = entries(index, wanted), enter.recent()
            keys.sort(key=lambda key: _rank(recent, key, summaries[key]))
            numbers = {key: str(number) for number, key in enumerate(keys, 1)}
            widest = max(len(title(key)) for key in keys)
            answers = [(numbers[key], f"{title(key):<{widest}}  {_standing(summaries[key])}") for key in keys]
            titles = {title(key): numbers[key] for key in keys}
            bearers = {name: " or ".join(title(key) for key in keys if key[1] == name) for _, name in keys}
            named = {name: titles.get(text, text) for name, text in bearers.items()} | titles
            others = [numbers[key] for key in keys if not summaries[key].get("current")]
            answer = console.numbered("attach to which session?", answers, next(iter(others), "1"), named)
            chosen = keys[int(answer) - 1] if answer else None
        else:
            with RawTerminal() as terminal, Stage(terminal) as stage, LiveSessions(index, wanted) as live:
                chosen = _Picker(stage, live, hosts, directories).chosen()
        return chosen, {str(session["name"]) for session in index.here if session["state"] == "running"}


def _standing(session: Summary) -> str:
    """Return the state of a session, what its program does, and what it asks."""
    activity, asks = wording.activity(session), wording.asks(session)
    return ", ".join(filter(None, (wording.state(session), f"{activity}: {asks}" if asks else activity)))


def match_cost(query: str, name: str, host: str | None, *more: str) -> int | None:
    """Return the cost of a session for a query, the smaller the better; None if it does not match.

    Each word of `query` must fit the name, the host (`@gpu`), or one of `more`, which count less: its directory, its
    command.
    """
    own = f"@{host} {name}" if host else name
    total = 0
    for word in query.lower().split():
        costs = [_word_cost(word, name.lower()), _word_cost(word, own.lower())]
        costs += [None if (cost := _word_cost(word, text.lower())) is None else 100 + cost for text in more]
        fitting = [cost for cost in costs if cost is not None]
        if not fitting:
            return None
        total += min(fitting)
    return total


def _word_cost(word: str, text: str) -> int | None:
    """Return 0 to 9, the characters before `word` in `text`; else, if its letters are in their order in a part of it,
    10 and those between them; None for no match.

    The parts end at blanks and slashes: almost any letters stand somewhere in a whole command.
    """
    if word in text:
        return min(text.index(word), 9)
    gaps = (_gaps(word, part) for part in text.replace("/", " ").split())
    return min((10 + gap for gap in gaps if gap >= 0), default=None)


def _gaps(word: str, part: str) -> int:
    """Return the number of characters between the letters of a word in a part of a text; negative for no match."""
    start = end = part.find(word[0])
    for letter in word[1:]:
        end = part.find(letter, end + 1) if end >= 0 else -1
    return end - start - len(word) + 1 if end >= 0 else -1


class _Picker:
    """The list, the query that filters it, and the question of the last line."""

    def __init__(self, stage: Stage, live: LiveSessions, hosts: list[str] | None, directories: list[str]) -> None:
        self._stage, self._live, self._hosts = stage, live, hosts
        self._previews = Previews(live.ask)
        self._directories = directories
        self._recent: list[tuple[str, str]] = enter.recent()
        self._ranks: dict[Key, tuple[int, float]] = {}
        self._query = ""
        self._shown: dict[Key, Summary] = {}
        self._list = MarkedList(STEPS, around=True)
        self._touched = False
        """True once a key has chosen or done something: until then the first row is marked, though hosts may answer."""
        self._question: tuple[str, str | None, Callable[[str], None]] | None = None
        """The question of the last line, the text typed so far (None if y answers it), and the action it leads to."""
        self._renamed: dict[Key, Key] = {}
        """Renamed sessions: new key to old key."""
        self._message = ""
        """The outcome of the last action, `…` while it goes on."""
        self._coloured = printing.coloured()

    def chosen(self) -> Key | None:
        """Return the choice: a session, a directory, a name to create; None for nothing. Raises Interrupted."""
        while True:
            self._filter()
            due = float("inf")
            if (mark := self._marked_session()) and not (self._shown[mark].get("current") or self._silence(mark)):
                due = self._previews.want(mark)
            self._draw()
            for key in self._live.wait(self._stage, due):
                if key in ("C-\\", "hangup") or (key == "C-c" and self._question is None):
                    raise Interrupted("interrupted")
                if self._question is not None:
                    self._answered(*self._question, key)
                    continue
                if key == "escape" or (key == "C-d" and not self._query):
                    return None
                if key == "enter":
                    self._filter()  # what was typed in the same moment counts
                    if self._list.mark is not None:
                        return self._mark
                self._pressed(key)
            self._live.take()

    @property
    def _mark(self) -> Key | None:
        mark: Key | None = self._list.mark
        return mark

    def _marked_session(self) -> Key | None:
        return self._mark if self._mark is not None and _is_session(self._mark) else None

    # -- the rows

    def _filter(self) -> None:
        """Show the sessions that match the query, the best first, then the one attached last; then directories."""
        summaries = self._sessions()
        fitting = []
        for key, session in summaries.items():
            directory = wording.at_home(session.get("cwd") or "", session.get("home"))
            cost = match_cost(self._query, key[1], key[0], directory, _searched(session))
            if cost is not None:
                fitting.append((cost, self._rank(key, session), key))
        self._shown = {key: summaries[key] for _, _, key in sorted(fitting, key=lambda row: row[:2])}
        used = {session.get("cwd") for key, session in summaries.items() if key[0] is None}
        costs = []
        for directory in self._directories:
            cost = match_cost(self._query, os.path.basename(directory), None, wording.at_home(directory))
            if cost is not None and directory not in used:
                costs.append((cost, (DIRECTORY, directory)))
        others = [key for _, key in sorted(costs, key=lambda row: row[0])]
        if not self._shown and is_name(self._query) and (self._hosts is None or len(self._hosts) == 1):
            others.append((NEW, self._query))
        self._shown |= dict.fromkeys(others, _NO_SESSION)
        if not self._touched:
            self._list.mark = None
        self._list.show(list(self._shown), (key for key, row in self._shown.items() if not row.get("current")))

    def _sessions(self) -> dict[Key, Summary]:
        """Return the sessions; a renamed one has its new name even before the index knows it."""
        sessions = self._live.all()
        for new, old in self._renamed.items():
            if old in sessions and new not in sessions:
                sessions[new] = {**sessions.pop(old), "name": new[1]}
        return sessions

    def _rank(self, key: Key, session: Summary) -> tuple[int, float]:
        """Return the sort key of a session, set when it is first seen: the list does not move under the mark."""
        if key not in self._ranks:
            self._ranks[key] = _rank(self._recent, key, session)
        return self._ranks[key]

    # -- keys

    def _pressed(self, key: str) -> None:
        self._message, self._touched = "", True
        mark = self._marked_session()
        if self._list.press(key, max(1, self._stage.size[1] - 3)):
            return
        if mark is not None and key in ("C-x", "C-r", "C-e", "C-o"):
            self._begin(key, mark)
        elif (query := edited(self._query, key)) != self._query or key in ("C-u", "C-w", "bspace"):
            self._query, self._list = query, MarkedList(STEPS, around=True)
            self._filter()

    def _begin(self, key: str, mark: Key) -> None:
        name = mark[1]
        if key == "C-x":
            self._confirm("kill", mark, "ended", lambda target: target.call(sessions.kill, names=[name]))
        elif key == "C-e":
            self._question = f"rename {title(mark)} to: ", name, lambda new: self._rename(mark, new)
        else:
            self._act(mark, lambda target: target.call(sessions.detach, name=name), f"{title(mark)} has no client now")

    def _confirm(self, verb: str, key: Key, done: str, ask: Callable[[Target], object]) -> None:
        self._question = f"{verb} {title(key)}? [y/N]", None, lambda _: self._act(key, ask, f"{title(key)} was {done}")

    def _answered(self, question: str, text: str | None, act: Callable[[str], None], key: str) -> None:
        """Take a key of the answer to the question of the last line."""
        self._question = None
        if text is None:
            if key.lower() == "y":
                act("")
        elif key == "enter":
            act(text)
        elif key not in ("escape", "C-c", "C-d"):
            self._question = question, edited(text, key), act

    def _rename(self, key: Key, name: str) -> None:
        if not is_name(name):
            rule = "begin with a letter, digit or _" if name[:1] in (".", "+", "-") else "use a-z A-Z 0-9 _ . + -"
            if len(name) > LONGEST_NAME:
                rule = f"use at most {LONGEST_NAME} characters"
            self._question = f"{rule}; rename {title(key)} to: ", name, lambda new: self._rename(key, new)
            return
        new = (key[0], name)

        def renamed() -> None:
            self._renamed[new], self._ranks[new], self._list.mark = key, self._ranks[key], new

        if new != key:
            self._act(
                key,
                lambda target: target.call(sessions.rename, name=key[1], new=name),
                f"{title(key)} is {name} now",
                renamed,
            )

    def _act(
        self, key: Key, ask: Callable[[Target], object], done: str, then: Callable[[], None] = lambda: None
    ) -> None:
        """Carry out an action in a thread; show its outcome in the last line.

        `ask`: the action; it changes nothing here, as the list may be drawn meanwhile. `then`: called after a success.
        """

        def tell(_: object, problem: str) -> None:
            if not problem:
                then()
            self._message = problem or done
            self._previews.forget(key)

        self._message = "…"
        self._live.ask(key, ask, tell)

    # -- the picture

    def _draw(self) -> None:
        columns, rows = self._stage.size
        body = rows - 3 if rows >= _TALL else max(1, rows - 2)
        beside = columns >= _BESIDE
        left = columns // 2 if beside else columns
        lines = self._rows(left, body)
        if beside:
            shown = drawn(self._screen(), columns - left - 2, body, coloured=self._coloured)
            lines = [f"{line}\x1b[2m│\x1b[m {screen}" for line, screen in zip(lines, shown, strict=True)]
        count = f"{sum(map(_is_session, self._shown))}/{len(self._sessions())}"
        query = wording.cut(f"> {wording.plain(self._query)}", max(1, columns - len(count) - 3), keeps_end=True)
        gap = " " * (columns - wording.columns(query) - 2 - len(count))
        head = f"\x1b[1m{query}\x1b[m\x1b[7m \x1b[m{gap}\x1b[2m{count}"
        about = [self._about(columns)] if rows >= _TALL else []
        self._stage.draw([head, *lines, *about, self._last(columns)][:rows])

    def _about(self, columns: int) -> str:
        """Return the line about the marked row: what its list row has no room for."""
        if self._mark is None or self._mark[0] == NEW:
            return ""
        *_, directory, runs = self._cells(self._mark, 0)
        asked = self._silence(self._mark) or wording.asks(self._shown[self._mark])
        return f"\x1b[2m{wording.cut('  '.join(filter(None, (asked, directory, runs))), columns)}"

    def _last(self, columns: int) -> str:
        """Return the last line: a question, the outcome of the last action, or the keys."""
        if self._question is not None:
            question = wording.plain(self._question[0] + (self._question[1] or ""))
            return f"\x1b[1m{wording.cut(question, columns - 1, keeps_end=True)}\x1b[m\x1b[7m \x1b[m"
        hints: Sequence[str] = _HINTS
        if self._message:
            hints = [self._message]
        elif self._mark is not None and self._mark[0] == DIRECTORY:
            directory = wording.at_home(wording.plain(self._mark[1]))
            hints = [f"Enter create {_name_for(self._mark[1])} in {directory}"]
        elif self._mark is not None and self._mark[0] == NEW:
            host = f"@{self._hosts[0]} " if self._hosts else ""
            hints = [f"Enter create {host}{self._query}  Esc quit"]
        return f"\x1b[2m{hint(hints, columns)}"

    def _screen(self) -> Screen | str | None:
        mark = self._marked_session()
        if mark is None:
            return None
        if self._shown[mark].get("current"):
            return "you are here"  # its screen shows this picture
        return self._silence(mark) or self._previews.screens.get(mark)

    def _silence(self, key: Key) -> str:
        """Return why the host of a row does not tell more of it; empty if it does."""
        stale = self._shown[key].get("stale")
        return wording.plain(f"@{key[0]} {lookup.absence(key[0] or '', stale['reason'])}") if stale else ""

    def _rows(self, width: int, height: int) -> list[str]:
        now = time.time()
        cells = {key: self._cells(key, now) for key in self._list.fitting(height)}
        widths = _widths(list(cells.values()), width)
        lines = [self._row(key, row, widths, width) for key, row in cells.items()]
        if not lines:
            message = wording.cut(" no match", width)
            lines = [message + " " * (width - len(message))]
        return lines + [" " * width] * (height - len(lines))

    def _cells(self, key: Key, now: float) -> tuple[str, ...]:
        """Return the cells of a row: a mark, name and host, state, activity, idle time, directory, command."""
        if key[0] == DIRECTORY:
            return "+", _name_for(key[1]), "new", "", "", wording.at_home(wording.plain(key[1])), ""
        if key[0] == NEW:
            return "+", key[1], "new", "", "", "", ""
        mark, _, state, activity, _, idle, directory, runs = table.rows([self._shown[key]], now)[0]
        activity = "" if activity in ("idle", "quiet") else activity  # room is scarce, and its age stands beside it
        return mark, title(key), state.partition(" (")[0], activity, idle, directory, runs

    def _row(self, key: Key, cells: Sequence[str], widths: Sequence[int], width: int) -> str:
        marked = key == self._mark
        codes = {_STATE: table.colour(self._shown[key]) if _is_session(key) else "2"}
        codes[_ACTIVITY] = table.SIGNALS.get(cells[_ACTIVITY], "")
        line = ""
        for column, (cell, room) in enumerate(zip(cells, widths, strict=True)):
            if room < 1:
                continue
            text = wording.cut(cell, room, keeps_end=column == _DIRECTORY)
            text += " " * (room - wording.columns(text) + (_GAP if column else 0))
            coloured = codes.get(column) and self._coloured and not marked
            line += f"\x1b[{codes[column]}m{text}\x1b[m" if coloured else text
        line += " " * (width - sum(widths) - _GAP * sum(room > 0 for room in widths[1:]))
        return f"\x1b[7m{line}\x1b[m" if marked else line


@cache
def _name_for(directory: str) -> str:
    """Return the name for the session of a directory, if no other one has it."""
    return places.repository(directory)[1]


def _rank(recent: Sequence[tuple[str, str]], key: Key, session: Summary) -> tuple[int, float]:
    """Return the sort key of a session: the one attached last comes first. `recent`: as `enter.recent` returns it."""
    attached = (key[0] or "", key[1])
    last = (moments.seconds(session.get("last_activity")) or 0.0) - session.get("clock", 0.0)
    return recent.index(attached) if attached in recent else len(recent), -last


def _searched(session: Summary) -> str:
    """Return what is searched of the program in a session: nothing of a mere shell, which stands in most rows."""
    runs, foreground = wording.runs(session), session.get("foreground")
    command = (foreground.get("command") if foreground else None) or session.get("command") or []
    line = wording.command_line(command)
    return runs.replace(line, "", 1) if line in _SHELLS else runs


def _is_session(key: Key) -> bool:
    return key[0] not in (DIRECTORY, NEW)


def _widths(cells: Sequence[Sequence[str]], width: int) -> list[int]:
    """Return the width of each cell of the rows, 0 for one without room; with gaps they are not wider than `width`."""
    wanted = [max((wording.columns(row[column]) for row in cells), default=0) for column in range(7)]
    name = min(wanted[_NAME], max(_NARROW, width // 3), width - 1 - _GAP)
    widths = [1, name, 0, 0, 0, 0, 0]
    left = width - 1 - name - _GAP
    held = 0
    if any(row[0] == "+" for row in cells) and left - _GAP >= min(_NARROW, wanted[_DIRECTORY]):
        held = min(_TELLING, wanted[_DIRECTORY]) + _GAP
    least = {_STATE: 4, _ACTIVITY: wanted[_ACTIVITY], _IDLE: wanted[_IDLE], _DIRECTORY: _NARROW, _RUNS: _NARROW}
    for column in range(_STATE, _RUNS + 1):
        room = left - _GAP - (held if column < _DIRECTORY else 0)
        both = wanted[_DIRECTORY] + _GAP + wanted[_RUNS] + _GAP
        if column == _DIRECTORY and both > left >= 2 * (_NARROW + _GAP):
            room = max(left // 2, left - wanted[_RUNS] - _GAP, held) - _GAP  # the command gets its part too
        if wanted[column] and room >= least[column]:
            widths[column] = min(wanted[column], room)
            left -= widths[column] + _GAP
    return widths
