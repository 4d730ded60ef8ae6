"""Pieces of exchanges over simulated links: every byte comes once, and no key waits long behind them."""

from __future__ import annotations

import heapq
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.errors import ProtocolError
from sesh.wire import protocol
from sesh.wire.pieces import CREDIT, OVER_LINK, Flow, Pieces


class SimulatedLink:
    """Two sides, `near` and `far`, `trip` seconds apart there and back; `rate` bytes a second go towards `far`.

    Whatever is sent waits in the buffers on the way: `waits` are the seconds that a key would at each piece.
    """

    def __init__(self, trip: float, rate: float) -> None:
        self.trip, self.rate = trip, rate
        self.now = 0.0
        self.near, self.far = Pieces(0.0, over_link=True), Pieces(0.0, over_link=True)
        self.waits: list[tuple[float, float]] = []
        self._free_at = 0.0  # when the link has sent what it has
        self._order = count()
        self._coming: list[tuple[float, int, Pieces, bytes]] = []

    def step(self) -> bool:
        """Send what may be sent, then go on to the next arrival; return False if nothing comes any more."""
        while frame := self.near.next_frame(self.now):
            self._free_at = max(self._free_at, self.now) + len(frame) / self.rate
            heapq.heappush(self._coming, (self._free_at + self.trip / 2, next(self._order), self.far, frame))
            self.waits.append((self.now, self._free_at - self.now))
        while frame := self.far.next_frame(self.now):
            heapq.heappush(self._coming, (self.now + self.trip / 2, next(self._order), self.near, frame))
        if not self._coming:
            return False
        self.now, _, side, frame = heapq.heappop(self._coming)
        handle(side, frame, self.now)
        return True


def handle(side: Pieces, frame: bytes, now: float = 0.0) -> None:
    payload = frame[protocol.HEADER_SIZE :]
    if frame[0] == protocol.TAKEN:
        side.confirm(payload, now)
    else:
        side.receive(payload)


@pytest.mark.parametrize(("trip", "rate"), [(0.02, 1e6), (0.8, 1e6), (0.1, 20_000), (0.8, 20_000), (0.3, 2_000_000)])
@pytest.mark.parametrize("many", [1, 6])
def test_no_key_waits_for_much_more_than_a_piece_and_most_of_the_link_is_used(
    trip: float, rate: float, many: int
) -> None:
    link = SimulatedLink(trip, rate)
    for number in range(1, many + 1):
        link.near.open(2 * number)
        link.far.open(2 * number)
    taken = dict.fromkeys(link.far.flows, 0)
    began = None
    while link.now < 30 + 20 * trip:
        for flow in link.near.flows.values():
            flow.give(bytes(flow.room))
        assert link.step()
        for number, flow in link.far.flows.items():
            taken[number] += len(flow.take())
        if began is None and link.now > 10:
            began = link.now, sum(taken.values())
    assert began is not None
    carried = (sum(taken.values()) - began[1]) / (link.now - began[0])
    longest = max(wait for at, wait in link.waits if at > 10)
    assert longest < max(0.15 + trip / 5, 2 * OVER_LINK / rate)
    assert carried > 0.3 * min(rate, OVER_LINK / trip)
    assert min(taken.values()) > 0.5 * max(taken.values())  # they take turns


@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=9000)), max_size=20), st.booleans())
def test_every_byte_comes_once_and_in_order_and_the_end_comes_last(
    steps: list[tuple[bool, bytes]], over_link: bool
) -> None:
    near, far = Pieces(0.0, over_link=over_link), Pieces(0.0, over_link=over_link)
    sent, got = near.open(2), far.open(2)
    whole = bytearray()
    for takes, data in steps:
        sent.give(data)
        carry(near, far)
        whole += got.take() if takes else b""
        carry(far, near)
    sent.finish()
    while not got.ended or got.incoming:
        carry(near, far)
        whole += got.take()
        carry(far, near)
    assert whole == b"".join(data for _, data in steps)


def carry(one: Pieces, other: Pieces) -> None:
    while frame := one.next_frame(0.0):
        assert frame[0] == protocol.TAKEN or not other.flows[2].ended
        handle(other, frame)


def test_a_wish_that_fails_sends_no_more_bytes_and_one_that_succeeds_all_of_them() -> None:
    for ok, kinds in ((True, [protocol.PIECE, protocol.TOLD]), (False, [protocol.TOLD])):
        pieces = Pieces(0.0, over_link=False)
        flow = pieces.open(2)
        flow.give(b"bytes")
        flow.tell({"ok": ok})
        flow.give(b"more")
        sent = []
        while frame := pieces.next_frame(0.0):
            sent.append(frame[0])
        assert sent == kinds
        assert pieces.flows == {}


def test_a_side_that_ignores_the_window_is_refused() -> None:
    flow = Flow(2)
    flow.receive(bytes(CREDIT + CREDIT // 2))
    with pytest.raises(ProtocolError, match="window"):
        flow.receive(b"x")


def test_an_exchange_that_nobody_takes_from_stops_and_stops_no_other() -> None:
    near, far = Pieces(0.0, over_link=True), Pieces(0.0, over_link=True)
    (stuck, moving), (_, taken) = ((side.open(2), side.open(4)) for side in (near, far))
    count = 0
    while count < 2 * CREDIT:
        stuck.give(bytes(stuck.room))
        moving.give(bytes(moving.room))
        carry(near, far)
        count += len(taken.take())
        carry(far, near)
    assert stuck.sent <= CREDIT
