"""Ports here that a `forward` typed in the session has carried to its machine, each until its exchange ends.

Any program of the session can ask for one. So only what a browser brings is carried: else a program here that takes the
port for that of its own server, such as a database, would send a password to a host.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from math import inf

from sesh.client.desktop.exchanges import Exchange, State
from sesh.client.desktop.listener import PageListener
from sesh.errors import Refused
from sesh.forward.listener import Begin, Carrying, first_free, unprivileged
from sesh.schema import codec
from sesh.wire.messages import Listening, Why

_KEPT = 600.0  # seconds that a port is kept after its link was lost
_ASKED_AGAIN = 10.0  # seconds from the next link until whoever forwards it has asked again, or has ended meanwhile


@dataclass
class _Forward:
    """One port. `until`: when (monotonic) it ends, unless it is asked for again."""

    listener: PageListener
    exchange: Exchange
    until: float = inf
    has_told: bool = False  # what is not carried


class Forwards:
    """The forwarded ports of one attachment.

    `refused`: gets the number of a port once something else has come to it. `passes_on`: what comes here was carried
    from the person's machine, where the port may be another one.
    """

    def __init__(self, refused: Callable[[int], object], *, passes_on: bool = False) -> None:
        self._refused, self._passes_on = refused, passes_on
        self._all: list[_Forward] = []

    def keeps(self, port: int) -> bool:
        """Return whether a port was forwarded until the link was lost: its person has agreed then."""
        return self._kept(port) is not None

    def _kept(self, port: int) -> _Forward | None:
        return next((each for each in self._all if each.until < inf and each.listener.far_port == port), None)

    def begin(self, exchange: Exchange) -> int | None:
        """Listen for the port that an exchange names; return the port here, None if none is free."""
        port = exchange.ask.get("port", 0)
        kept = self._kept(port)
        if kept is not None:
            kept.exchange, kept.until = exchange, inf
            return kept.listener.port
        try:
            listener = first_free(port, unprivileged(port), PageListener)
        except (Refused, OverflowError) as error:
            exchange.refuse(Why.TAKEN, str(error))
            return None
        listener.any_port = self._passes_on
        self._all.append(_Forward(listener, exchange))
        return listener.port

    @staticmethod
    def tell(exchange: Exchange, port: int) -> None:
        """Tell whoever forwards which port it is here."""
        facts: Listening = {"local": port}
        exchange.give(codec.encode(facts))

    def ended(self, exchange: Exchange, now: float) -> None:
        """Let go of a port whose exchange is over; keep it for a while if the link was lost."""
        for each in [each for each in self._all if each.exchange is exchange]:
            if exchange.state is State.GONE:
                each.until = now + _KEPT
            else:
                self._drop(each)

    def connected(self, now: float) -> None:
        """Note that there is a link again."""
        for each in self._all:
            each.until = min(each.until, now + _ASKED_AGAIN) if each.until < inf else inf

    def _drop(self, forward: _Forward) -> None:
        forward.listener.close()
        self._all.remove(forward)

    # -- the loop

    @property
    def busy(self) -> bool:
        """True if a port is listened on."""
        return bool(self._all)

    @property
    def due(self) -> float:
        """The time (monotonic) from which on `act` is to be called."""
        return min((min(each.until, each.listener.due) for each in self._all), default=inf)

    def watched(self) -> dict[int, int]:
        """Return the descriptors to wait for, and what each is to be ready for."""
        found: dict[int, int] = {}
        for each in self._all:
            found |= each.listener.watched()
        return found

    def act(self, ready: Collection[int], now: float, begin: Begin) -> None:
        """Take connections, and move their bytes."""
        for each in list(self._all):
            each.listener.act(ready, now, begin)
            if each.listener.has_refused and not each.has_told:
                each.has_told = True
                self._refused(each.listener.far_port)
            if each.until <= now:
                self._drop(each)

    def moved(self, exchange: Carrying, now: float, begin: Begin) -> None:
        """Handle news of an exchange that may carry a connection."""
        for each in self._all:
            each.listener.moved(exchange, now, begin)

    def close(self) -> None:
        """Close everything."""
        for each in list(self._all):
            self._drop(each)
