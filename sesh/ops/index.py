"""The sessions here and on known remotes, kept up to date for a list that is looked at.

Here, events report most changes at once, and the sessions are asked now and then for the others. Hosts are asked now
and then, all at once; a list that stays open holds a link to each that has answered, which says what changes there.
"""

from __future__ import annotations

import os
import select
import time

from sesh import paths, platform, wire
from sesh.errors import Late, SeshError, UsageError
from sesh.names import natural
from sesh.ops.lookup import Asking, Gathering, known_hosts, placed, reason
from sesh.reach.op import op
from sesh.remote import known
from sesh.store import listing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from sesh.reach.caller import Caller
    from sesh.reach.held import Held
    from sesh.remote.ssh.link import Link
    from sesh.schema import Summary
    from sesh.stop import Stop

    Said = tuple[list[Summary], str]
    """The sessions of a host, and a note on them."""

HERE = (2.0, 10.0)
"""Seconds after which the sessions here are asked again without an event: at least, and if asking costs much."""
ELSEWHERE = (3.0, 50.0)
"""Seconds between the answers of other hosts and the next question to them, at least and if asking costs much."""
_SHARE, _SHARE_ELSEWHERE, _SHARE_EVENTS = 0.004, 0.002, 0.05
"""Shares of a processor for asking: the sessions here, other hosts, the sessions here while events come without end."""
_SOON, _SELDOM = 0.05, 0.5
"""Seconds for which events are gathered, as one is seldom alone; and while they come without end."""
_PATIENCE = 0.5
_IMPATIENCE = 0.1
"""Seconds for the sessions here, once one of them did not answer: keys are not read meanwhile."""
_BLOCK = 1 << 16
GONE = "gone"
"""The state of a session that is no more, where changes are told."""
_ROWS = 20
"""Sessions in one item of `follow`."""
_AT_ONCE = 20
"""Hosts that are asked at the same time while links are held: a hundred of them are no hundred logins in one breath."""
_LOST = 1.0
"""Seconds after which a host is asked whose link was lost and is not back."""
_AGAIN, _RENEWED = 30.0, 300.0
"""Seconds until a link is held again to a host that has ended it, and answers; to one whose sesh was too old."""
_OLDER = "older sesh: asked now and then"
"""The remark on a host that answers, and does not say what changes."""


class SessionIndex:
    """Live index: `here` are the sessions of this machine, `there` by host its sessions, or the reason for having none.

    A context manager. Wait for `descriptors` to be readable, `due` seconds at the most, then call `take`. `hosts`:
    those to ask, None for the known remotes; sessions of this machine are left out if hosts are named. `holds`: whether
    a link is held to each host that answers; it is only asked now and then while that does not stand.
    """

    def __init__(self, caller: Caller, hosts: list[str] | None = None, *, holds: bool = False) -> None:
        self.here: list[Summary] = []
        self.there: dict[str, list[Summary] | str] = {}
        self.remarks: dict[str, str] = {}
        """Notes on a host's answer, by host, such as rows that were left out."""
        self._caller, self._hosts = caller, hosts
        self._followed: dict[int, tuple[str, wire.Connection]] = {}
        """The names of the sessions here, and the connections that bring their events, by descriptor."""
        self._directory = -1
        self._askings: list[Asking] = []
        self._unasked: list[str] = []
        """Hosts whose turn comes once those before them have answered, or are late."""
        self._next_here = self._next_there = 0.0
        self._refreshed = False
        """True if a session was changed since other hosts were asked: then they are asked at once."""
        self._passes_over = True
        """True if hosts are left out that failed a moment ago; False for the next question."""
        self._asked_here_at = 0.0
        """The moment when the sessions here were asked last (monotonic)."""
        self._changed_here = False
        """True if something has happened here since. Until the sessions are asked again, no more events are read."""
        self._interval, self._longest_interval = _SOON, _SELDOM
        """Seconds between two questions that events lead to, and their maximum, which grows with a question's cost."""
        self._spent = time.process_time()
        """Seconds of the processor that were used until the sessions here were asked last."""
        self._spent_elsewhere = _spent_by_children()
        """Seconds of the processor that child processes, such as ssh, had used until other hosts were asked last."""
        self._links = _HeldLinks(caller) if holds else None

    def __enter__(self) -> SessionIndex:
        if self._hosts is None:
            paths.ready_directory()
            self._directory = platform.watch_directory(paths.directory())
            self._ask_here()
        self._ask_hosts()
        return self

    def __exit__(self, *_: object) -> None:
        for _name, connection in self._followed.values():
            connection.close()
        for asking in self._askings:
            asking.close()
        self._followed, self._askings = {}, []
        if self._links is not None:
            self._links.close()
        if self._directory >= 0:
            os.close(self._directory)
        self._directory = -1

    @property
    def pending(self) -> bool:
        """True if a host is still to answer the newest question."""
        return bool(self._askings) and bool(self._askings[-1].waiting) and self._askings[-1].left() > 0

    @property
    def descriptors(self) -> list[int]:
        """The descriptors that become readable when something has happened."""
        own = [] if self._changed_here else [self._directory, *self._followed]
        elsewhere = [asking.inbound for asking in self._askings]
        if self._links is not None:
            elsewhere.append(self._links.inbound)
        return [descriptor for descriptor in (*own, *elsewhere) if descriptor >= 0]

    @property
    def due(self) -> float:
        """Seconds until `take` is to be called though nothing has happened."""
        there = 0.0 if self._refreshed else self._next_there
        there = self._askings[-1].deadline if self.pending else 0.0 if self._unasked else there
        return max(0.0, (there if self._hosts is not None else min(there, self._next_here)) - time.monotonic())

    def refresh(self) -> None:
        """Has the next `take` ask all hosts again, and once more soon, whatever it costs: a session was changed.

        Its effect takes a moment to show, hence twice. Any thread may call it.
        """
        self._refreshed = True

    def ask_all(self) -> None:
        """Has the next `take` ask the sessions here, and the hosts whose link does not stand, whatever they said last.

        Also those that would be passed over, as they were not reached a moment ago.
        """
        self._next_here, self._refreshed, self._passes_over = 0.0, True, False

    def take(self, ready: set[int]) -> None:
        """Takes in events and answers, and asks the sessions and hosts that are due."""
        now = time.monotonic()
        if ready & {self._directory, *self._followed}:  # soon; more seldom if events come all the time
            calm = now - self._asked_here_at >= self._longest_interval
            self._changed_here = True
            self._interval = _SOON if calm else min(2 * self._interval, self._longest_interval)
            self._next_here = min(self._next_here, max(now + _SOON, self._asked_here_at + self._interval))
        self._take_answers(ready)
        if self._hosts is None and now >= self._next_here:
            self._ask_here()
        if self.pending:
            return
        if self._unasked:
            self._ask_next()
        elif self._refreshed or now >= self._next_there:
            self._ask_hosts()

    def _drain(self) -> None:
        """Drops the events of the sessions here, and the connections to those that have ended."""
        self._changed_here = False
        if self._directory >= 0 and wire.polled([(self._directory, select.POLLIN)], 0.0):
            os.read(self._directory, _BLOCK)
        for descriptor, (_, connection) in list(self._followed.items()):
            try:
                while len(data := os.read(descriptor, _BLOCK)) == _BLOCK:
                    continue
            except BlockingIOError:
                continue
            except OSError:
                data = b""
            if not data:
                del self._followed[descriptor]
                connection.close()

    def _ask_here(self) -> None:
        self._drain()
        silent = any(session.get("responding") is False for session in self.here)
        self.here = listing.summaries(_IMPATIENCE if silent else _PATIENCE)
        before, self._spent = self._spent, time.process_time()
        spent, self._asked_here_at = self._spent - before, time.monotonic()
        self._longest_interval = min(HERE[1], max(_SELDOM, spent / _SHARE_EVENTS))
        self._next_here = self._asked_here_at + _bounded(spent / _SHARE, *HERE)
        followed = {name for name, _ in self._followed.values()}
        for session in self.here:
            if len(self._followed) >= wire.most_connections() // 2:
                break  # the others are asked again after a while
            if session.get("responding") is not False and session["name"] not in followed:
                self._follow(session["name"])

    def _follow(self, name: str) -> None:
        try:
            connection = wire.connect(name, timeout=_PATIENCE)
        except SeshError:
            return  # it ended just now; the next look is soon
        try:
            connection.send(wire.greeting("request") + wire.asking("events", 1), time.monotonic() + _PATIENCE)
        except SeshError:
            connection.close()
            return
        os.set_blocking(connection.inbound, False)
        self._followed[connection.inbound] = (name, connection)

    def _ask_hosts(self) -> None:
        refreshed, self._refreshed = self._refreshed, False
        asked, unasked = self._hosts, dict[str, str]()
        if asked is None:
            asked, unasked = known_hosts(self._caller)
        if not self._passes_over:
            asked, unasked, self._passes_over = [*asked, *unasked], {}, True
        standing = self._links.standing & {*asked, *unasked} if self._links is not None else set()
        self.there = {host: rows for host, rows in self.there.items() if host in asked or host in standing}
        self.there |= {host: why for host, why in unasked.items() if host not in standing}
        if self._links is not None:
            self._links.keep({*asked, *unasked})
            asked = [host for host in asked if host not in standing]
        before, self._spent_elsewhere = self._spent_elsewhere, _spent_by_children()
        pause = 0.0 if refreshed else (self._spent_elsewhere - before) / _SHARE_ELSEWHERE
        self._next_there = time.monotonic() + _bounded(pause, *ELSEWHERE)
        self._unasked = asked
        self._ask_next()

    def _ask_next(self) -> None:
        most = len(self._unasked) if self._links is None else _AT_ONCE
        asked, self._unasked = self._unasked[:most], self._unasked[most:]
        if asked:
            self._askings.append(Asking(self._caller, asked))

    def _take_answers(self, ready: set[int]) -> None:
        for asking in list(self._askings):
            if asking.inbound in ready:
                for host, answer in asking.take():
                    self._take_answer(host, answer, asking.remarks.get(host, ""))
            if asking.waiting and not asking.left():
                self.there |= {host: Late.reason for host in asking.give_up() if not self._stands(host)}
            if asking.finished:
                self._askings.remove(asking)
                asking.close()
        if self._links is not None and self._links.inbound in ready:
            self._take_news(self._links)

    def _take_answer(self, host: str, answer: list[Summary] | SeshError, remark: str) -> None:
        if self._stands(host):
            return  # its link has said more since
        self.there[host] = reason(answer) if isinstance(answer, SeshError) else answer
        self.remarks[host] = remark
        if self._links is not None and not isinstance(answer, SeshError):
            self._links.hold(host)
            self.remarks[host] = remark or self._links.remark(host)

    def _take_news(self, links: _HeldLinks) -> None:
        """Takes what held links have said; hosts whose link is lost are asked soon."""
        before = set(links.standing)
        for host, (rows, remark) in links.take().items():
            self.there[host], self.remarks[host] = rows, remark
        if before - links.standing:
            self._next_there = min(self._next_there, time.monotonic() + _LOST)

    def _stands(self, host: str) -> bool:
        return self._links is not None and host in self._links.standing


@op("follow.sessions")
def follow(caller: Caller) -> Iterator[list[Summary]]:
    """The sessions of this machine, and then those that have changed, without end; those that are gone as `GONE`.

    They come in several lists; an empty one says that this is how all stand now.
    """
    told: dict[str, Summary] | None = None
    with SessionIndex(caller) as index:
        while True:
            rows = {session["name"]: session for session in index.here}
            before, told = told, rows
            changed = [row for name, row in rows.items() if before is None or before.get(name) != row]
            changed += [{**row, "state": GONE} for name, row in (before or {}).items() if name not in rows]
            yield from (changed[start : start + _ROWS] for start in range(0, len(changed), _ROWS))
            if changed or before is None:
                yield []
            watched = [(descriptor, select.POLLIN) for descriptor in index.descriptors]
            watched += [(caller.audience, 0)] if caller.audience >= 0 else []
            ready = wire.polled(watched, time.monotonic() + index.due)
            wire.heard_out(ready, caller.audience)
            index.take(set(ready))


class _HeldLinks:
    """Links that are held to hosts, and say what changes there. `standing`: the hosts whose link stands."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._held: Held[Said | None] | None = None
        """None until a host has answered: what it takes is loaded then."""
        self.standing: set[str] = set()
        self._ended: dict[str, tuple[float, bool]] = {}
        """By host whose link has ended: when (monotonic) one is held again, and whether its sesh is too old for it."""

    @property
    def inbound(self) -> int:
        """The descriptor that becomes readable when a link has said something, negative if none is held yet."""
        return self._held.inbound if self._held is not None else -1

    def hold(self, host: str) -> None:
        """Holds a link to a host that has answered, unless there is one, or it has ended that just now."""
        if time.monotonic() < self._ended.get(host, (0.0, False))[0]:
            return
        if self._held is None:
            from sesh.reach.held import Held

            self._held = Held(self._follow)
        if host not in self._held:
            self._held.begin(host)

    def keep(self, hosts: set[str]) -> None:
        """Holds links to no other hosts any more."""
        for host in self._held.hosts() - hosts if self._held is not None else ():
            self._end(host)

    def _end(self, host: str) -> None:
        self.standing.discard(host)
        if self._held is not None:
            self._held.end(host)

    def take(self) -> dict[str, Said]:
        """What was said since the last time, by host; `standing` is up to date then."""
        news: dict[str, Said] = {}
        for host, said in self._held.take() if self._held is not None else ():
            if isinstance(said, tuple):
                news[host] = said
                self.standing.add(host)
                continue
            self.standing.discard(host)
            if said is not None:
                older = isinstance(said, UsageError)
                self._ended[host] = time.monotonic() + (_RENEWED if older else _AGAIN), older
        return news

    def remark(self, host: str) -> str:
        """The remark on a host that is only asked now and then, empty for the others."""
        return _OLDER if self._ended.get(host, (0.0, False))[1] else ""

    def close(self) -> None:
        """Lets all links go."""
        if self._held is not None:
            self._held.__exit__()
        self._held = None
        self.standing = set()

    def _follow(self, host: str, stop: Stop) -> Iterator[Said | None]:
        """The sessions of a host each time that they have changed. Called in a thread of its own."""
        from sesh.reach import held
        from sesh.reach.host_target import HostTarget

        caller = Gathering(self._caller)
        rows: dict[str, Summary] = {}
        home, clock = "", 0.0

        def begin(link: Link) -> dict[str, object]:
            nonlocal home, clock
            home, clock = link.home, link.clock
            rows.clear()  # a new link says all of them anew
            caller.notes.clear()
            return {}

        def lost() -> None:
            if self._held is not None:
                self._held.put(host, None)

        for changed in held.items(HostTarget(caller, host), follow, begin, stop, lost=lost, passing=True):
            rows |= {row["name"]: placed(row, host, home, clock) for row in changed}
            if not changed:
                for name in [name for name, row in rows.items() if row["state"] == GONE]:
                    del rows[name]
                own = [rows[name] for name in sorted(rows, key=natural)]
                known.keep(host, own)
                yield own, "; ".join(caller.notes)


def _bounded(seconds: float, least: float, most: float) -> float:
    return min(most, max(least, seconds))


def _spent_by_children() -> float:
    times = os.times()
    return times.children_user + times.children_system
