from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from sesh.daemon.clients.client import Client
from sesh.daemon.pty.output_log import OutputLog
from sesh.measures import Size
from sesh.moments import STEADY

MAX_DEPARTED = 64
"""Clients that are remembered, so that they can return to their place."""
WATCHED_FOR = 30.0
"""Seconds since the last key in which a person counts as looking."""


class Clients:
    """The attached clients of one session. `resize` gives the session another size."""

    def __init__(self, size: Size, resize: Callable[[Size], None]) -> None:
        self.all: list[Client] = []
        self.size = size
        self.resize = resize
        self.last_number = 0
        self.departed: OrderedDict[str, tuple[int, bool]] = OrderedDict()
        """Clients that have left, by token, with their places (`_place`)."""

    def __len__(self) -> int:
        return len(self.all)

    @property
    def leader(self) -> Client | None:
        """The client that typed last (attaching counts); read-only ones are left out."""
        return _newest([client for client in self.all if not client.terminal.read_only])

    @property
    def watched(self) -> bool:
        """True if a person has typed here, or attached, a moment ago."""
        return any(STEADY.now() - client.typed_at < WATCHED_FOR for client in self.all)

    def add(self, client: Client) -> None:
        self.all.append(client)
        self.last_number = client.number
        if not client.terminal.read_only:
            self.typed(client)

    def places(self) -> dict[str, tuple[int, bool]]:
        """Return `departed` with the attached clients added: they may come back to another process."""
        return {
            **self.departed,
            **{client.terminal.token: _place(client) for client in self.all if client.terminal.token},
        }

    def remove(self, client: Client) -> None:
        if client.terminal.token:
            self.departed[client.terminal.token] = _place(client)
            while len(self.departed) > MAX_DEPARTED:
                self.departed.popitem(last=False)
        self.all.remove(client)
        self.fit()

    def typed(self, client: Client) -> None:
        client.typed_at = STEADY.now()
        self.fit()

    def fit(self) -> None:
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
    """Return the number of a client's newest INPUT, and whether its terminal shows the program's own bytes."""
    return client.last_input, client.state.beneath is None
