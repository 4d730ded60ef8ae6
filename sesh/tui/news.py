"""Notifications for sessions of the board that begin to need a person: at most one a minute for each."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from sesh import wording
from sesh.ops.index import Key
from sesh.schema import Summary
from sesh.tui.rows import identity
from sesh.wording import NOTIFICATION_INTERVAL, activity_facts, muted


@dataclass(frozen=True)
class _Report:
    """The last report of a session. `need`: state, since when, question; empty strings if nobody is needed."""

    host: str | None
    need: tuple[str, str, str] = ("", "", "")
    bells: int = 0


class News:
    """Finds detached sessions that begin to wait, fail, or ring. The first report of a machine is the baseline."""

    def __init__(self) -> None:
        self._reports: dict[object, _Report] = {}
        self._machines: frozenset[str | None] = frozenset()
        self._reported_at: dict[object, float] = {}

    def lines(self, sessions: Mapping[Key, Summary], answering: frozenset[str | None]) -> list[str]:
        """Return a line for each notification. `answering`: the machines whose sessions are up to date."""
        lines = []
        reports = {session: report for session, report in self._reports.items() if report.host not in answering}
        for key, session in sessions.items():
            host, name = key
            if host not in answering:
                continue
            known_as = identity(key, session)
            reports[known_as] = report = _report(host, session)
            before = self._reports.get(known_as, _Report(host)) if host in self._machines else report
            new_need = report.need[0] and report.need != before.need
            has_news = new_need or report.bells > before.bells
            if has_news and not _suppressed(session) and self._due(known_as):
                state, _, question = report.need if new_need else ("bell", "", "")
                lines.append(wording.notification(name, state, question, host))
        self._reports, self._machines = reports, self._machines | answering
        return lines

    def _due(self, session: object) -> bool:
        """Return whether a session may be notified now; if so, start its interval."""
        now = time.monotonic()
        self._reported_at = {
            each: moment for each, moment in self._reported_at.items() if moment > now - NOTIFICATION_INTERVAL
        }
        return self._reported_at.setdefault(session, now) == now


def _report(host: str | None, session: Summary) -> _Report:
    unseen = session.get("unseen")
    state, since, question = activity_facts(session)
    if wording.ended_badly(session):
        need = "failed", str(session.get("ended")), wording.failure(session.get("reason"), session["exit_code"])
    else:
        need = (state, since, question) if state in ("waiting", "failed") else ("", "", "")
    return _Report(host, need, unseen["bells"] if unseen else 0)


def _suppressed(session: Summary) -> bool:
    """Return whether a session gets no notifications: it is attached, current, or muted."""
    return bool(session.get("attached") or session.get("current") or muted(session.get("labels")))
