"""A turn of the client's loop, as far as its desktop goes."""

from __future__ import annotations

import time

from sesh.client.desktop.exchanges import Exchanges
from sesh.system import descriptors


def turn(exchanges: Exchanges, seconds: float) -> None:
    """Wait as the client does, for so many seconds at most; then run the exchanges."""
    exchanges.run([], time.monotonic())  # the turn before ends with it
    deadline, watched = time.monotonic() + seconds, dict[int, int]()
    if exchanges.busy:  # else the client's loop asks for neither
        deadline = min(deadline, max(exchanges.due, time.monotonic()))
        watched |= exchanges.desktop.watched()
    ready = descriptors.polled(watched.items(), deadline)
    exchanges.run(ready, time.monotonic())
