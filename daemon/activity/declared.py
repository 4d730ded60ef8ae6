"""The state that the program declares: by a notification, progress, a hook or `--state`, or by reports (OSC 7501).

A report replaces the record of its id; without an id it is about the program itself, the root. An invalid report is
dropped: an invalid id must not be taken for the root, whose `clear` removes all records.
"""

from __future__ import annotations

import os
import re
from binascii import a2b_base64, b2a_base64
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from sesh.daemon.activity.rules import MAX_QUESTION, Standing, State, Why
from sesh.keys import LONGEST, Key, pressed
from sesh.measures import STEADY
from sesh.schema import ReportFacts
from sesh.wording import of_report, one_line

Report = dict[str, str]  # the known pairs of a valid report, still encoded

STATES = {
    "blocked": State.WAITING, "error": State.FAILED, "working": State.WORKING, "done": State.DONE, "idle": State.IDLE,
}  # fmt: skip
KINDS = {"permission": "asks for permission", "question": "asks a question", "auth": "asks for a login"}
MOST_RECORDS = 256  # the oldest is dropped
_RESULTS = ("done", "error")
_CANCELS = Key.parse("Escape"), Key.parse("C-c")  # keys that may cancel work without a new report
_KEYS = ("state", "id", "kind", "progress", "app", "title", "msg")
_LONGEST_KEY, _LONGEST_APP = 16, 32
_LONGEST = {"title": 192, "msg": 2048}  # bytes of decoded texts
_ID = re.compile(r"(?=.{1,128}\Z)[\w.+-]{1,32}(?:/[\w.+-]{1,32}){0,7}\Z", re.ASCII)
_PAIR = re.compile(r"[a-z]+=[A-Za-z0-9_.,+/=-]*\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def parse(text: bytes) -> Report | None:
    """Return the report in the text after `7501;`; None if it is invalid."""
    pairs: Report = {}
    for pair in text.decode("latin-1").split(":"):
        key, equals, value = (part.strip(" \t") for part in pair.partition("="))
        if equals and (len(key) > _LONGEST_KEY or (key == "id" and not _ID.match(value))):
            return None
        if _PAIR.match(key + equals + value):
            if key == "app" and len(value) > _LONGEST_APP:
                return None
            pairs[key] = value
    state, progress = pairs.get("state"), pairs.get("progress", "").lstrip("0") or "0"
    if (state not in STATES and state != "clear") or not all(_is_text(pairs.get(key, ""), key) for key in _LONGEST):
        return None
    if state != "blocked" or pairs.get("kind") not in KINDS:
        pairs.pop("kind", None)
    if state not in ("blocked", "working") or not progress.isdigit() or len(progress) > 3 or int(progress) > 100:
        pairs.pop("progress", None)
    if any(character in pairs.get("app", "") for character in ",/="):
        del pairs["app"]
    return {key: pairs[key] for key in _KEYS if pairs.get(key)}


def _is_text(value: str, key: str) -> bool:
    """Return whether a value is base64 of UTF-8 without control characters, and not too long."""
    try:
        data = _bytes(value)
        controls = _CONTROL.search(data.decode())
    except ValueError:
        return False
    encoded = b2a_base64(data, newline=False).decode()
    return controls is None and len(data) <= _LONGEST[key] and value in (encoded, encoded.rstrip("="))


def _bytes(value: str) -> bytes:
    return a2b_base64(value + "=" * (-len(value) % 4))


@dataclass
class Reports:
    records: dict[str, Report] = field(default_factory=dict)
    group: int = 0  # the process group that reported last
    changed_at: int = -1  # position of the last change
    speaks: bool = False  # reports override other declarations

    def take(self, report: Report, group: int, at: int) -> None:
        """Store a report of a process group. `at`: the position of its end in the log."""
        part = report.get("id", "")
        if report["state"] == "clear":
            self.speaks = self.speaks and part != ""
            self._remove([each for each in self.records if not part or f"{each}/".startswith(f"{part}/")], at)
            return
        self.records.pop(part, None)
        self.records[part] = report
        if len(self.records) > MOST_RECORDS:
            del self.records[next(iter(self.records))]
        self.group, self.changed_at, self.speaks = group, at, True

    def ended(self, at: int) -> None:
        """Drop the records of a program that has ended, except its results, which stay until a person sees them."""
        self.speaks = False
        self._remove([part for part in self.records if part not in self._results()], at)

    def seen(self, at: int) -> None:
        """Drop results, as a person has typed; those of a program that still runs become idle."""
        for part in self._results():
            report = self.records[part]
            self._remove([part], at)
            if self.speaks:
                report.pop("msg", None)
                self.take({**report, "state": "idle"}, self.group, at)

    def left(self, foreground: int, at: int) -> None:
        """Call `ended` if the process group that reported has left the foreground and does not exist any more."""
        if self.speaks and self.group and foreground not in (0, self.group):
            try:
                os.killpg(self.group, 0)
            except ProcessLookupError:
                self.ended(at)
            except PermissionError:
                return

    def _results(self) -> list[str]:
        return [part for part, report in self.records.items() if report["state"] in _RESULTS]

    def _remove(self, parts: list[str], at: int) -> None:
        for part in parts:
            del self.records[part]
            self.changed_at = at

    def standing(self) -> Standing | None:
        """Return the state of the most urgent record, the root's first; None without records."""
        if not self.records:
            return None
        order = list(STATES)
        report = min(self.records.items(), key=lambda each: (order.index(each[1]["state"]), each[0] != ""))[1]
        state, kind = STATES[report["state"]], report.get("kind", "")
        words = "" if state in (State.WORKING, State.IDLE) else _shown(report, "msg") or KINDS.get(kind, "")
        return Standing(state, Why.HOOK, STEADY.now(), words, kind)

    def line(self) -> str:
        """Return one line about the working parts; empty if they have no text."""
        return " · ".join(filter(None, (of_report(row) for row in self.as_json() if row["state"] == State.WORKING)))

    def as_json(self) -> list[ReportFacts]:
        return [
            {
                "id": part or None,
                "state": STATES[report["state"]].value,
                "kind": report.get("kind"),
                "progress": int(report["progress"]) if "progress" in report else None,
                "app": self._app(part) or None,
                "title": _shown(report, "title") or None,
                "message": _shown(report, "msg") or None,
            }
            for part, report in sorted(self.records.items())
        ]

    def sequences(self, since: int, until: int, *, every: bool) -> str:
        """Return the sequences that bring a terminal's records from position `since` (-1: none) to `until`.

        If the records have changed, clear them first. If not, return them only if `every` is set.
        """
        changed = since < self.changed_at <= until
        if not (changed or every):
            return ""
        cleared = [{"state": "clear"}] if changed and since >= 0 else []
        bodies = [":".join(map("=".join, report.items())) for report in (*cleared, *self.records.values())]
        return "".join(f"\x1b]7501;{body}\x1b\\" for body in bodies)

    def _app(self, part: str) -> str:
        """Return the app of a record, or of its nearest ancestor."""
        own = self.records[part].get("app", "") if part in self.records else ""
        return own if own or not part else self._app(part.rpartition("/")[0])


def _shown(report: Report, key: str) -> str:
    return one_line(_bytes(report.get(key, "")).decode())[:MAX_QUESTION]


class By(str, Enum):
    """The source of a declaration: OSC 9, 99 or 777; OSC 9;4; `--hook`; `--state`."""

    NOTICE = "notice"
    PROGRESS = "progress"
    HOOK = "hook"
    TYPED = "typed"


@dataclass
class Declared:
    """The declarations of one program. `last`: the newest that is not a report; `by`: its source."""

    last: Standing | None = None
    by: By = By.NOTICE
    reports: Reports = field(default_factory=Reports)

    @classmethod
    def of(cls, state: dict[str, Any]) -> Declared:
        """Restore the result of `asdict`."""
        last = Standing(**state["last"]) if state["last"] is not None else None
        return cls(last, By(state["by"]), Reports(**state["reports"]))

    @property
    def standing(self) -> Standing | None:
        """The declared state; None without any."""
        return self.last or self.reports.standing()

    @property
    def asks(self) -> bool:
        """True if the program declares that it waits; a notification alone is no such declaration."""
        minor = self.last is not None and self.by in (By.NOTICE, By.PROGRESS)
        return not minor and self.standing is not None and self.standing.state == State.WAITING

    def declare(self, standing: Standing, by: By) -> None:
        """Store a declaration. Reports override all but `--state`; a question overrides notification and progress."""
        minor = by in (By.NOTICE, By.PROGRESS)
        if (by == By.TYPED or not self.reports.speaks) and not (minor and self.asks):
            self.last, self.by = standing, by

    def end_progress(self) -> None:
        """Forget the program's progress, which it has ended."""
        if self.by == By.PROGRESS:
            self.last = None

    def reported(self, text: bytes, group: int, position: int) -> None:
        """Store the report in `text`, which ends at `position` of the log; drop an invalid one."""
        report = parse(text)
        if report is not None:
            self.reports.take(report, group, position)
            self.last = None

    def ends_by_input(self, keys: bytes, position: int) -> bool:
        """Note typed keys (empty: a command begins); return whether they end a declaration.

        Only a key that cancels work ends the declaration that the program works.
        """
        self.reports.seen(position)
        if self.last is None:
            return False
        cancels = len(keys) < LONGEST and pressed(keys, *_CANCELS)  # longer input is text, not a key
        if self.last.state == State.WORKING and not cancels:
            return False
        self.last = None
        return True

    def checked(self, why: Why, group: int, position: int) -> None:
        """Note the result of a check: a program that reads a line does not work. `group`: the foreground."""
        self.reports.left(group, position)
        if self.last is not None and self.last.state == State.WORKING and why in (Why.PROMPT, Why.READ):
            self.last = None
