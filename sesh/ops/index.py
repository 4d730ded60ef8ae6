"""The sessions here and on known remotes, kept up to date for a list that is looked at.

Here, events say at once that something is different, and what no event reports is asked for now and then; hosts are
asked now and then, all at once.
"""

from __future__ import annotations

import os
import select
import time

from sesh import paths, platform, wire
from sesh.errors import SeshError
from sesh.ops.lookup import SKIPPED, Asking, hosts, skipped
from sesh.store import listing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.reach.caller import Caller
    from sesh.schema import Summary

HERE = (2.0, 10.0)
"""Seconds after which the sessions here are asked again without an event: at least, and where asking costs much."""
ELSEWHERE = (3.0, 50.0)
"""The same between the answers of other hosts and the next question to them."""
_SHARE, _SHARE_ELSEWHERE, _SHARE_STIRRED = 0.004, 0.002, 0.05
"""The parts of a processor that may be spent on asking the sessions here, on asking other hosts, and on the sessions
here while events come without end."""
_SOON, _STIRRED = 0.05, 0.5
"""Seconds that events are gathered for: one is seldom alone; and while they come without end."""
_PATIENCE = 0.5
_IMPATIENCE = 0.1
"""Seconds for the sessions here, once one of them did not answer: keys are not read meanwhile."""
_BLOCK = 1 << 16


class SessionIndex:
    """What there is: `here` by name, `there` by host, a reason instead of sessions for a host that does not answer.

    A context manager. Wait for `descriptors` to be readable, `due` seconds at the most, then call `take`.
    `hosts`: those to ask, None for the known remotes; sessions of this machine are left out where hosts are named.
    """

    def __init__(self, caller: Caller, hosts: list[str] | None = None) -> None:
        self.here: list[Summary] = []
        self.there: dict[str, list[Summary] | str] = {}
        self.remarks: dict[str, str] = {}
        """What there is to say of a host's answer, such as rows that were left out."""
        self._caller, self._hosts = caller, hosts
        self._ears: dict[int, tuple[str, wire.Connection]] = {}
        self._watch = -1
        self._askings: list[Asking] = []
        self._late: Asking | None = None
        self._next_here = self._next_there = 0.0
        self._refreshed = False
        """Whether something was done to a session elsewhere since other hosts were asked."""
        self._looked_at = 0.0
        """When the sessions here were asked last (monotonic)."""
        self._stirred = False
        """Whether something has happened here since: until they are asked again, nothing more need be known."""
        self._gather, self._most = _SOON, _STIRRED
        """Seconds between two questions that events lead to, and the most of it, by what a question costs."""
        self._spent = time.process_time()
        """Seconds of the processor that were used until the sessions here were asked last."""
        self._spent_by_ssh = _used_by_children()
        """The same of child processes, until other hosts were asked last."""

    def __enter__(self) -> SessionIndex:
        if self._hosts is None:
            paths.ready_directory()
            self._watch = platform.watch_directory(paths.directory())
        self._look()
        self._ask()
        return self

    def __exit__(self, *_: object) -> None:
        for _name, connection in self._ears.values():
            connection.close()
        self._ears = {}
        if self._watch >= 0:
            os.close(self._watch)
        self._watch = -1

    @property
    def pending(self) -> bool:
        """Whether a host is still to answer for the first time."""
        return bool(self._askings) and bool(self._askings[-1].waiting) and self._askings[-1].left() > 0

    @property
    def descriptors(self) -> list[int]:
        """What becomes readable when something has happened."""
        own = [] if self._stirred else [*([self._watch] if self._watch >= 0 else []), *self._ears]
        return [*own, *(asking.inbound for asking in self._askings)]

    @property
    def due(self) -> float:
        """Seconds until `take` is to be called though nothing has happened."""
        there = 0.0 if self._refreshed else self._next_there
        moments = [there if not self.pending else self._askings[-1].deadline]
        moments += [self._next_here] if self._hosts is None else []
        return max(0.0, min(moments) - time.monotonic())

    def refresh(self) -> None:
        """Has the next `take` ask all hosts again, and once more soon after that, whatever it costs: something was done
        to a session, and what comes of it takes a moment. Any thread may call it."""
        self._refreshed = True

    def take(self, ready: set[int]) -> None:
        """Takes in what has happened, and asks for what is due."""
        now = time.monotonic()
        if ready & {self._watch, *self._ears}:
            self._stir(now)
        self._heard(ready)
        if self._hosts is None and now >= self._next_here:
            self._look()
        if not self.pending and (self._refreshed or now >= self._next_there):
            self._ask()

    def _stir(self, now: float) -> None:
        """Has the sessions here asked soon; less and less so where something happens all the time."""
        calm = now - self._looked_at >= self._most
        self._stirred, self._gather = True, _SOON if calm else min(2 * self._gather, self._most)
        self._next_here = min(self._next_here, max(now + _SOON, self._looked_at + self._gather))

    def _drain(self) -> None:
        """Drops what the sessions here have sent, and the connections to those that have ended."""
        self._stirred = False
        if self._watch >= 0 and wire.polled([(self._watch, select.POLLIN)], 0.0):
            os.read(self._watch, _BLOCK)
        for descriptor in [each for each in self._ears if not _drained(each)]:
            self._ears.pop(descriptor)[1].close()

    def _look(self) -> None:
        """Asks the sessions of this machine, and listens to those that are new."""
        if self._hosts is not None:
            return
        self._drain()
        silent = any(each.get("responding") is False for each in self.here)
        self.here = listing.summaries(_IMPATIENCE if silent else _PATIENCE)
        before, self._spent = self._spent, time.process_time()
        spent, self._looked_at = self._spent - before, time.monotonic()
        self._most = min(HERE[1], max(_STIRRED, spent / _SHARE_STIRRED))
        self._next_here = self._looked_at + _rest(spent / _SHARE, *HERE)
        followed = {name for name, _ in self._ears.values()}
        for each in self.here:
            if len(self._ears) >= wire.most_connections() // 2:
                break  # the others are asked again after a while
            if each.get("responding") is False or each["name"] in followed:
                continue
            try:
                connection = wire.connect(each["name"], timeout=_PATIENCE)
                connection.send(wire.greeting("request") + wire.asking("events", 1), time.monotonic() + _PATIENCE)
            except SeshError:
                continue  # it ended just now; the next look is soon
            os.set_blocking(connection.inbound, False)
            self._ears[connection.inbound] = (each["name"], connection)

    def _ask(self) -> None:
        """Asks the other hosts."""
        refreshed, self._refreshed = self._refreshed, False
        words = self._hosts if self._hosts is not None else hosts(self._caller)
        unasked = [] if self._hosts is not None else skipped(self._caller)
        self.there = {word: rows for word, rows in self.there.items() if word in words}
        self.there |= dict.fromkeys(unasked, SKIPPED)
        before, self._spent_by_ssh = self._spent_by_ssh, _used_by_children()
        wanted = 0.0 if refreshed else (self._spent_by_ssh - before) / _SHARE_ELSEWHERE
        self._next_there = time.monotonic() + _rest(wanted, *ELSEWHERE)
        if words:
            self._askings.append(Asking(self._caller, words))

    def _heard(self, ready: set[int]) -> None:
        """Takes in what hosts have answered; one that is late is said to be unreachable."""
        for asking in list(self._askings):
            if asking.inbound in ready:
                for word, answer in asking.take():
                    self.there[word] = _rows_or_reason(answer)
                    self.remarks[word] = asking.remarks.get(word, "")
            if asking.waiting and asking.left() <= 0 and asking is not self._late:
                self._late = asking
                self.there |= dict.fromkeys(asking.given_up(), "unreachable")
            if asking.finished:
                self._askings.remove(asking)
                asking.close()


def _rest(wanted: float, least: float, most: float) -> float:
    """Seconds until the next question."""
    return min(most, max(least, wanted))


def _used_by_children() -> float:
    times = os.times()
    return times.children_user + times.children_system


def _rows_or_reason(answer: list[Summary] | SeshError) -> list[Summary] | str:
    if isinstance(answer, SeshError):
        return "unreachable" if answer.code == "unreachable" else str(answer)
    return answer


def _drained(descriptor: int) -> bool:
    """Reads and drops what a session has sent; False if it has ended."""
    try:
        while data := os.read(descriptor, _BLOCK):
            if len(data) < _BLOCK:
                return True
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
