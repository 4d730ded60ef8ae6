"""Work in workers, such as calls of the machine's tools, whose results come back in the client's loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from sesh.client.desktop.exchanges import Exchange
from sesh.errors import SeshError
from sesh.system.workers import Stop, Workers

_MAX_WORKERS = 4
_LEAVING = 0.1  # seconds for a tool that gets its last bytes; one that hangs must not hold up a detach

Work = Callable[[Stop], Iterator[Callable[[], None]]]
Call = Callable[[Stop], Any]
Done = Callable[[Any], None]


class Runs:
    """Work in workers, each of which yields calls to make in the loop."""

    def __init__(self) -> None:
        self._workers = Workers[int, Callable[[], None]](_MAX_WORKERS)
        self._last = 0

    @property
    def inbound(self) -> int:
        """The descriptor that is ready when a result is."""
        return self._workers.inbound

    @property
    def busy(self) -> bool:
        return len(self._workers.running) > 0

    def act(self) -> None:
        """Make the calls that have come."""
        for _, call in self._workers.take():
            if not isinstance(call, SeshError):  # else a bug: time ends what waits for it
                call()

    def begin(self, work: Work) -> int:
        """Begin work; return its number."""
        self._last += 1
        self._workers.begin(self._last, work)
        return self._last

    def end(self, number: int) -> None:
        """End work, if it goes on."""
        if number in self._workers.running:
            self._workers.end(number)

    def close(self, within: float) -> None:
        """End all work; wait so many seconds for it."""
        self._workers.close(within)


class ToolRuns:
    """At most one call for each exchange. `done` is called with its result or SeshError."""

    def __init__(self) -> None:
        self._runs = Runs()
        self._of: dict[Exchange, int] = {}

    @property
    def inbound(self) -> int:
        """The descriptor that is ready when a result is."""
        return self._runs.inbound

    @property
    def busy(self) -> bool:
        return self._runs.busy

    def runs(self, exchange: Exchange) -> bool:
        return exchange in self._of

    def act(self) -> None:
        """Pass on the results that have come."""
        self._runs.act()

    def begin(self, call: Call, done: Done) -> int:
        """Make a call; return its number."""
        return self._runs.begin(partial(_called, call, done))

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
        self._runs.end(self._of.pop(exchange, 0))

    def close(self) -> None:
        self._runs.close(_LEAVING)


def _called(call: Call, done: Done, stop: Stop) -> Iterator[Callable[[], None]]:
    """Make a call in a worker; yield what passes its result or error on in the loop."""
    try:
        result = call(stop)
    except SeshError as error:
        result = error
    yield partial(done, result)
