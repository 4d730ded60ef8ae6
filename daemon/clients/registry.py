"""The attached clients together: which one leads and sets the size, which sets the pace, which answers queries."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from sesh.bounds import Size
from sesh.daemon.clients.client import Client, Drawn, Due, Live, Need
from sesh.daemon.pty.output_log import OutputLog
from sesh.moments import STEADY

MAX_DEPARTED = 64
"""Clients that are remembered after they have left, so that they can return to their place."""
WATCHED_FOR = 30.0
"""Seconds without a key after which nobody is taken to look any more."""
STALLED = 2.0
"""Seconds in which a client took no byte, after which the program no longer waits for it."""


class Clients:
    """The attached clients of one session. `resize` gives the session another size."""

    def __init__(self, size: Size, resize: Callable[[Size], None]) -> None:
        self.all: list[Client] = []
        self.size = size
        self._resize = resize
        self.changed: Callable[[Client, Live | Due | Drawn], object] = lambda *_: None
        """Called when a client has another state, with the one before."""
        self.turn = 0
        """Number of times that another client has begun to type."""
        self.last_number = 0
        """The number of the newest client."""
        self.departed: OrderedDict[str, tuple[int, bool]] = OrderedDict()
        """Clients that have left, by token: the newest INPUT's number; whether its terminal shows raw output."""

    def __len__(self) -> int:
        return len(self.all)

    @property
    def leader(self) -> Client | None:
        """The client that typed last (attaching counts), read-only ones left out."""
        writable = [client for client in self.all if not client.read_only]
        return max(writable, key=lambda client: client.last_typed, default=None)

    @property
    def watched(self) -> bool:
        """True if somebody may look: a person has typed here, or attached, a moment ago."""
        return any(STEADY.now() - client.typed_at < WATCHED_FOR for client in self.all)

    def add(self, client: Client) -> None:
        """Add a client, which needs a screen; the session takes its size, unless it is read-only."""
        self.all.append(client)
        self.last_number = client.number
        self.changed(client, client.state)
        if not client.read_only:
            self.typed(client)

    def places(self) -> dict[str, tuple[int, bool]]:
        """Return where all clients stand, in the form of `departed`: they may come back to another process."""
        return {**self.departed, **{client.token: _place(client) for client in self.all if client.token}}

    def remove(self, client: Client) -> None:
        """Removes a client; the session takes the size of the next most recent one."""
        if client.token:
            self.departed[client.token] = _place(client)
            while len(self.departed) > MAX_DEPARTED:
                self.departed.popitem(last=False)
        self.all.remove(client)
        self.fit()

    def typed(self, client: Client) -> None:
        """Notes that a client typed, and so leads."""
        if client.last_typed < self.turn or not self.turn:
            self.turn += 1
            client.last_typed = self.turn
            self.fit()

    def fit(self) -> None:
        """Give the session the leader's size; a client whose own fits no longer, or fits now, needs another screen."""
        leader, repaint = self.leader, False
        if leader is not None and leader.size != self.size:
            repaint = leader.size[:2] != self.size[:2]
            self.size = leader.size
            self._resize(leader.size)
        for client in self.all:
            if isinstance(client.state, Live if client.size[:2] != self.size[:2] else Drawn):
                self.need(client, Need.RESYNC)
            elif repaint and isinstance(client.state, Live):
                self.need(client, Need.REPAINT)

    def become(self, client: Client, state: Live | Due | Drawn) -> None:
        """Give a client another state."""
        before, client.state = client.state, state
        self.changed(client, before)

    def need(self, client: Client, need: Need) -> None:
        """Note that a client needs a screen; a greater need that it has already is kept."""
        state, now = client.state, time.monotonic()
        if need <= state.need:
            return
        if need == Need.REPAINT and isinstance(state, Live):
            self.become(client, Live(need, now))
        else:
            self.become(client, Due(max(need, Need.RESYNC), now, state.beneath))

    def too_slow(self, log: OutputLog) -> list[Client]:
        """The raw clients that are too far behind and that the program does not wait for."""
        late = [client for client in self.all if client.fed() and client.late(log)]
        now, leader = time.monotonic(), self.leader
        return [client for client in late if client is not leader or now - client.connection.progress_at > STALLED]

    def awaits_leader(self, log: OutputLog) -> bool:
        """Returns whether the program waits for the leader, which is too far behind."""
        leader = self.leader
        return leader is not None and leader.fed() and leader.late(log)

    def answering(self, log: OutputLog) -> Client | None:
        """The client whose terminal answers the program's queries: raw, writable, reading; the last active one."""
        reading = [client for client in self.all if client.fed() and not client.late(log)]
        able = [client for client in reading if not client.read_only]
        return max(able, key=lambda client: client.last_typed, default=None)


def _place(client: Client) -> tuple[int, bool]:
    """Return a client's newest INPUT's number, and whether its terminal shows the program's own bytes."""
    return client.last_input, client.state.beneath is None
