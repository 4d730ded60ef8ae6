"""The sessions of the board that begin to need a person: each is reported once, and once a minute at most."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from sesh import wording
from sesh.ops.index import Key
from sesh.schema import Summary
from sesh.tui.rows import identity
from sesh.wording import BETWEEN_TELLINGS, muted, standing


@dataclass(frozen=True)
class _Sign:
    """The need of a session for a person: a state, since when, and a question; empty strings for none."""

    key: Key
    running: bool
    need: tuple[str, str, str] = ("", "", "")
    bells: int = 0


class News:
    """The news of sessions that nobody looks at: that they wait, fail, or ring.

    A need in the first report of a machine is none. `gone`: the sessions that ran when `lines` was called before, and
    are not listed any more.
    """

    def __init__(self) -> None:
        self._signs: dict[object, _Sign] = {}
        self._machines: frozenset[str | None] = frozenset()
        self._told: dict[object, float] = {}
        """When (monotonic) each session was reported in the last minute."""
        self.gone: list[Key] = []

    def lines(self, sessions: Mapping[Key, Summary], answering: frozenset[str | None]) -> list[str]:
        """Return a line for each news. `answering`: the machines whose sessions are listed as they stand now."""
        news = []
        signs = {identity(key, row): _sign(key, row) for key, row in sessions.items() if key[0] in answering}
        for mark, sign in signs.items():
            host, name = sign.key
            before = self._signs.get(mark, _Sign(sign.key, True)) if host in self._machines else sign
            unwanted = _unwanted(sessions[sign.key])
            if sign.need[0] and sign.need != before.need and not unwanted and self._may_tell(mark):
                news.append(wording.needs(name, sign.need[0], sign.need[2], host))
            elif sign.bells > before.bells and not unwanted and self._may_tell(mark):
                news.append(wording.needs(name, "bell", "", host))
        silent = {mark: sign for mark, sign in self._signs.items() if sign.key[0] not in answering}
        gone = self._signs.keys() - signs.keys() - silent.keys()
        self.gone = [self._signs[mark].key for mark in gone if self._signs[mark].running]
        self._signs, self._machines = silent | signs, self._machines | answering
        return news

    def _may_tell(self, mark: object) -> bool:
        """Return whether a session may be reported now, and if so note that it is."""
        now = time.monotonic()
        self._told = {each: moment for each, moment in self._told.items() if moment > now - BETWEEN_TELLINGS}
        return self._told.setdefault(mark, now) == now


def _sign(key: Key, session: Summary) -> _Sign:
    unseen = session.get("unseen")
    state, since, question = standing(session)
    if wording.ended_badly(session):
        need = "failed", str(session.get("ended")), wording.failure(session.get("reason"), session["exit_code"])
    else:
        need = (state, since, question) if state in ("waiting", "failed") else ("", "", "")
    return _Sign(key, session["state"] == "running" and not _unwanted(session), need, unseen["bells"] if unseen else 0)


def _unwanted(session: Summary) -> bool:
    """Return whether nothing is reported of a session: it is looked at, is this one, or is muted."""
    return bool(session.get("attached") or session.get("current") or muted(session.get("labels")))
