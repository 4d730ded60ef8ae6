"""What of the sessions of a list is news to the person before it: told once, of each session once a minute at most."""

from __future__ import annotations

import time
from collections.abc import Iterable

from sesh import wording
from sesh.cli.tui.live import Key, standing
from sesh.schema import Summary
from sesh.wording import BETWEEN_TELLINGS, muted

Identity = tuple[str | None, int | None, str | None]
"""A session, whatever its name: its host, its program's pid, the moment of its creation."""
Sign = tuple[str, str, str]
"""A state that needs a person, since when, and the question; empty strings for none."""

_NOTHING = ("", "", "")


class News:
    """The news of sessions that nobody looks at: that they wait, fail, or ring.

    What stands so when a machine is first seen is none. `due`: seconds until what came too soon may be told. `ended`:
    the lines of those that have ended. `gone`: the sessions that ran, unseen, when `lines` was called before, and are
    not there any more.
    """

    def __init__(self) -> None:
        self._machines: set[str | None] = set()
        self._signs: dict[Identity, Sign] = {}
        """What was told last of each session, or needs not be told."""
        self._bells: dict[Identity, int] = {}
        """Bells of each session that were told, or need not be."""
        self._told: dict[tuple[Identity, str], float] = {}
        """When (monotonic) a session was told of in the last minute, by whether it was for a bell."""
        self._running: dict[Identity, Key] = {}
        """The sessions that ran, and were not looked at."""
        self.due = float("inf")
        self.ended: list[str] = []
        self.gone: list[Key] = []

    def lines(self, sessions: Iterable[tuple[Key, Summary]], answered: set[str | None]) -> list[str]:
        """Return a line for each news. `answered`: the machines that have said which sessions they have."""
        news: list[str] = []
        self.due, self.ended = float("inf"), []
        known, self._machines = self._machines, self._machines | answered
        rows = {_identity(key, row): (key, row) for key, row in sessions}
        self.gone = [key for identity, key in self._running.items() if key[0] in answered and identity not in rows]
        self._running = {identity: key for identity, key in self._running.items() if key[0] not in answered}
        for identity, (key, session) in rows.items():
            if session["state"] == "running" and not _unwanted(session):
                self._running[identity] = key
        for identity, (key, session) in rows.items():
            if key[0] not in answered:
                continue
            unseen = session.get("unseen")
            sign, bells = _sign(session), unseen["bells"] if unseen else 0
            if key[0] not in known or _unwanted(session):
                self._signs[identity], self._bells[identity] = sign, bells
                continue
            state, _, question = sign
            if sign != self._signs.setdefault(identity, _NOTHING) and self._due(identity, state):
                news += [wording.needs(key[1], state, question, key[0])] if state else []
                self.ended += news[-1:] if state and session["state"] == "exited" else []
                self._signs[identity] = sign
                self._bells[identity] = bells if state else self._bells.get(identity, 0)
            if bells > self._bells.setdefault(identity, 0) and self._due(identity, "bell"):
                news.append(wording.needs(key[1], "bell", "", key[0]))
                self._bells[identity] = bells
            self._bells[identity] = min(bells, self._bells[identity])
        for gone in [identity for identity in self._signs if identity not in rows and identity[0] in answered]:
            del self._signs[gone]
            self._bells.pop(gone, None)
        minute_ago = time.monotonic() - BETWEEN_TELLINGS
        self._told = {which: moment for which, moment in self._told.items() if moment > minute_ago}
        return news

    def _due(self, identity: Identity, state: str) -> bool:
        """Return whether a session may be told of now, and if so note that it is; nothing is told of no state."""
        if not state:
            return True
        now, which = time.monotonic(), (identity, "bell" if state == "bell" else "")
        left = self._told.get(which, now - BETWEEN_TELLINGS) + BETWEEN_TELLINGS - now
        if left > 0:
            self.due = min(self.due, left)
            return False
        self._told[which] = now
        return True


def _identity(key: Key, session: Summary) -> Identity:
    return key[0], session.get("pid"), session.get("created")


def _sign(session: Summary) -> Sign:
    """Return what a session needs a person for, as its daemon would tell it."""
    state, since, question = standing(session)
    if wording.ended_badly(session):
        return "failed", str(session.get("ended")), wording.failure(session.get("reason"), session["exit_code"])
    return (state, since, question) if state in ("waiting", "failed") else _NOTHING


def _unwanted(session: Summary) -> bool:
    """Return whether nothing is told of a session: it is looked at, is this one, or is muted."""
    return bool(session.get("attached") or session.get("current") or muted(session.get("labels")))
