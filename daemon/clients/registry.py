"""The attached clients together: which one leads and sets the size, which sets the pace, which answers queries."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from sesh.bounds import Size
from sesh.daemon.clients.client import ASIDE, DRAWN, ENTER, HELD, MAX_LINES, RAW, REPAINT, RESYNC, Client
from sesh.daemon.pty.output_log import OutputLog
from sesh.moments import STEADY

MAX_DEPARTED = 64
"""Clients that are remembered after they have left, so that they can return to their place."""
WATCHED_FOR = 30.0
"""Seconds without a key after which nobody is taken to look any more."""
STALLED = 2.0
"""Seconds in which a client took no byte, after which the program no longer waits for it."""


class Clients:
    """The attached clients of one session. `resize` gives the session another size; `needed` is called when a client
    needs a screen."""

    def __init__(self, size: Size, resize: Callable[[Size], None], needed: Callable[[], object]) -> None:
        self.all: list[Client] = []
        self._needed = needed
        self.size = size
        self._resize = resize
        self.turn = 0
        """Number of times that another client has begun to type."""
        self.last_number = 0
        """The number of the newest client."""
        self.departed: OrderedDict[str, tuple[int, int, bool]] = OrderedDict()
        """Clients that have left, by token: the newest INPUT's number, the position, whether it was fed raw."""

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
        """Adds a client, which needs a screen; the session takes its size, unless it is read-only."""
        self.all.append(client)
        self._needed()
        self.last_number = client.number
        if client.read_only:
            self._choose_mode(client)
        else:
            self.typed(client)

    def places(self) -> dict[str, tuple[int, int, bool]]:
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
        """Gives the session the leader's size, and each client the mode that fits its own."""
        leader = self.leader
        if leader is not None and leader.size != self.size:
            repaint = leader.size[:2] != self.size[:2]
            self.size = leader.size
            self._resize(leader.size)
            if repaint:
                for client in self.all:
                    if client.mode == RAW:
                        self.need(client, REPAINT)
        for client in self.all:
            self._choose_mode(client)

    def _choose_mode(self, client: Client) -> None:
        """Sets raw for a terminal of the session's size, else drawn; a client that is set aside or held stays so."""
        if client.mode in (ASIDE, HELD):
            return
        mode = RAW if client.size[:2] == self.size[:2] else DRAWN
        if mode != client.mode:
            client.mode = mode
            client.viewport = None
            self.need(client, ENTER)

    def need(self, client: Client, need: str) -> None:
        """Note that a client needs a screen; see `Client.need`."""
        client.need(need)
        self._needed()

    def set_aside(self, client: Client, mode: str) -> None:
        """Feeds a client nothing until it reads again (ASIDE) or asks for the screen (HELD)."""
        if client.left_at < 0:
            client.left_at = client.position
        client.mode = mode
        client.needs = ""

    def bring_back(self, client: Client) -> None:
        """Feeds a client again that was set aside or held, first the lines that it missed: all, if it was held."""
        client.lines = MAX_LINES if client.mode == HELD else client.max_lines
        client.mode = RAW if client.size[:2] == self.size[:2] else DRAWN
        client.viewport = None
        self.need(client, RESYNC)

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


def _place(client: Client) -> tuple[int, int, bool]:
    """Return a client's newest INPUT's number, the position up to which it was fed, and whether that was raw."""
    return client.last_input, client.fed_up_to, client.mode == RAW and not client.uncover
