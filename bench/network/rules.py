"""Rules for a client that looks for another connection, judged by the router's packets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from math import inf

_INEXACT = 0.5
"""The tolerance in attempts, because a busy machine may start one ssh later than another."""

_SSH_START = 0.5
"""The most seconds from a change to the SYN of the ssh that it causes."""


@dataclass
class Flow:
    """A TCP connection as its packets show it; a moment that never came is 0."""

    client: str
    """Address and port of the side that began it."""
    syns: list[float] = field(default_factory=list)
    """When the client asked for it: more than once if no answer came."""
    accepted: float = 0.0
    """When the client got the server's SYN-ACK."""
    answered: float = 0.0
    """When the client got the first bytes of the server."""
    closed_by_client: float = 0.0
    closed_by_server: float = 0.0
    forgotten: float = 0.0
    """When the router forgot it."""


def attempts(flows: Sequence[Flow], since: float) -> list[Flow]:
    """Return the attempts before the server answered the one that won."""
    begun = sorted((flow for flow in flows if flow.syns[0] > since), key=lambda flow: flow.syns[0])
    won = min((flow.answered for flow in begun if flow.answered and not flow.closed_by_client), default=inf)
    return [flow for flow in begun if flow.syns[0] < won]


def too_many(flows: Sequence[Flow], since: float, changes: Sequence[float] = ()) -> list[str]:
    """Return where attempts exceeded one a second, plus one for each change of network."""

    def allowed(first: float, last: float) -> float:
        """Return how many attempts may follow one at `first` until `last`."""
        return last - first + _INEXACT + sum(first - _SSH_START < change <= last for change in changes)

    begun = [flow.syns[0] for flow in attempts(flows, since)]
    return [
        f"{last - first + 1} from {begun[first] - since:+.2f} to {begun[last] - since:+.2f}"
        for first, last in combinations(range(len(begun)), 2)
        if last - first > allowed(begun[first], begun[last])
    ]


def ended_for_newer(flows: Sequence[Flow], since: float) -> list[str]:
    """Return accepted attempts that the client closed while a newer attempt went on.

    Attempts that only lost a race do not count: when they were accepted, the newer one was under way, and got farther.
    """
    begun = attempts(flows, since)
    found = []
    for old in begun:
        closed = old.closed_by_client
        if not (closed and 0 < old.accepted < closed) or old.forgotten or 0 < old.closed_by_server < closed:
            continue
        for new in begun:
            goes_on = not new.closed_by_client or new.closed_by_client > closed + 1
            raced = new.syns[0] < old.accepted and 0 < new.answered < closed
            if old.syns[0] < new.syns[0] < closed and goes_on and not raced:
                words = f"accepted {old.accepted - since:+.2f}, closed {closed - since:+.2f}"
                found.append(f"{words}; {new.client}: {new.syns[0] - since:+.2f}, accepted {new.accepted - since:+.2f}")
    return found
