"""Links that a list holds to hosts: each says what changes among the sessions there."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial

from sesh import gate
from sesh.errors import SeshError, Unreachable
from sesh.link.health import Health
from sesh.names import natural
from sesh.ops import local_index
from sesh.ops.local_index import GONE
from sesh.ops.lookup import Gathering, Told, placed
from sesh.reach import held
from sesh.reach.host_target import HostTarget
from sesh.reach.op_shapes import SMALL
from sesh.reach.workers import Workers
from sesh.remote import known
from sesh.remote.ssh.link import Link
from sesh.schema import Summary
from sesh.shapes import MOST_ROWS
from sesh.stop import Stop

_PAUSE = 30.0
"""Seconds until a link is held again to a host that has ended it."""
_KEPT_FOR = 10.0
"""Seconds for which a host's sessions are not written to its file again, unless one comes, goes or ends."""


class HostLinks:
    """Links that are held to hosts. `standing`: the hosts whose link stands, and says what changes; `late`: those whose
    link does not answer.

    Wait for `inbound` to be readable, then call `take`; a context manager, whose exit lets all links go.
    """

    def __init__(self) -> None:
        self.standing: set[str] = set()
        self.late: set[str] = set()
        self._workers: Workers[str, Told | bool] | None = None
        """None until a host has answered."""
        self._pauses: dict[str, float] = {}
        """By host whose link has ended: the moment from which one is held again (monotonic)."""

    def __enter__(self) -> HostLinks:
        return self

    def __exit__(self, *_: object) -> None:
        if self._workers is not None:
            self._workers.close()
        self._workers, self.standing = None, set()

    @property
    def inbound(self) -> int:
        """The descriptor that becomes readable when a link has said something, negative if none is held yet."""
        return self._workers.inbound if self._workers is not None else -1

    def hold(self, host: str) -> None:
        """Holds a link to a host that has answered, unless there is one, or it has ended that just now."""
        if time.monotonic() < self._pauses.get(host, 0.0):
            return
        if self._workers is None:
            self._workers = Workers()
        if host not in self._workers.running:
            self._workers.begin(host, partial(self._follow, self._workers, host))

    def keep(self, hosts: set[str]) -> None:
        """Holds links to no other hosts any more."""
        if self._workers is not None:
            self.standing &= hosts
            for host in self._workers.running - hosts:
                self._workers.end(host)

    def take(self) -> dict[str, Told]:
        """What was said since the last time, by host; `standing` and `late` are up to date then."""
        news: dict[str, Told] = {}
        for host, said in self._workers.take() if self._workers is not None else ():
            if isinstance(said, tuple):
                news[host] = said
                self.standing.add(host)
                self.late.discard(host)
                continue
            self.standing.discard(host)
            (self.late.add if said is True else self.late.discard)(host)
            if isinstance(said, SeshError):
                self._pauses[host] = time.monotonic() + _PAUSE
        return news

    def _follow(self, workers: Workers[str, Told | bool], host: str, stop: Stop) -> Iterator[Told | bool]:
        """The sessions of a host each time that they have changed, and whether the link does not answer, if it does not
        or is lost. Called in a thread of its own."""
        caller, sessions, remark = Gathering(), _Sessions(host), ""

        def begin(link: Link) -> dict[str, object]:
            nonlocal remark
            remark = ""
            caller.notes.clear()
            sessions.begin(link)
            return {}

        def changed(state: Health) -> None:
            sessions.told = sessions.told and state is not Health.LOST
            if state is not Health.UP:
                sessions.keep()
                workers.put(host, stop, state is Health.DOUBTED)
            elif sessions.told:
                workers.put(host, stop, (sessions.whole(), remark))

        target = HostTarget(caller, host)
        try:
            for rows in held.items(target, local_index.follow, begin, stop, changed=changed, passing=True):
                if rows:
                    sessions.change(rows)
                else:
                    remark = "; ".join(caller.notes) or remark
                    caller.notes.clear()
                    yield sessions.whole(), remark
        finally:
            sessions.keep()
        raise Unreachable(f"@{host} has no more to say")


class _Sessions:
    """The sessions of a host, as a link tells them bit by bit; they are kept for times when it does not answer."""

    def __init__(self, host: str) -> None:
        self._host, self._home, self._clock = host, "", 0.0
        self._rows: dict[str, Summary] = {}
        self._sizes: dict[str, int] = {}
        """About the bytes of each row."""
        self._unkept: list[Summary] | None = None
        """What is to be kept yet, if anything is."""
        self._states: list[tuple[str, str]] | None = None
        """Names and states that are kept."""
        self._kept_at = 0.0
        self.told = False
        """True once the link has told all of them."""

    def begin(self, link: Link) -> None:
        """Begins anew with a link, which tells all of them."""
        self._home, self._clock = link.home, link.clock
        self._rows.clear()
        self._sizes.clear()
        self._states, self.told = None, False  # that it answers is noted at once

    def change(self, rows: list[Summary]) -> None:
        """Takes in what has changed. Raises ProtocolError if the host has more to say than it may answer."""
        for row in rows:
            if row["state"] == GONE:
                self._rows.pop(row["name"], None)
                self._sizes.pop(row["name"], None)
            else:
                self._rows[row["name"]] = placed(row, self._host, self._home, self._clock)
                self._sizes[row["name"]] = len(repr(row))
        if len(self._rows) > MOST_ROWS or sum(self._sizes.values()) > SMALL:
            raise gate.malformed("follow.sessions", f"is over {MOST_ROWS} sessions, or {SMALL >> 20} MiB")

    def whole(self) -> list[Summary]:
        """All of them, as this is how all stand now."""
        self.told = True
        self._unkept = rows = [self._rows[name] for name in sorted(self._rows, key=natural)]
        states = [(row["name"], row["state"]) for row in rows]
        if states != self._states or time.monotonic() >= self._kept_at + _KEPT_FOR:
            self._states = states
            self.keep()
        return rows

    def keep(self) -> None:
        """Keeps what is not kept yet."""
        rows, self._unkept = self._unkept, None
        if rows is not None:
            known.keep(self._host, rows)
            self._kept_at = time.monotonic()
