"""Alerts for sessions that begin to need a person, at most one a minute each."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import inf

from sesh import wording
from sesh.schema import Place, Summary
from sesh.tui.rows import session_identity
from sesh.wording import NOTIFICATION_INTERVAL, activity_facts, muted


@dataclass(frozen=True)
class _Seen:
    need: tuple[str, str, str] = ("", "", "")  # state, since when, question; empty strings if nobody is needed
    bells: int = 0
    alerted: float = -inf  # when the last alert was (monotonic)


class Alerts:
    """Finds detached sessions that begin to wait, fail, or ring after a machine's first report."""

    def __init__(self) -> None:
        self._seen: dict[object, _Seen] = {}
        self._machines: frozenset[str | None] = frozenset()

    def update(self, sessions: Mapping[Place, Summary], answering: frozenset[str | None]) -> list[str]:
        """Return a line for each alert. `answering`: the machines whose sessions are up to date."""
        lines = []
        seen: dict[object, _Seen] = {}
        now = time.monotonic()
        for place, session in sessions.items():
            known_as = session_identity(place, session)
            before, current = self._seen.get(known_as, _Seen()), _see(session)
            if place.host not in answering:
                current = before
            elif place.host not in self._machines:
                before = current
            new_need = current.need[0] and current.need != before.need
            has_news = new_need or current.bells > before.bells
            if has_news and not _suppressed(session) and now >= before.alerted + NOTIFICATION_INTERVAL:
                state, _, question = current.need if new_need else ("bell", "", "")
                lines.append(wording.notification(place.name, state, question, place.host))
                before = replace(before, alerted=now)
            seen[known_as] = replace(current, alerted=before.alerted)
        self._seen, self._machines = seen, self._machines | answering
        return lines


def _see(session: Summary) -> _Seen:
    unseen = session.get("unseen")
    state, since, question = activity_facts(session)
    if wording.ended_badly(session):
        need = "failed", str(session.get("ended")), wording.failure(session.get("reason"), session["exit_code"])
    else:
        need = (state, since, question) if state in ("waiting", "failed") else ("", "", "")
    return _Seen(need, unseen["bells"] if unseen else 0)


def _suppressed(session: Summary) -> bool:
    """Return whether a session gets no alerts: it is attached, current, or muted."""
    return bool(session.get("attached") or session.get("current") or muted(session.get("labels")))
