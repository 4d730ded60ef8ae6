"""The attached clients together: which one leads and sets the size, and which answers queries."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from sesh.daemon.clients.client import Client
from sesh.daemon.pty.output_log import OutputLog
from sesh.measures import Size
from sesh.moments import STEADY

MAX_DEPARTED = 64
"""Clients that are remembered after they have left, so that they can return to their place."""
WATCHED_FOR = 30.0
"""Seconds without a key after which nobody is taken to look any more."""


class Clients:
    """The attached clients of one session. `resize` gives the session another size."""

    def __init__(self, size: Size, resize: Callable[[Size], None]) -> None:
        self.all: list[Client] = []
        self.size = size
        self.resize = resize
        self.last_number = 0
        """The number of the newest client."""
        self.departed: OrderedDict[str, tuple[int, bool]] = OrderedDict()
        """Clients that have left, by token: the newest INPUT's number; whether its terminal shows raw output."""

    def __len__(self) -> int:
        return len(self.all)

    @property
    def leader(self) -> Client | None:
        """The client that typed last (attaching counts), read-only ones left out."""
        return _newest([client for client in self.all if not client.terminal.read_only])

    @property
    def watched(self) -> bool:
        """True if somebody may look: a person has typed here, or attached, a moment ago."""
        return any(STEADY.now() - client.typed_at < WATCHED_FOR for client in self.all)

    def add(self, client: Client) -> None:
        """Add a client; the session takes its size, unless it is read-only."""
        self.all.append(client)
        self.last_number = client.number
        if not client.terminal.read_only:
            self.typed(client)

    def places(self) -> dict[str, tuple[int, bool]]:
        """Return where all clients stand, in the form of `departed`: they may come back to another process."""
        return {
            **self.departed,
            **{client.terminal.token: _place(client) for client in self.all if client.terminal.token},
        }

    def remove(self, client: Client) -> None:
        """Remove a client; the session takes the size of the next most recent one."""
        if client.terminal.token:
            self.departed[client.terminal.token] = _place(client)
            while len(self.departed) > MAX_DEPARTED:
                self.departed.popitem(last=False)
        self.all.remove(client)
        self.fit()

    def typed(self, client: Client) -> None:
        """Note that a client typed, and so leads."""
        client.typed_at = STEADY.now()
        self.fit()

    def fit(self) -> None:
        """Give the session the leader's size."""
        leader = self.leader
        if leader is not None and leader.size != self.size:
            self.size = leader.size
            self.resize(leader.size)

    def answering(self, log: OutputLog) -> Client | None:
        """Return the client whose terminal answers the program's queries: raw, writable, reading; the last active."""
        reading = [client for client in self.all if client.fed() and not client.late(log)]
        return _newest([client for client in reading if not client.terminal.read_only])


def _newest(clients: list[Client]) -> Client | None:
    return max(clients, key=lambda client: client.typed_at, default=None)


def _place(client: Client) -> tuple[int, bool]:
    """Return a client's newest INPUT's number, and whether its terminal shows the program's own bytes."""
    return client.last_input, client.state.beneath is None
