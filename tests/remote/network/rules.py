"""What a client may do while it looks for another connection, judged from the packets that the router has seen."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from tests.remote.network.router import Flow

BETWEEN = 1.0
"""Seconds from one new attempt to the next, unless an address or a route has changed."""
_INEXACT = 0.05
"""Seconds by which a busy machine shortens that."""


def too_soon(flows: Sequence[Flow], since: float, until: float, changes: Sequence[float] = ()) -> list[str]:
    """Attempts that followed another within a second, where no change came between; one client's."""
    begun = sorted(flow.syns[0] for flow in flows if since < flow.syns[0] < until)
    return [
        f"{after - before:.2f} s after the one at {before - since:+.2f}"
        for before, after in pairwise(begun)
        if after - before < BETWEEN - _INEXACT and not any(before < change <= after for change in changes)
    ]


def ended_for_newer(flows: Sequence[Flow], since: float) -> list[str]:
    """Attempts that the server had accepted and the client closed, while a newer one, accepted later, went on."""
    attempts = [flow for flow in flows if flow.syns[0] > since]
    found = []
    for old in attempts:
        closed = old.closed_by_client
        if not (closed and 0 < old.accepted < closed) or old.forgotten or 0 < old.closed_by_server < closed:
            continue
        for new in attempts:
            goes_on = not new.closed_by_client or new.closed_by_client > closed + 1
            if old.syns[0] < new.syns[0] < closed and goes_on and not 0 < new.accepted < old.accepted:
                found.append(f"accepted {old.accepted - since:+.2f}, closed {closed - since:+.2f}, {new.client} newer")
    return found
