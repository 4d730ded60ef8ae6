"""The Program Status Protocol (OSC 7501): the records that a terminal keeps of its program's reports.

A report replaces the record of its id. A report without an id is about the program itself, the root. An invalid report
is dropped, because an invalid id must not be taken for the root, whose `clear` removes all records.
"""

from __future__ import annotations

import os
import re
from binascii import a2b_base64, b2a_base64
from dataclasses import dataclass, field
from typing import Annotated

from sesh.schema.facts import ReportFacts
from sesh.text.describe import of_report
from sesh.text.safe import one_line

Report = dict[str, str]  # the known pairs of a valid report, still encoded

STATES = {"blocked": "waiting", "error": "failed", "working": "working", "done": "done", "idle": "idle"}
"""A session's state by the state in a report, the most urgent first."""
KINDS = {"permission": "asks for permission", "question": "asks a question", "auth": "asks for a login"}
MAX_RECORDS = 256  # the oldest is dropped
MAX_TEXT = 200  # characters of a text that are shown
_RESULTS = ("done", "error")
_KEYS = ("state", "id", "kind", "progress", "app", "title", "msg")
_MAX_KEY = 16
_MAX_APP = 32
_MAX_BYTES = {"title": 192, "msg": 2048}  # bytes of decoded texts
_ID = re.compile(r"(?=.{1,128}\Z)[\w.+-]{1,32}(?:/[\w.+-]{1,32}){0,7}\Z", re.ASCII)
_PAIR = re.compile(r"[a-z]+=[A-Za-z0-9_.,+/=-]*\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def parse(text: bytes) -> Report | None:
    """Return the report in the text after `7501;`; None if it is invalid."""
    pairs: Report = {}
    for pair in text.decode("latin-1").split(":"):
        key, equals, value = (part.strip(" \t") for part in pair.partition("="))
        if equals and (len(key) > _MAX_KEY or (key == "id" and not _ID.match(value))):
            return None
        if _PAIR.match(key + equals + value):
            if key == "app" and len(value) > _MAX_APP:
                return None
            pairs[key] = value
    state = pairs.get("state")
    progress = pairs.get("progress", "").lstrip("0") or "0"
    if (state not in STATES and state != "clear") or not all(_is_text(pairs.get(key, ""), key) for key in _MAX_BYTES):
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
    return controls is None and len(data) <= _MAX_BYTES[key] and value in (encoded, encoded.rstrip("="))


def _bytes(value: str) -> bytes:
    return a2b_base64(value + "=" * (-len(value) % 4))


@dataclass
class ProgramStatus:
    """What a program reports of itself and its parts: their records, by id; the program itself has none."""

    records: dict[str, Report] = field(default_factory=dict)
    group: int = 0  # the process group that reported last
    changed_at: Annotated[int, range(-1, 1 << 62)] = -1  # position of the last change
    speaks: bool = False  # reports override other declarations

    def store(self, report: Report, group: int, at: int) -> None:
        """Store a process group's report, which ends at position `at` of the log."""
        part = report.get("id", "")
        if report["state"] == "clear":
            self.speaks = self.speaks and part != ""
            self._remove([each for each in self.records if not part or f"{each}/".startswith(f"{part}/")], at)
            return
        self.records.pop(part, None)
        self.records[part] = report
        if len(self.records) > MAX_RECORDS:
            del self.records[next(iter(self.records))]
        self.group = group
        self.changed_at = at
        self.speaks = True

    def drop_ended(self, at: int) -> None:
        """Drop an ended program's records, except results, which stay until a person sees them."""
        self.speaks = False
        self._remove([part for part in self.records if part not in self._results()], at)

    def drop_results(self, at: int) -> None:
        """Drop results, because a person has typed; a running program's become idle."""
        for part in self._results():
            report = self.records[part]
            self._remove([part], at)
            if self.speaks:
                report.pop("msg", None)
                self.store({**report, "state": "idle"}, self.group, at)

    def drop_if_gone(self, foreground: int, at: int) -> None:
        """Call `drop_ended` if the group that reported has left the foreground and ended."""
        if self.speaks and self.group and foreground not in (0, self.group):
            try:
                os.killpg(self.group, 0)
            except ProcessLookupError:
                self.drop_ended(at)
            except PermissionError:
                return

    def _results(self) -> list[str]:
        return [part for part, report in self.records.items() if report["state"] in _RESULTS]

    def _remove(self, parts: list[str], at: int) -> None:
        for part in parts:
            del self.records[part]
            self.changed_at = at

    def most_urgent(self) -> Report | None:
        """Return the most urgent record, the root's first among equals; None without records."""
        if not self.records:
            return None
        order = list(STATES)
        return min(self.records.items(), key=lambda item: (order.index(item[1]["state"]), item[0] != ""))[1]

    def line(self) -> str:
        """Return one line about the working parts; empty if they have no text."""
        return " · ".join(filter(None, (of_report(row) for row in self.as_json() if row["state"] == "working")))

    def as_json(self) -> list[ReportFacts]:
        return [
            {
                "id": part or None,
                "state": STATES[report["state"]],
                "kind": report.get("kind"),
                "progress": int(report["progress"]) if "progress" in report else None,
                "app": self._app(part) or None,
                "title": shown(report, "title") or None,
                "message": shown(report, "msg") or None,
            }
            for part, report in sorted(self.records.items())
        ]

    def sequences(self, since: int, until: int, *, every: bool) -> str:
        """Return sequences that bring a terminal's records from `since` (-1: none) to `until`."""
        changed = since < self.changed_at <= until
        if not (changed or every):
            return ""
        cleared = [{"state": "clear"}] if changed and since >= 0 else []  # first: some may be gone
        bodies = [":".join(map("=".join, report.items())) for report in (*cleared, *self.records.values())]
        return "".join(f"\x1b]7501;{body}\x1b\\" for body in bodies)

    def _app(self, part: str) -> str:
        """Return the app of a record, or of its nearest ancestor."""
        own = self.records[part].get("app", "") if part in self.records else ""
        return own if own or not part else self._app(part.rpartition("/")[0])


def shown(report: Report, key: str) -> str:
    return one_line(_bytes(report.get(key, "")).decode())[:MAX_TEXT]
