"""The sessions of the board that begin to need a person: each is reported once, and once a minute at most."""

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
class _Sign:
    """The need of a session for a person: a state, since when, and a question; empty strings for none."""

    host: str | None
    need: tuple[str, str, str] = ("", "", "")
    bells: int = 0


class News:
    """The news of sessions that nobody looks at: that they wait, fail, or ring.

    A need in the first report of a machine is none.
    """

    def __init__(self) -> None:
        self._signs: dict[object, _Sign] = {}
        self._machines: frozenset[str | None] = frozenset()
        self._reported_at: dict[object, float] = {}

    def lines(self, sessions: Mapping[Key, Summary], answering: frozenset[str | None]) -> list[str]:
        """Return a line for each news. `answering`: the machines whose sessions are listed as they stand now."""
        news = []
        signs = {mark: sign for mark, sign in self._signs.items() if sign.host not in answering}
        for key, session in sessions.items():
            host, name = key
            if host not in answering:
                continue
            mark = identity(key, session)
            signs[mark] = sign = _sign(host, session)
            before = self._signs.get(mark, _Sign(host)) if host in self._machines else sign
            needs = sign.need[0] and sign.need != before.need
            if (needs or sign.bells > before.bells) and not _unwanted(session) and self._may_tell(mark):
                state, _, question = sign.need if needs else ("bell", "", "")
                news.append(wording.needs(name, state, question, host))
        self._signs, self._machines = signs, self._machines | answering
        return news

    def _may_tell(self, mark: object) -> bool:
        """Return whether a session may be reported now, and if so note that it is."""
        now = time.monotonic()
        self._reported_at = {
            each: moment for each, moment in self._reported_at.items() if moment > now - NOTIFICATION_INTERVAL
        }
        return self._reported_at.setdefault(mark, now) == now


def _sign(host: str | None, session: Summary) -> _Sign:
    unseen = session.get("unseen")
    state, since, question = activity_facts(session)
    if wording.ended_badly(session):
        need = "failed", str(session.get("ended")), wording.failure(session.get("reason"), session["exit_code"])
    else:
        need = (state, since, question) if state in ("waiting", "failed") else ("", "", "")
    return _Sign(host, need, unseen["bells"] if unseen else 0)


def _unwanted(session: Summary) -> bool:
    """Return whether nothing is reported of a session: it is looked at, is this one, or is muted."""
    return bool(session.get("attached") or session.get("current") or muted(session.get("labels")))
