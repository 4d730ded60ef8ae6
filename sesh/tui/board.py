"""The board: sessions here and on hosts, a preview of the marked one, and a line to type in below.

Letters filter. Tab opens a line for an answer, Ctrl-E one for a new name, and Ctrl-X asks whether to end a session:
nothing is typed into a session or ended before Enter, or y, in such a line.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from sesh import config, wording
from sesh.client.display import BELL, notification
from sesh.client.terminal import RawTerminal
from sesh.names import is_name, natural
from sesh.ops import enter, send, sessions
from sesh.ops.index import Key, SessionIndex
from sesh.reach.target import Target
from sesh.tui import preview
from sesh.tui.calls import Calls
from sesh.tui.console import FullScreen
from sesh.tui.keys import edited
from sesh.tui.news import News
from sesh.tui.preview import Previews
from sesh.tui.rows import Marked, Order, Row, drawn, fitting, ordered
from sesh.vt.render.screen_data import Screen
from sesh.wording import activity_facts, columns, cut, plain

_PREVIEW_COLUMNS = 64  # the least of a terminal that shows a preview
_DETAIL_ROWS = 4  # the least of a terminal that shows details of the marked row
_LEAVING = ("escape", "C-c", "C-d", "C-\\", "hangup")
_HINTS = (
    "Enter attach  Tab answer  ↑↓ choose  ^X end  ^E rename  Esc leave",
    "Enter attach  Tab answer  ^X end  ^E rename",
    "Enter Tab ^X ^E Esc",
)
"""The keys and their effects; the first text that fits is shown."""


@dataclass(frozen=True)
class View:
    """The settings of a board.

    `wanted`: the labels of the sessions; `creates`: a name that no session has may be chosen; `quiet`: the hours in
    which nothing rings.
    """

    order: Order
    wanted: dict[str, str]
    creates: bool
    quiet: str
    coloured: bool


class Purpose(Enum):
    """The purpose of a line at the foot of the board; END takes one key."""

    ANSWER = "answer"
    RENAME = "rename"
    END = "end"


@dataclass
class _Line:
    """A line that is typed for the session of a row. `asked`: the question to answer: since when it stands, its words.

    `hidden`: the text is shown as dots, until the program is known to show typed text.
    """

    purpose: Purpose
    row: Row
    text: str = ""
    asked: tuple[str, str] = ("", "")
    hidden: bool = False

    def shown(self) -> str:
        """Return the line as it stands on the board."""
        if self.purpose is Purpose.END:
            return f"end {self.row.title}? [y/N] "
        verb = "answer" if self.purpose is Purpose.ANSWER else "rename"
        return f"{verb} {self.row.title}: {'•' * len(self.text) if self.hidden else plain(self.text)}"


def show(index: SessionIndex, view: View, mark: Row | None = None) -> Row | None:
    """Show a board until the person leaves it; return the chosen row, None for none. `mark`: the row marked at first.

    Raises Refused without a terminal.
    """
    with RawTerminal() as terminal, FullScreen(terminal) as display, Calls() as calls:
        return _Board(display, index, calls, view).run(mark)


class _Board:
    """The rows, the query that filters them, and the line that is typed. One thread changes all of it."""

    def __init__(self, display: FullScreen, index: SessionIndex, calls: Calls, view: View) -> None:
        self._display, self._index, self._calls, self._view = display, index, calls, view
        self._previews, self._news = Previews(calls), News()
        self._recent = enter.recent()
        self._marked, self._count = Marked(), 0
        self._touched = False
        """True once a key was pressed: until then the first row is marked, whichever machine reports first."""
        self._query, self._message = "", ""
        self._line: _Line | None = None
        self._chosen: Row | None = None
        self._over = False

    def run(self, mark: Row | None) -> Row | None:
        """Show the board until a row is chosen, or the person leaves; return the row."""
        if mark is not None:
            self._marked.rows, self._touched = [mark], True
        self._update()
        changed = True
        while not self._over:
            if changed or self._display.blank:
                self._draw()
            row, due = self._marked.row, self._index.due
            if row is not None and row.session is not None and not (row.current or row.silence):
                due = min(due, self._previews.want((row.host, row.name)))
            keys, ready = self._display.wait((self._index.inbound, self._calls.inbound), due)
            for key in keys:
                if not self._over:
                    self._press(key)
            if self._calls.inbound in ready:
                self._calls.take()
            reported = self._index.take()
            if reported:
                self._update()
            changed = bool(keys or ready or reported)
        return self._chosen

    def _update(self) -> None:
        """Bring the rows up to date."""
        listed = self._index.sessions(self._view.wanted)
        self._count = len(listed)
        if self._view.order is Order.WAITING:
            self._report(listed)
        rows = fitting(ordered(listed, self._view.order, self._recent), self._query)
        if self._view.creates and not rows and is_name(self._query):
            rows = [Row(None, self._query)]
        self._marked.show(rows, reset=not self._touched)

    # -- keys

    def _press(self, key: str) -> None:
        if self._line is not None:
            self._type(self._line, key)
            return
        row, self._message = self._marked.row, ""
        if key in _LEAVING:
            self._over = True
        elif key == "enter" and row is not None:
            self._chosen, self._over = row, True
        elif self._marked.press(key, max(1, self._display.size[1] - 3)):
            self._touched = True
        elif key in ("tab", "C-e", "C-x") and row is not None and row.session is not None:
            self._touched = True
            self._open(key, row)
        elif (query := edited(self._query, key)) != self._query:
            self._query, self._touched = query, False
            self._update()
            self._touched = True

    def _open(self, key: str, row: Row) -> None:
        """Open the line of a key."""
        if key != "tab":
            self._line = _Line(Purpose.RENAME, row, row.name) if key == "C-e" else _Line(Purpose.END, row)
            return
        assert row.session is not None  # noqa: S101 (lines are of sessions)
        state, since, question = activity_facts(row.session)
        if state != "waiting":
            self._message = f"{row.title} asks nothing"
            return
        self._line = line = _Line(Purpose.ANSWER, row, asked=(since, question), hidden=True)

        def outcome(hidden: bool, problem: str) -> None:
            line.hidden = bool(hidden or problem)  # an error comes with the answer, too

        self._calls.begin(row.host, lambda target: send.hides(target, row.name, since, question), outcome)

    def _type(self, line: _Line, key: str) -> None:
        """Take a key of the line that is open."""
        name = line.row.name
        if key in _LEAVING:
            self._line, self._over = None, key == "hangup"
        elif line.purpose is Purpose.END:
            self._line = None
            if key in ("y", "Y"):
                self._act(line.row, lambda target: target.call(sessions.kill, names=[name]), "was ended")
        elif key != "enter":
            line.text = edited(line.text, key)
        elif line.purpose is Purpose.RENAME:
            self._line = None
            renamed = f"is {line.text} now"
            self._act(line.row, lambda target: target.call(sessions.rename, name=name, new=line.text), renamed)
        else:
            self._line = None
            self._act(line.row, lambda target: send.answer(target, name, line.text, *line.asked), "was answered")

    def _act(self, row: Row, call: Callable[[Target], object], done: str) -> None:
        """Carry out an action in a thread, and show its outcome."""

        def outcome(_answer: object, problem: str) -> None:
            self._message = problem or f"{row.title} {done}"
            self._previews.forget((row.host, row.name))

        self._message = "…"
        self._calls.begin(row.host, call, outcome)

    def _report(self, listed: dict[Key, Any]) -> None:
        """Ring for the sessions that begin to need a person."""
        machines = self._index.machines.items()
        answering = {host for host, report in machines if not report.silence and host not in self._index.pending}
        lines = self._news.lines(listed, frozenset(answering))
        if lines and not config.in_quiet_hours(self._view.quiet):
            shown = [notification(line, os.environ) for line in lines]
            self._display.ring(BELL + b"".join(data for data in shown if data != BELL))

    # -- the picture

    def _draw(self) -> None:
        width, height = self._display.size
        about = [self._about(width)] if height >= _DETAIL_ROWS else []
        body = max(1, height - 2 - len(about))
        left = width // 2 if width >= _PREVIEW_COLUMNS else width
        lines = self._list(left, body)
        if left < width:
            right = preview.drawn(self._screen(), width - left - 2, body, coloured=self._view.coloured)
            lines = [f"{line}\x1b[2m│\x1b[m {screen}" for line, screen in zip(lines, right, strict=True)]
        self._display.draw([self._head(width), *lines, *about, self._foot(width)])

    def _head(self, width: int) -> str:
        """Return the line of the query, with the number of the rows that fit it."""
        shown = sum(row.session is not None for row in self._marked.rows)
        count = f"{shown}/{self._count}"
        query = cut(f"> {plain(self._query)}", max(1, width - len(count) - 3), keeps_end=True)
        gap = " " * (width - columns(query) - 2 - len(count))
        return f"\x1b[1m{query}\x1b[m\x1b[7m \x1b[m{gap}\x1b[2m{count}"

    def _list(self, width: int, height: int) -> list[str]:
        """Return the lines of the rows, and below them the remarks on hosts; each is as wide as `width`."""
        rows = drawn(self._marked, width, height, time.time(), coloured=self._view.coloured)
        remarks = [] if rows else [" no match" if self._query else " no sessions"]
        for host, report in sorted(self._index.machines.items(), key=lambda machine: natural(machine[0] or "")):
            if not self._query and (words := report.silence or report.remark):
                remarks.append(f"@{host}  {words}")
        remarks = [cut(plain(remark), width) for remark in remarks]
        lines = [*rows, *(remark + " " * (width - columns(remark)) for remark in remarks)]
        return lines[:height] + [" " * width] * (height - len(lines))

    def _about(self, width: int) -> str:
        """Return the line above the foot: the question to answer, or the details of the marked row."""
        if self._line is not None and self._line.purpose is Purpose.ANSWER:
            return f"\x1b[1m{cut(wording.one_line(self._line.asked[1]), width)}"
        row = self._marked.row
        if row is None or row.session is None:
            return ""
        words = (row.silence, wording.asks(row.session), row.place, wording.runs(row.session))
        return f"\x1b[2m{cut('  '.join(filter(None, words)), width)}"

    def _foot(self, width: int) -> str:
        """Return the last line: the one that is typed, a message, or the keys."""
        row = self._marked.row
        if self._line is not None:
            return f"\x1b[1m{cut(self._line.shown(), width - 1, keeps_end=True)}\x1b[m\x1b[7m \x1b[m"
        hints = _HINTS if row is None or row.session is not None else (f"Enter create a session: {row.title}",)
        hints = (self._message,) if self._message else hints
        return f"\x1b[2m{cut(next((hint for hint in hints if columns(hint) <= width), hints[-1]), width)}"

    def _screen(self) -> Screen | str | None:
        """Return the screen of the marked session, or the reason for none."""
        row = self._marked.row
        if row is None or row.session is None:
            return None
        if row.current:
            return "you are here"  # its screen shows this picture
        return row.silence or self._previews.screens.get((row.host, row.name))
