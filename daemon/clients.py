"""The attached clients together: who leads, whose size rules, who sets the pace, whose terminal is asked."""

from __future__ import annotations

import time

from sesh.daemon.attachment import ASIDE, DRAWN, ENTER, HELD, RAW, REPAINT, RESYNC, Attachment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from sesh.daemon.stream import Stream

FARTHEST = 1 << 20
"""Bytes that a client may be behind: the one that sets the pace makes the program wait there, others are set aside."""
STALLED = 2.0
"""Seconds without one byte taken, after which the program waits for its client no longer."""

Size = tuple[int, int, int, int]


class Clients:
    """The clients of one session. `apply` gives the session another size; it returns whether that changed anything."""

    def __init__(self, size: Size, apply: Callable[[Size], bool]) -> None:
        self.all: list[Attachment] = []
        self.size = size
        self._apply = apply
        self.turn = self.numbers = 0
        """The newest turn at typing, and the newest client's number."""

    def __len__(self) -> int:
        return len(self.all)

    def next_number(self) -> int:
        """A number for a new client."""
        self.numbers += 1
        return self.numbers

    @property
    def leader(self) -> Attachment | None:
        """The client that typed last, attaching counted, read-only ones apart."""
        if len(self.all) == 1:
            return None if self.all[0].read_only else self.all[0]
        able = [client for client in self.all if not client.read_only]
        return max(able, key=lambda client: client.typed, default=None)

    def add(self, client: Attachment) -> None:
        """Takes a client in; its size rules from now on, unless it only watches."""
        self.all.append(client)
        if client.read_only:
            self._fit(client)
        else:
            self.typed(client)

    def remove(self, client: Attachment) -> None:
        """Lets a client go; the next most recent one's size rules."""
        self.all.remove(client)
        self.obey()

    def typed(self, client: Attachment) -> bool:
        """Notes that a client typed: it leads. Whether it did not before."""
        if client.typed == self.turn and self.turn:
            return False
        self.turn += 1
        client.typed = self.turn
        self.obey()
        return True

    def obey(self) -> None:
        """Gives the session the leader's size, and every client the way of feeding that fits its own."""
        leader = self.leader
        if leader is not None and leader.size != self.size:
            grown = leader.size[:2] != self.size[:2]
            self.size = leader.size
            self._apply(leader.size)
            if grown:
                for client in self.all:
                    if client.mode == RAW:
                        client.need(REPAINT)
        for client in self.all:
            self._fit(client)

    def _fit(self, client: Attachment) -> None:
        """Raw for a terminal of the session's size, else drawn; one that is set aside or held stays so."""
        if client.mode in (ASIDE, HELD):
            return
        mode = RAW if client.size[:2] == self.size[:2] else DRAWN
        if mode != client.mode:
            client.mode = mode
            client.view = None
            client.need(ENTER)

    def set_aside(self, client: Attachment, mode: str) -> None:
        """Feeds a client nothing until it reads again (ASIDE) or asks for the screen (HELD)."""
        if client.left < 0:
            client.left = client.position
        client.mode = mode
        client.needs = ""

    def bring_back(self, client: Attachment) -> None:
        """Feeds a client again that was set aside or held: first what it missed."""
        client.mode = RAW if client.size[:2] == self.size[:2] else DRAWN
        client.view = None
        client.need(RESYNC)

    def slow(self, stream: Stream) -> list[Attachment]:
        """The raw clients that are too far behind and are not waited for."""
        late = [client for client in self.all if client.fed() and client.behind(stream) > FARTHEST]
        if not late:
            return late
        now = time.monotonic()
        leader = self.leader
        return [client for client in late if (client is not leader or now - client.peer.touched > STALLED)]

    def awaited(self, stream: Stream) -> Attachment | None:
        """The client for which the program waits: the leader, where it is too far behind and still takes bytes."""
        leader = self.leader
        if leader is None or not leader.fed() or leader.behind(stream) <= FARTHEST:
            return None
        return leader

    def asked(self, stream: Stream) -> Attachment | None:
        """The client whose terminal answers the program's queries: raw, writable, reading; the last active one."""
        able = [
            client for client in self.all if client.fed() and not client.read_only and client.behind(stream) <= FARTHEST
        ]
        return max(able, key=lambda client: client.typed, default=None)
