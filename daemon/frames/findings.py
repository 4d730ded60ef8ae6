"""Handles what is found in the output: queries, titles, bells, notifications, states, prompt marks."""

from __future__ import annotations

from dataclasses import dataclass

from sesh.daemon.activity.activity import Activity
from sesh.daemon.activity.rules import State
from sesh.daemon.clients.events import Events
from sesh.daemon.frames.focus_reports import FocusReports
from sesh.daemon.frames.query_router import SIZE_REPORTS, QueryRouter
from sesh.daemon.pty.pump import Finding, Pump
from sesh.daemon.shell.command_marks import CommandMarks
from sesh.text import safe
from sesh.vt.modes import FOCUS
from sesh.vt.queries import Kind

MAX_TITLE = 1024
_QUERIES = (Kind.QUERY, Kind.TALK, Kind.STATUS_QUERY)
_MAX_PARTS = 8  # parts of one notification (OSC 99); more are dropped


@dataclass(frozen=True)
class FindingsState:
    """What a reload keeps of the findings."""

    title: str
    titled_by: int
    parts: list[bytes]


class Findings:
    """Handles each finding once, and keeps the title."""

    def __init__(
        self,
        activity: Activity,
        marks: CommandMarks,
        pump: Pump,
        events: Events,
        queries: QueryRouter,
        focus: FocusReports,
    ) -> None:
        self._queries = queries
        self._focus = focus
        self._activity = activity
        self._marks = marks
        self._pump = pump
        self._events = events
        self._parts: list[bytes] = []  # parts of an incomplete notification
        self.title = ""
        self.titled_by = 0  # the process group that has set the title

    @property
    def state(self) -> FindingsState:
        """What a reload keeps."""
        return FindingsState(self.title, self.titled_by, self._parts)

    @state.setter
    def state(self, state: FindingsState) -> None:
        self.title, self.titled_by, self._parts = state.title, state.titled_by, state.parts

    def handle(self, finding: Finding) -> None:
        """Handle a finding."""
        kind, body, position = finding
        if kind in _QUERIES:
            self._queries.note(finding)
        elif kind == Kind.REPORTS:
            self._note_reports(body, position)
        elif kind == Kind.TITLE:
            self.titled_by = self._pump.foreground
            before = self.title
            self.title = _printable(body)
            if self.title != before:
                self._events.add("title", title=self.title)
        elif kind == Kind.BELL:
            self._events.add("bell")
        elif kind == Kind.NOTIFICATION_PART:
            self._parts = [*self._parts, body][:_MAX_PARTS]
        elif kind == Kind.NOTIFICATION:
            self._notify(body)
        elif kind == Kind.STATUS:
            self._activity.handle_report(body, position)
        elif kind == Kind.RIS:
            self._activity.clear_reports(position)
        elif kind == Kind.PROGRESS:
            self._activity.handle_progress(body)
        elif kind == Kind.MARK:
            self._activity.handle_mark(body, position)
            self._marks.handle(body, position)
        elif kind == Kind.EDITOR:
            self._marks.handle_editor(body)
        elif kind == Kind.INTEGRATION:
            self._marks.announce(body)

    def _notify(self, body: bytes) -> None:
        """Handle a notification, whose earlier parts have come."""
        parts = [*self._parts, body]
        self._parts = []
        if text := _printable(b": ".join(filter(None, parts))):
            self._events.add("notification", text=text)
            self._activity.declare(State.WAITING, text)

    def _note_reports(self, sequence: bytes, position: int) -> None:
        """Note the modes that a program has set, in which a terminal reports."""
        modes = sequence[3:-1].split(b";")
        if b"%d" % FOCUS in modes:
            self._focus.note_asked()
        if b"%d" % SIZE_REPORTS in modes:
            self._queries.report_size_at(position)


def _printable(body: bytes) -> str:
    return safe.plain(body.decode("utf-8", "replace"))[:MAX_TITLE]
