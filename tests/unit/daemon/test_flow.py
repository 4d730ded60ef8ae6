"""How much is on its way to a client: never nothing for good, never more than the bounds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sesh.daemon.clients.flow import LEAST, MOST, Flow


@given(st.lists(st.tuples(st.integers(0, 1 << 20), st.floats(0, 5)), max_size=60), st.data())
def test_whatever_comes_back_something_may_be_sent_once_all_has_come(
    steps: list[tuple[int, float]], data: st.DataObject
) -> None:
    flow, now, sent = Flow(), 0.0, 0
    for size, seconds in steps:
        now += seconds
        flow.add(size, now)
        sent += size
        flow.arrived(data.draw(st.integers(-1, sent + 10)), now)
        assert LEAST <= flow.window <= MOST
    flow.arrived(sent, now + 1)
    assert flow.room
    assert flow.drained
