"""Calls of the machine's tools in workers, whose results come back in the client's loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from sesh.client.desktop.exchanges import Exchange
from sesh.errors import SeshError
from sesh.system.workers import Stop, Workers

_MAX_WORKERS = 4
_LEAVING = 0.1  # seconds for a tool that gets its last bytes; one that hangs must not hold up a detach

Call = Callable[[Stop], Any]
Done = Callable[[Any], None]


class ToolRuns:
    """At most one call for each exchange. `done` is called with its result or SeshError."""

    def __init__(self) -> None:
        self._workers = Workers[int, Callable[[], None]](_MAX_WORKERS)
        self._last = 0
        self._of: dict[Exchange, int] = {}

    @property
    def inbound(self) -> int:
        """The descriptor that is ready when a result is."""
        return self._workers.inbound

    @property
    def busy(self) -> bool:
        return len(self._workers.running) > 0

    def runs(self, exchange: Exchange) -> bool:
        return exchange in self._of

    def act(self) -> None:
        """Pass on the results that have come."""
        for _, done in self._workers.take():
            if not isinstance(done, SeshError):  # else a bug: the daemon's time ends the exchange
                done()

    def begin(self, call: Call, done: Done) -> int:
        """Make a call; return its number."""
        self._last += 1
        self._workers.begin(self._last, partial(_called, call, done))
        return self._last

    def run(self, exchange: Exchange, call: Call, done: Done) -> None:
        """Make a call for an exchange, in the place of one that it has; nothing is done once the exchange is over."""
        self.end(exchange)
        self._of[exchange] = self.begin(call, partial(self._finish, exchange, done))

    def _finish(self, exchange: Exchange, done: Done, result: object) -> None:
        self._of.pop(exchange, None)
        if not exchange.over:
            done(result)

    def end(self, exchange: Exchange) -> None:
        """End the call of an exchange, if it has one."""
        number = self._of.pop(exchange, 0)
        if number in self._workers.running:
            self._workers.end(number)

    def close(self) -> None:
        self._workers.close(_LEAVING)


def _called(call: Call, done: Done, stop: Stop) -> Iterator[Callable[[], None]]:
    """Make a call in a worker; yield what passes its result or error on in the loop."""
    try:
        result = call(stop)
    except SeshError as error:
        result = error
    yield partial(done, result)
