"""The sessions here and on known remotes, kept up to date for who looks at them.

Here, events say at once that something is different; what no event tells (idle times, directories) is asked for now and
then. Other hosts are asked now and then, all at once, and shown as they answer.
"""

from __future__ import annotations

import os
import time

from sesh import paths, platform, wire
from sesh.errors import SeshError
from sesh.ops import lookup
from sesh.store import listing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.ops.caller import Caller
    from sesh.ops.lookup import Asking
    from sesh.store.listing import Summary

HERE = 2.0
"""Seconds after which the sessions here are asked again without an event."""
ELSEWHERE = 10.0
"""Seconds between the answers of other hosts and the next question to them."""
_SOON = 0.05
"""Seconds that events are gathered for: one is seldom alone."""
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
        self._caller, self._hosts = caller, hosts
        self._ears: dict[int, tuple[str, wire.Connection]] = {}
        self._watch = -1
        self._askings: list[Asking] = []
        self._late: Asking | None = None
        self._next_here = self._next_there = 0.0

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
        own = [self._watch] if self._watch >= 0 else []
        return [*own, *self._ears, *(asking.inbound for asking in self._askings)]

    @property
    def due(self) -> float:
        """Seconds until `take` is to be called though nothing has happened."""
        moments = [self._next_there if not self.pending else self._askings[-1].deadline]
        moments += [self._next_here] if self._hosts is None else []
        return max(0.0, min(moments) - time.monotonic())

    def take(self, ready: set[int]) -> None:
        """Takes in what has happened, and asks for what is due."""
        now = time.monotonic()
        for descriptor in ready:
            if descriptor == self._watch:
                os.read(descriptor, _BLOCK)
            elif descriptor in self._ears and not _drained(descriptor):
                self._ears.pop(descriptor)[1].close()
            if descriptor == self._watch or descriptor in self._ears:
                self._next_here = min(self._next_here, now + _SOON)
        if ready - {self._watch, *self._ears, *(asking.inbound for asking in self._askings)}:
            self._next_here = now  # one has ended
        self._heard(ready)
        if self._hosts is None and now >= self._next_here:
            self._look()
        if not self.pending and now >= self._next_there:
            self._ask()

    def _look(self) -> None:
        """Asks the sessions of this machine, and listens to those that are new."""
        if self._hosts is not None:
            return
        silent = any(each.get("responding") is False for each in self.here)
        self.here = listing.summaries(_IMPATIENCE if silent else _PATIENCE)
        self._next_here = time.monotonic() + HERE
        followed = {name for name, _ in self._ears.values()}
        for each in self.here:
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
        words = self._hosts if self._hosts is not None else lookup.hosts(self._caller)
        skipped = [] if self._hosts is not None else lookup.skipped(self._caller)
        self.there = {word: rows for word, rows in self.there.items() if word in words}
        self.there |= dict.fromkeys(skipped, "unreachable less than a minute ago, and not asked again")
        self._next_there = time.monotonic() + ELSEWHERE
        if words:
            self._askings.append(lookup.Asking(self._caller, words))

    def _heard(self, ready: set[int]) -> None:
        """Takes in what hosts have answered; one that is late is said to be unreachable."""
        for asking in list(self._askings):
            if asking.inbound in ready:
                for word, answer in asking.take():
                    self.there[word] = _rows_or_reason(answer)
            if asking.waiting and asking.left() <= 0 and asking is not self._late:
                self._late = asking
                self.there |= dict.fromkeys(asking.given_up(), "unreachable")
            if asking.finished:
                self._askings.remove(asking)
                asking.close()


def _rows_or_reason(answer: list[Summary] | SeshError) -> list[Summary] | str:
    if isinstance(answer, SeshError):
        return "unreachable" if answer.code == "unreachable" else str(answer)
    return answer


def _drained(descriptor: int) -> bool:
    """Reads away what a session has told; False where it has ended."""
    try:
        while data := os.read(descriptor, _BLOCK):
            if len(data) < _BLOCK:
                return True
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
