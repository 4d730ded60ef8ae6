"""The window of a terminal, on simulated links. Times are seconds of a simulated clock."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sesh.wire import protocol
from sesh.wire.window import HERE, MAX_WINDOW, MIN_WINDOW, PATIENCE, LinkWindow, Window

FRAME = 4 << 10  # bytes from one mark of the log to the next


class SimulatedLink:
    """A link of `rate` bytes per second whose round trip takes `trip` seconds, and a terminal at its end.

    What is sent queues without a bound, as in the buffers of sockets, ssh and TCP.
    """

    def __init__(self, rate: float, trip: float) -> None:
        self.rate, self.trip = rate, trip
        self.now = 100.0
        self.window = LinkWindow(self.now)
        self.free_at = self.now  # when the last byte has left the queue
        self.sent = self.arrived = self.acknowledged = 0
        self.largest = 0
        self._frames: deque[tuple[float, int]] = deque()  # when they have arrived, and the count of bytes by then

    def send(self, size: int) -> None:
        self.window.note_sent(size, self.sent + size, self.now)
        self.sent += size
        self.free_at = max(self.free_at, self.now) + size / self.rate
        self._frames.append((self.free_at + self.trip / 2, self.sent))

    def fill(self) -> None:
        """Send frames as the daemon does in a flood: the program prints no more than there is room for."""
        while size := min(FRAME, self.window.frame):
            self.send(size)

    def step(self) -> None:
        """Go on to the next acknowledgement."""
        while self._frames:
            at, count = self._frames.popleft()
            if count - self.acknowledged >= protocol.GOT_OVER_LINK:
                self.now = max(self.now, at + self.trip / 2)
                self.acknowledged = count
                self.window.confirm(count, self.now)
                break
        else:
            self.now += self.trip
        self.largest = max(self.largest, self.window.size)

    def until(self, moment: float) -> None:
        """Go on to a moment; acknowledgements come meanwhile."""
        while self._frames and self._frames[0][0] + self.trip / 2 <= moment:
            self.step()
        self.now = max(self.now, moment)

    def flood(self, seconds: float) -> float:
        """Send as much as the window allows for a time; return the bytes per second that were acknowledged."""
        began, before = self.now, self.acknowledged
        while self.now < began + seconds:
            self.fill()
            self.step()
        return (self.acknowledged - before) / (self.now - began)

    @property
    def queued(self) -> float:
        """The seconds that a byte sent now would wait for those before it."""
        return max(0.0, self.free_at - self.now)


def quiet_link(rate: float, trip: float, keys: int) -> SimulatedLink:
    """Return a link over which the first screen has come, and the echoes of `keys`, one by one."""
    link = SimulatedLink(rate, trip)
    link.send(600)
    for _ in range(keys):
        link.send(40)
        link.step()
    link.now += 10.0  # nothing is acknowledged that is not owed
    return link


@pytest.mark.parametrize("trip", [0.2, 0.8])
def test_a_fast_link_is_filled_as_far_as_the_largest_window_allows(trip: float) -> None:
    link = SimulatedLink(10e6, trip)
    link.flood(15)
    assert link.flood(3) >= min(5e6, 0.8 * MAX_WINDOW / trip)


@given(
    st.sampled_from([0.2, 0.8]), st.lists(st.tuples(st.integers(1025, MIN_WINDOW), st.floats(0, 1)), max_size=8),
)  # fmt: skip
@example(0.2, [(1500, 0.95)])
def test_a_fast_link_is_filled_whenever_its_first_frames_were_sent(trip: float, first: list[tuple[int, float]]) -> None:
    """A frame that was sent late in the round trip of the one before was taken for one that had waited behind it."""
    link = SimulatedLink(10e6, trip)
    link.send(2500)
    for size, share in first:
        link.until(link.now + share * trip)
        if link.window.in_flight < MIN_WINDOW:
            link.send(size)
    link.flood(12 * trip)
    assert link.flood(3 * trip) >= min(5e6, 0.7 * MAX_WINDOW / trip)


@pytest.mark.parametrize("trip", [0.1, 0.2, 0.8])
@pytest.mark.parametrize("keys", [0, 60])
def test_a_fast_link_is_filled_after_six_round_trips(trip: float, keys: int) -> None:
    """It took eleven, in which a link of 0.8 s carried a seventh of what it can."""
    link = quiet_link(10e6, trip, keys)
    link.flood(6 * trip)
    assert link.window.size == MAX_WINDOW


@pytest.mark.parametrize("trip", [0.02, 0.2])
@pytest.mark.parametrize("rate", [20e3, 65e3, 1e6])
@pytest.mark.parametrize("keys", [0, 60])
def test_a_key_waits_for_little_output_from_the_first_moment_of_a_flood(rate: float, trip: float, keys: int) -> None:
    link = quiet_link(rate, trip, keys)
    began = link.now
    while link.now < began + 8:
        link.fill()
        assert link.queued <= 1.0
        link.step()
    assert link.flood(8) >= 0.9 * rate


def test_a_frame_behind_a_small_one_does_not_show_that_a_link_is_fast() -> None:
    link = SimulatedLink(2700, 0.02)
    link.send(MIN_WINDOW >> 1)  # the least time that is known is that of a large frame
    link.until(link.now + 3)
    link.send(40)
    link.flood(8)
    assert link.largest <= 2 * MIN_WINDOW


def test_a_link_whose_round_trip_has_grown_is_filled_again_after_pauses() -> None:
    """It carried 7 KB/s for ever, because the least time of all counted."""
    link = SimulatedLink(10e6, 0.02)
    link.flood(3)
    link.trip = 0.6
    for _ in range(12):
        link.flood(3)
        while link.window.in_flight >= protocol.GOT_OVER_LINK:
            link.step()
        link.now += 2.0
    assert link.flood(10) > 2e6


@pytest.mark.parametrize("trip", [0.2, 0.8])
@pytest.mark.parametrize(
    ("rate", "most", "keys"),
    [(20e3, 1.0, 0), (20e3, 1.0, 60), (2e3, 2.3, 60), (2e3, 2.3, 0)],
)
def test_on_a_slow_link_a_key_waits_for_little_output(rate: float, most: float, keys: int, trip: float) -> None:
    link = quiet_link(rate, trip, keys)
    link.flood(60)
    for _ in range(200):
        link.fill()
        assert link.queued <= most + trip - 0.2
        link.step()
    assert link.flood(60) >= min(rate, MIN_WINDOW / (trip + MIN_WINDOW / rate)) * 0.7


@pytest.mark.parametrize("trip", [0.02, 0.2, 0.8])
def test_the_window_does_not_shrink_in_a_pause(trip: float) -> None:
    link = SimulatedLink(10e6, trip)
    link.flood(10)
    while link.window.in_flight >= protocol.GOT_OVER_LINK:
        link.step()
    before = link.window.size
    for _ in range(100):  # keys that are echoed, one by one
        link.send(40)
        link.step()
        link.now += 3.0
    assert link.window.size >= before
    assert before > 16 * MIN_WINDOW


def test_a_session_that_is_quiet_leaves_its_window_alone() -> None:
    """It grew although nothing showed that the link could carry more."""
    link = SimulatedLink(2e3, 0.2)
    for _ in range(2000):
        link.send(100)
        link.step()
        link.now += 1.0
    assert link.window.size == MIN_WINDOW


@given(
    st.floats(1e3, 1e8), st.floats(0.001, 2.0),
    st.lists(st.tuples(st.sampled_from(["fill", "key", "step", "pause", "wrong"]), st.floats(0, 5)), max_size=80),
)  # fmt: skip
def test_the_window_is_within_its_bounds_and_counts_what_is_in_flight(
    rate: float, trip: float, acts: list[tuple[str, float]]
) -> None:
    link = SimulatedLink(rate, trip)
    window = link.window
    for act, seconds in acts:
        if act == "fill":
            link.fill()
        elif act == "key":
            link.send(1 + int(seconds))
        elif act == "step":
            link.step()
        elif act == "pause":
            link.now += seconds
        else:
            for count in (-1, link.acknowledged, link.sent + 1):
                assert window.confirm(count, link.now) is None
        assert MIN_WINDOW <= window.size <= MAX_WINDOW
        assert window.in_flight == link.sent - link.acknowledged
        assert window.room == max(0, window.size - window.in_flight)


@given(st.lists(st.integers(1, 20_000), min_size=1, max_size=50), st.data())
def test_the_position_is_that_of_the_last_frame_that_has_arrived_whole(sizes: list[int], data: st.DataObject) -> None:
    window = LinkWindow(0.0)  # on this machine small frames are noted together
    ends = [0]
    for size in sizes:
        ends.append(ends[-1] + size)
        window.note_sent(size, 7 * ends[-1], 0.0)
    got, known = 0, 0
    for count in sorted(data.draw(st.lists(st.integers(1, ends[-1]), max_size=10))):
        position = window.confirm(count, 1.0)
        whole = max(end for end in ends if end <= count)
        assert position == (7 * whole if count > got and whole > known else None)
        got, known = max(got, count), max(known, whole)


@given(st.lists(st.integers(1, 100), min_size=1, max_size=500), st.floats(0, 1))
def test_frames_in_flight_on_this_machine_are_few_records_however_small_they_are(
    sizes: list[int], share: float
) -> None:
    """A terminal that takes nothing had a record for each byte that was echoed."""
    window = Window(0.0)
    ends = [0]
    for size in sizes:
        ends.append(ends[-1] + size)
        window.note_sent(size, ends[-1], 0.0)
    assert len(window._frames) <= 1 + 2 * ends[-1] // MIN_WINDOW
    count = int(share * ends[-1])
    position = window.confirm(count, 1.0)
    assert position is None or (position in ends and position <= count)
    assert window.confirm(ends[-1], 2.0) == (ends[-1] if count < ends[-1] else None)


def test_a_terminal_that_takes_nothing_is_waited_for_as_long_as_it_may_take_a_busy_one() -> None:
    window = Window(0.0)
    assert window.size == HERE
    window.note_sent(protocol.GOT_HERE - 1, 1, 5.0)
    assert window.stuck_at() == float("inf"), "no acknowledgement is owed"
    window.note_sent(10, 2, 6.0)
    assert window.stuck_at() == 6.0 + PATIENCE
    window.note_sent(10, 3, 7.0)
    assert window.stuck_at() == 6.0 + PATIENCE
    window.confirm(10, 7.5)
    assert window.stuck_at() == 7.5 + PATIENCE
    window.confirm_all(7.6)
    assert window.stuck_at() == float("inf")


def test_over_a_link_two_round_trips_are_waited_beside() -> None:
    link = SimulatedLink(1e6, 0.8)
    link.send(2 * protocol.GOT_OVER_LINK)
    link.step()
    link.send(2 * protocol.GOT_OVER_LINK)
    assert link.window.stuck_at() == pytest.approx(link.now + PATIENCE + 1.6, abs=0.1)
