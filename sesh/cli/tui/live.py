"""The sessions of a list as they change, and the requests to them while it is shown."""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sesh import moments, reach, wire, wording
from sesh.cli.tui.console import Stage
from sesh.errors import SeshError
from sesh.ops.index import SessionIndex
from sesh.ops.lookup import last_known, once
from sesh.ops.views import bears
from sesh.reach.caller import Caller
from sesh.reach.target import Target
from sesh.reach.workers import Workers
from sesh.schema import Summary
from sesh.stop import Stop

Key = tuple[str | None, str]
"""A session: its host, None for this machine, and its name."""


class LiveSessions:
    """The sessions with the `wanted` labels while a list of them is shown, and requests to them; a context manager."""

    def __init__(self, index: SessionIndex, wanted: dict[str, str]) -> None:
        self.index, self.wanted = index, wanted
        self._ready: set[int] = set()

    def __enter__(self) -> LiveSessions:
        self._asked: Workers[Callable[[Any, str], None], Any] = Workers()
        """The requests, by who is told of the outcome."""
        return self

    def __exit__(self, *_: object) -> None:
        self._asked.close()

    def all(self) -> dict[Key, Summary]:
        """Return the sessions by host and name, those of this machine first."""
        return entries(self.index, self.wanted)

    def wait(self, stage: Stage, seconds: float = float("inf")) -> list[str]:
        """Return the keys that are typed until something has happened; call `take` once they are dealt with."""
        watched = [self._asked.inbound, *self.index.descriptors]
        keys, self._ready = stage.wait(watched, min(self.index.due, seconds))
        return keys

    def take(self) -> None:
        """Take in the changes that ended `wait`."""
        for tell, answer in self._asked.take() if self._asked.inbound in self._ready else ():
            failed = isinstance(answer, SeshError)
            tell(None if failed else answer, wording.one_line(str(answer)) if failed else "")
        self.index.take(self._ready - {self._asked.inbound})

    def ask(self, key: Key, question: Callable[[Target], Any], tell: Callable[[Any, str], None]) -> None:
        """Call `question` in a thread, with the machine that has the session.

        `take` calls `tell`, another one for each question, with its answer and an error in one line, empty for none.
        """

        def carry_out(_stop: Stop) -> Iterator[Any]:
            yield question(target_of(key[0]))

        self._asked.begin(tell, carry_out)


def target_of(host: str | None) -> Target:
    """Return the machine that has a session of a list; no person is asked there."""
    return reach.target_of(Caller(), host)


def entries(index: SessionIndex, wanted: dict[str, str]) -> dict[Key, Summary]:
    """Return the sessions with the `wanted` labels by host and name, those of this machine first, hosts by name.

    Of a host that does not answer it is what was last known.
    """
    sessions: dict[Key, Summary] = {(None, session["name"]): session for session in index.here}
    told = {host: last_known(host, rows) if isinstance(rows, str) else rows for host, rows in index.there.items()}
    for host, rows in once(told).items():
        sessions |= {(host, session["name"]): session for session in rows}
    return {key: session for key, session in sessions.items() if bears(session, wanted)}


def await_change(
    index: SessionIndex, seconds: float = float("inf"), others: Mapping[int, int] | None = None
) -> set[int]:
    """Wait for a change of the sessions, so many seconds at the most, and take it in.

    `others`: descriptors that end the wait too, with the events of `poll`. Return the ready ones.
    """
    watched = {**dict.fromkeys(index.descriptors, select.POLLIN), **(others or {})}
    ready = set(wire.polled(watched.items(), time.monotonic() + min(index.due, seconds)))
    index.take(ready)
    return ready


def standing(session: Summary) -> tuple[str, str, str]:
    """Return the activity of a running session, since when, and its question; empty strings if not known."""
    activity = session.get("activity")
    if not activity or session["state"] != "running":
        return "", "", ""
    return activity["state"], str(activity.get("since") or ""), str(activity.get("question") or "")


def since(session: Summary) -> float:
    """Return the moment by this machine's clock since when a session stands as it does; 0 if not known."""
    return (moments.seconds(standing(session)[1]) or 0.0) - session.get("clock", 0.0)
