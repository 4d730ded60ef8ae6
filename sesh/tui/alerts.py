"""Alerts for sessions that begin to need a person, at most one a minute each."""

from __future__ import annotations

import time
from collections.abc import Mapping
from math import inf

from sesh.schema.facts import Place, Summary
from sesh.text import describe
from sesh.text.describe import NOTIFICATION_INTERVAL, activity_facts, muted
from sesh.tui.rows import session_identity

_Need = tuple[str, str, str]  # state, since when, question
_NOBODY = ("", "", "")  # no person is needed
_UNKNOWN = ("unknown", "", "")  # a session that has not answered yet


class Alerts:
    """Finds detached sessions that begin to wait, fail, or ring after the first report."""

    def __init__(self) -> None:
        self._begun = False
        self._needs: dict[object, _Need] = {}  # by session
        self._alerted: dict[object, float] = {}  # when the last alert was (monotonic)

    def update(self, sessions: Mapping[Place, Summary]) -> list[str]:
        """Return a line for each alert."""
        lines = []
        needs: dict[object, _Need] = {}
        now = time.monotonic()
        for place, session in sessions.items():
            known_as = session_identity(place, session)
            is_old = "stale" in session or describe.is_silent(session)
            before = self._needs.get(known_as, _UNKNOWN if is_old else _NOBODY)
            state, _, question = need = needs[known_as] = before if is_old else _need(session)
            is_new = self._begun and before != _UNKNOWN and need not in (before, _NOBODY)
            seen = session.get("attached") or session.get("current") or muted(session.get("labels"))
            if is_new and not seen and now >= self._alerted.get(known_as, -inf) + NOTIFICATION_INTERVAL:
                lines.append(describe.notification(place.name, state, question, place.host))
                self._alerted[known_as] = now
        self._begun, self._needs = True, needs
        return lines


def _need(session: Summary) -> _Need:
    """Return what a session needs a person for."""
    if describe.ended_badly(session):
        return "failed", str(session.get("ended")), describe.failure(session.get("reason"), session["exit_code"])
    if (facts := activity_facts(session))[0] in ("waiting", "failed"):
        return facts
    unseen = session.get("unseen")
    return ("bell", str(unseen["bells"]), "") if unseen and unseen["bells"] else _NOBODY
