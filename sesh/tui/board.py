"""The board: sessions of all machines, a preview of the selected one, an input line.

Letters filter. Tab opens an input line for an answer, Ctrl-E one for a new name, and Ctrl-X asks whether to end the
session. Nothing happens to a session before Enter, or y, in such a line.
"""

from __future__ import annotations

import os
import textwrap
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any

from sesh.client.display import BELL, notification
from sesh.client.terminal import RawTerminal
from sesh.config import config
from sesh.names import is_name, natural
from sesh.ops import enter, send, sessions, views
from sesh.ops.index import SessionIndex
from sesh.reach.target import Target
from sesh.schema.facts import Place, Status
from sesh.text import describe, safe
from sesh.text.describe import activity_facts
from sesh.text.safe import columns, cut, plain
from sesh.tui import preview
from sesh.tui.alerts import Alerts
from sesh.tui.calls import Calls
from sesh.tui.console import FullScreen
from sesh.tui.keys import edited
from sesh.tui.preview import Previews
from sesh.tui.rows import BoardRow, Selection, SortOrder, drawn, matching, ordered

_PREVIEW_COLUMNS = 64  # a narrower terminal shows no preview
_DETAIL_ROWS = 4  # a lower terminal shows no details of the selected row
_LEAVE_KEYS = ("escape", "C-c", "C-d", "C-\\", "hangup")
_HINT = "Enter attach  Tab answer  ↑↓ choose  ^X end  ^E rename  Esc leave"


@dataclass(frozen=True)
class BoardOptions:
    """What a board shows, and how.

    `wanted`: the labels that a session must have; `creates`: a new name may be chosen; `quiet_hours`: without bells.
    """

    order: SortOrder
    wanted: dict[str, str]
    creates: bool
    quiet_hours: str
    coloured: bool


class Purpose(Enum):
    """The purpose of an input line; END takes a single key."""

    ANSWER = "answer"
    RENAME = "rename"
    END = "end"


@dataclass
class _Input:
    """The input line for a session.

    `question`, `since`: what the program asks, and since when. `hidden`: show dots, until the program is known to echo
    the answer.
    """

    purpose: Purpose
    row: BoardRow
    text: str = ""
    question: str = ""
    since: str = ""
    hidden: bool = False

    def shown(self) -> str:
        if self.purpose is Purpose.END:
            return f"end {self.row.title}? [y/N] "
        verb = "answer" if self.purpose is Purpose.ANSWER else "rename"
        return f"{verb} {self.row.title}: {'•' * len(self.text) if self.hidden else plain(self.text)}"


def show(index: SessionIndex, options: BoardOptions, selected: BoardRow | None = None) -> BoardRow | None:
    """Show the board; return the chosen row, None if the person leaves. Raises Refused."""
    with RawTerminal() as terminal, FullScreen(terminal) as display, Calls() as calls:
        return _Board(display, index, calls, options).run(selected)


class _Board:
    """The rows, the query that filters them, and the input line, for one thread."""

    def __init__(self, display: FullScreen, index: SessionIndex, calls: Calls, options: BoardOptions) -> None:
        self._display = display
        self._index = index
        self._calls = calls
        self._options = options
        self._previews = Previews(calls)
        self._alerts = Alerts()
        self._recent = enter.recent()
        self._selection = Selection()
        self._count = 0
        self._touched = False  # a key was pressed; until then, each report selects the first row
        self._query = ""
        self._message = ""
        self._input: _Input | None = None
        self._chosen: BoardRow | None = None
        self._done = False

    def run(self, selected: BoardRow | None) -> BoardRow | None:
        if selected is not None:
            self._selection.rows, self._touched = [selected], True
        self._update()
        changed = True
        while not self._done:
            if changed or self._display.blank:
                self._draw()
            row = self._selection.row
            due = self._index.due
            if row is not None and row.has_screen:
                due = min(due, self._previews.refresh(row.place))
            keys, ready = self._display.wait((self._index.inbound, self._calls.inbound), due)
            for key in keys:
                if not self._done:
                    self._press(key)
            if self._calls.inbound in ready:
                self._calls.handle()
            reported = self._index.update()
            if reported:
                self._update()
            changed = bool(keys or ready or reported)
        return self._chosen

    def _update(self, *, reset: bool = False) -> None:
        """Refresh the rows from the index. `reset`: select the first row."""
        listed = self._index.sessions(self._options.wanted)
        if not listed and self._index.pending and self._selection.rows:
            return  # keep the selected row until a machine has reported
        self._count = len(listed)
        if self._options.order is SortOrder.WAITING and not self._index.pending:
            self._alert(listed)
        rows = matching(ordered(listed, self._options.order, self._recent), self._query)
        if self._options.creates and not rows and is_name(self._query):
            rows = [BoardRow(None, self._query)]
        self._selection.show(rows, reset=reset or not self._touched)

    def _press(self, key: str) -> None:
        if self._input is not None:
            self._press_in_input(self._input, key)
            return
        row, self._message = self._selection.row, ""
        if key in _LEAVE_KEYS:
            self._done = True
        elif key == "enter" and row is not None:
            self._chosen = row
            self._done = True
        elif self._selection.press(key):
            self._touched = True
        elif key in ("tab", "C-e", "C-x") and row is not None and row.session is not None:
            self._touched = True
            self._open_input(key, row)
        elif (query := edited(self._query, key)) != self._query:
            self._query = query
            self._touched = True
            self._update(reset=True)

    def _open_input(self, key: str, row: BoardRow) -> None:
        if key != "tab":
            self._input = _Input(Purpose.RENAME, row, row.name) if key == "C-e" else _Input(Purpose.END, row)
            return
        assert row.session is not None  # noqa: S101 (only sessions have input lines)
        asked = state, since, question = activity_facts(row.session)
        if state != "waiting":
            self._message = f"{row.title} asks nothing"
            return
        self._input = line = _Input(Purpose.ANSWER, row, question=question, since=since, hidden=True)

        def show(status: Status, problem: str) -> None:
            # A problem shows when the answer is sent. A program that reads a line without echo asks for a secret.
            known = not problem and activity_facts(status) == asked
            line.hidden = not known or (status["modes"]["canonical"] and not status["modes"]["echo"])

        self._calls.call(row.host, lambda target: target.call(views.status, name=row.name), show)

    def _press_in_input(self, line: _Input, key: str) -> None:
        name = line.row.name
        if line.purpose is not Purpose.END and key not in ("enter", *_LEAVE_KEYS):
            line.text = edited(line.text, key)
            return
        self._input = None
        if key in _LEAVE_KEYS:
            self._done = key == "hangup"
        elif line.purpose is Purpose.ANSWER:
            answer = partial(send.answer, name=name, text=line.text, since=line.since, question=line.question)
            self._act(line.row, answer, "was answered", moves_on=self._options.order is SortOrder.WAITING)
        elif line.purpose is Purpose.RENAME:
            renamed = f"is {line.text} now"
            self._act(line.row, lambda target: target.call(sessions.rename, name=name, new=line.text), renamed)
        elif key in ("y", "Y"):
            session_id = line.row.session.get("id") if line.row.session is not None else None
            ids = {name: session_id or ""}
            self._act(line.row, lambda target: target.call(sessions.kill, names=[name], ids=ids), "was ended")

    def _act(self, row: BoardRow, call: Callable[[Target], object], done: str, *, moves_on: bool = False) -> None:
        """Make a call in a thread, and show how it went: `done`, or its error.

        `moves_on`: once it is done, select the first row again, who waits longest.
        """

        def show(_result: object, problem: str) -> None:
            self._message = problem or f"{row.title} {done}"
            self._previews.expire(row.place)
            if moves_on and not problem:
                self._touched = False
                self._update()

        self._message = "…"
        self._calls.call(row.host, call, show)

    def _alert(self, listed: dict[Place, Any]) -> None:
        """Ring the bell for sessions that have begun to need a person."""
        lines = self._alerts.update(listed)
        if lines and not config.in_quiet_hours(self._options.quiet_hours):
            notifications = [notification(line, os.environ) for line in lines]
            self._display.ring(BELL + b"".join(data for data in notifications if data != BELL))

    def _draw(self) -> None:
        width, height = self._display.size
        details = [self._details(width)] if height >= _DETAIL_ROWS else []
        body = max(1, height - 2 - len(details))
        left = width // 2 if width >= _PREVIEW_COLUMNS else width
        lines = self._list(left, body)
        if left < width:
            room = width - left - 2
            right = preview.drawn(self._preview(room), room, body, coloured=self._options.coloured)
            lines = [f"{line}\x1b[2m│\x1b[m {screen}" for line, screen in zip(lines, right)]
        self._display.draw([self._head(width), *lines, *details, self._foot(width)])

    def _head(self, width: int) -> str:
        """Return the line with the query and the number of matching sessions."""
        shown = sum(row.session is not None for row in self._selection.rows)
        count = f"{shown}/{self._count}"
        query = cut(f"> {plain(self._query)}", max(1, width - len(count) - 3), keeps_end=True)
        gap = " " * (width - columns(query) - 2 - len(count))
        return f"\x1b[1m{query}\x1b[m\x1b[7m \x1b[m{gap}\x1b[2m{count}"

    def _list(self, width: int, height: int) -> list[str]:
        """Return the rows, and below them the remarks on hosts, each padded to `width`."""
        rows = drawn(self._selection, width, height, time.time(), coloured=self._options.coloured)
        remarks: list[str] = []
        if not rows and (self._query or not self._index.pending):  # a pending machine may have sessions
            remarks.append(" no match" if self._query else " no sessions")
        for host, report in sorted(self._index.machines.items(), key=lambda machine: natural(machine[0] or "")):
            if not self._query and report.why_silent:
                remarks.append(f"@{host}  {report.why_silent}")
        remarks = [cut(line, width) for remark in remarks for line in _wrapped(remark, width)]
        lines = [*rows, *(remark + " " * (width - columns(remark)) for remark in remarks)]
        return lines[:height] + [" " * width] * (height - len(lines))

    def _details(self, width: int) -> str:
        """Return the line above the foot: the question to answer, or the selected row's details."""
        if self._input is not None and self._input.purpose is Purpose.ANSWER:
            return f"\x1b[1m{cut(safe.one_line(self._input.question), width)}"
        row = self._selection.row
        if row is None or row.session is None:
            return ""
        words = (row.why_silent, describe.question(row.session), row.directory, row.runs)
        return f"\x1b[2m{cut('  '.join(filter(None, words)), width)}"

    def _foot(self, width: int) -> str:
        """Return the last line: the input line, a message, or hints about keys."""
        row = self._selection.row
        if self._input is not None:
            return f"\x1b[1m{cut(self._input.shown(), width - 1, keeps_end=True)}\x1b[m\x1b[7m \x1b[m"
        hint = f"Enter create a session: {row.title}" if row is not None and row.session is None else _HINT
        return f"\x1b[2m{cut(self._message or hint, width)}"

    def _preview(self, width: int) -> str:
        """Return the text of the selected session's screen, or the reason why none shows."""
        row = self._selection.row
        if row is None:
            return ""
        if not row.has_screen:
            return "you are here" if row.current else "\n".join(_wrapped(row.why_silent, width))
        return self._previews.texts.get(row.place, "")


def _wrapped(reason: str, width: int) -> list[str]:
    """Return the lines of a reason, whose end may be an address."""
    return textwrap.wrap(plain(reason), max(1, width), break_on_hyphens=False)
