"""The Program Status Protocol (OSC 7501): reports of a program on itself and on its parts, checked and kept.

A report replaces the record of its id whole; one without an id is that of the program itself, the root. One that is
invalid as a whole changes nothing: an id that is none must not mean the root, where `clear` removes all.
"""

from __future__ import annotations

import os
import re
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable
from typing import Any

from sesh.daemon.activity.rules import MAX_QUESTION, By, Said, State
from sesh.moments import STEADY
from sesh.schema import ReportFacts
from sesh.wording import of_report, one_line

Report = dict[str, str]
"""The pairs of a valid report that have a meaning, as they came."""

STATES = {
    "blocked": State.WAITING, "error": State.FAILED, "working": State.WORKING, "done": State.DONE, "idle": State.IDLE,
}  # fmt: skip
"""What each state of a report means here, the most urgent first."""
KINDS = {"permission": "asks for permission", "question": "asks a question", "auth": "asks for a login"}
"""What a blocked program needs, as a question says it."""
MOST_RECORDS = 256
_ENDS = ("done", "error")
_KEYS = ("state", "id", "kind", "progress", "app", "title", "msg")
_LONGEST = {"app": 32, "title": 256, "msg": 2732}
_LONGEST_KEY, _LONGEST_TITLE, _LONGEST_MSG = 16, 192, 2048
"""Bytes: of values and keys; of texts once they are decoded."""
_ID = re.compile(r"(?=.{1,128}\Z)[\w.+-]{1,32}(?:/[\w.+-]{1,32}){0,7}\Z", re.ASCII)
_PAIR = re.compile(r"[a-z]+=[A-Za-z0-9_.,+/=-]*\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def parse(text: bytes) -> Report | None:
    """The report that stands behind `7501;`; None for one that is to be dropped."""
    pairs: Report = {}
    for pair in text.decode("latin-1").split(":"):
        key, equals, value = (part.strip(" \t") for part in pair.partition("="))
        if equals and (len(key) > _LONGEST_KEY or (key == "id" and not _ID.match(value))):
            return None
        if _PAIR.match(key + equals + value):
            if len(value) > _LONGEST.get(key, len(value)):
                return None
            pairs[key] = value
    state, progress = pairs.get("state"), pairs.get("progress", "").lstrip("0") or "0"
    texts = _is_text(pairs.get("title", ""), _LONGEST_TITLE) and _is_text(pairs.get("msg", ""), _LONGEST_MSG)
    if not texts or (state not in STATES and state != "clear"):
        return None
    if state != "blocked" or pairs.get("kind") not in KINDS:
        pairs.pop("kind", None)
    if state not in ("blocked", "working") or not progress.isdigit() or len(progress) > 3 or int(progress) > 100:
        pairs.pop("progress", None)
    if any(character in pairs.get("app", "") for character in ",/="):
        del pairs["app"]
    return {key: pairs[key] for key in _KEYS if pairs.get(key)}


def _is_text(value: str, most: int) -> bool:
    """Returns whether a value is base64 of UTF-8 without controls."""
    try:
        data = _bytes(value)
        controls = _CONTROL.search(data.decode())
    except ValueError:
        return False
    encoded = b2a_base64(data, newline=False).decode()
    return controls is None and len(data) <= most and value in (encoded, encoded.rstrip("="))


def _bytes(value: str) -> bytes:
    return a2b_base64(value + "=" * (-len(value) % 4))


class Reports:
    """The records of one session by id, the least recently updated first, each with the time of its report."""

    def __init__(self) -> None:
        self._records: dict[str, tuple[Report, float]] = {}
        self._group = 0
        """The process group that reported last."""
        self._changed_at = self._removed_at = -1
        """The log's positions when a record changed last, and when one was removed."""
        self.speaks = False
        """True while nothing else that the program says counts."""

    def take(self, report: Report, group: int, at: int) -> None:
        """Takes a report of a process group, which ends at a position of the log."""
        part = report.get("id", "")
        if report["state"] == "clear":
            self.speaks = self.speaks and part != ""
            self._remove(lambda each, _: not part or f"{each}/".startswith(f"{part}/"), at)
            return
        self._records.pop(part, None)
        self._records[part] = report, STEADY.now()
        if len(self._records) > MOST_RECORDS:
            del self._records[next(iter(self._records))]
        self._group, self._changed_at, self.speaks = group, at, True

    def ended(self, at: int) -> None:
        """Notes that the program has ended: what it found stays until somebody sees it."""
        self.speaks = False
        self._remove(lambda _, report: report["state"] not in _ENDS, at)

    def seen(self, at: int, *, by_key: bool = True) -> None:
        """Notes a key, after which a program that had finished is idle; or that another command begins."""
        for report in self._remove(lambda _, report: report["state"] in _ENDS, at):
            if by_key and self.speaks:
                self.take({**report, "state": "idle", "msg": ""}, self._group, at)

    def left(self, foreground: int, at: int) -> None:
        """Notes who has the terminal: if the process group that reported is gone, so has the program."""
        if self.speaks and self._group and foreground not in (0, self._group):
            try:
                os.killpg(self._group, 0)
            except ProcessLookupError:
                self.ended(at)
            except PermissionError:
                return

    def _remove(self, which: Callable[[str, Report], bool], at: int) -> list[Report]:
        removed = [part for part, (report, _) in self._records.items() if which(part, report)]
        self._removed_at = at if removed else self._removed_at
        return [self._records.pop(part)[0] for part in removed]

    def said(self) -> Said | None:
        """The program's word, that of its most urgent record, the root's first; None without any."""
        order = list(STATES)
        records = sorted(self._records.items(), key=lambda each: (order.index(each[1][0]["state"]), each[0] != ""))
        if not records:
            return None
        report, since = records[0][1]
        state, kind = STATES[report["state"]], report.get("kind", "")
        words = "" if state in (State.WORKING, State.IDLE) else _shown(report, "msg") or KINDS.get(kind, "")
        return Said(state, By.REPORT, since, words, kind)

    def line(self) -> str:
        """What works, in a line; empty without words for it."""
        return " · ".join(filter(None, (of_report(row) for row in self.as_json() if row["state"] == State.WORKING)))

    def as_json(self) -> list[ReportFacts]:
        """The records as `--status` shows them."""
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
            for part, (report, _) in sorted(self._records.items())
        ]

    def sequences(self, since: int, until: int, *, every: bool) -> str:
        """The sequences for a terminal that has the output up to `since` (-1: none) and gets a screen of `until`: all
        records, or none if it has them already; behind a clear, if some were removed."""
        cleared = 0 <= since < self._removed_at <= until
        sequences = ["state=clear"] * cleared
        if every or cleared or since < self._changed_at <= until:
            for part, (report, _) in self._records.items():
                pairs = {**report, "app": self._app(part)}
                sequences.append(":".join(f"{key}={value}" for key, value in pairs.items() if value))
        return "".join(f"\x1b]7501;{body}\x1b\\" for body in sequences)

    def _app(self, part: str) -> str:
        """The app of a record, or of the nearest above it that has one; the root is above all."""
        own = self._records[part][0].get("app", "") if part in self._records else ""
        return own if own or not part else self._app(part.rpartition("/")[0])

    def dump(self) -> list[Any]:
        """All of it as plain data."""
        return [list(self._records.items()), self._group, self._changed_at, self._removed_at, self.speaks]

    def restore(self, state: list[Any]) -> None:
        """Goes on from what `dump` returned."""
        records, self._group, self._changed_at, self._removed_at, self.speaks = state
        self._records = {part: (report, since) for part, (report, since) in records}


def _shown(report: Report, key: str) -> str:
    """A text of a report as people may be shown it."""
    return one_line(_bytes(report.get(key, "")).decode())[:MAX_QUESTION]
