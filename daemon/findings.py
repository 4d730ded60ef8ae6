"""Handles what the query scanner finds in a program's output: queries, titles, bells, notifications, states, marks."""

from __future__ import annotations

from collections.abc import Callable

from sesh import wording
from sesh.daemon.activity.activity import Activity
from sesh.daemon.answering import Answering
from sesh.daemon.pty.pump import Pump
from sesh.daemon.shell.history import CommandMarks
from sesh.queries import ASKING, Finding, bounded

MAX_TITLE = 1024
_MOST_PARTS = 8


class Findings:
    """The findings of one session, and the title that its program, of the process group `titled_by`, has set."""

    def __init__(
        self, answering: Answering, activity: Activity, marks: CommandMarks, pump: Pump, emit: Callable[..., None]
    ) -> None:
        self.answering, self._activity, self.marks, self._pump, self._emit = answering, activity, marks, pump, emit
        self._parts: list[bytes] = []
        self.title = ""
        self.titled_by = 0

    def handle(self, findings: list[Finding], start: int) -> None:
        for kind, body, end in bounded(findings):
            self._handle(kind, body, start + end)
        self.answering.answer()

    def _handle(self, kind: str, body: bytes, position: int) -> None:
        if kind in ASKING:
            self.answering.found(kind, body, position)
        elif kind == "title":
            self._take_title(_printable(body))
        elif kind == "bell":
            self._emit("bell")
        elif kind == "notification_part":
            self._parts = [*self._parts, body][:_MOST_PARTS]
        elif kind == "notification":
            self._notify(body)
        elif kind == "status":
            self._activity.reported(body, position)
        elif kind == "ris":
            self._activity.reset(position)
        elif kind == "progress":
            self._activity.progressed(body)
        elif kind == "mark":
            self._activity.marked(body, position)
            self.marks.handle(body, position)

    def _take_title(self, title: str) -> None:
        self.titled_by = self._pump.pty.foreground() if self._pump.pty is not None else 0
        if title != self.title:
            self.title = title
            self._emit("title", title=title)

    def _notify(self, body: bytes) -> None:
        parts, self._parts = [*self._parts, body], []
        text = _printable(b": ".join(filter(None, parts)))
        if text:
            self._emit("notification", text=text)
            self._activity.say("waiting", text)


def _printable(body: bytes) -> str:
    """Return text that a program chose, without controls and of bounded length."""
    return wording.plain(body.decode("utf-8", "replace"))[:MAX_TITLE]
