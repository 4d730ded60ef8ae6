"""The output log gives back the bytes that were appended, except those that nobody lacks, and knows its marks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sesh.daemon.pty import output_log
from sesh.daemon.pty.output_log import MARK_EVERY, MAX_LAG, RETAINED, TRIM_FROM, OutputLog, Place

KEPT, FROM = 1000, 200
"""RETAINED and TRIM_FROM in the tests with hypothesis, which print little."""
SHARE = st.floats(0, 1)


@pytest.fixture(autouse=True, scope="module")
def _small() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(output_log, "RETAINED", KEPT)
        patch.setattr(output_log, "TRIM_FROM", FROM)
        yield


@pytest.fixture
def _real(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output_log, "RETAINED", RETAINED)
    monkeypatch.setattr(output_log, "TRIM_FROM", TRIM_FROM)


class Logs(RuleBasedStateMachine):
    """A log beside all bytes and marks that it ever had, with terminals that attach, go on, leave and come back."""

    @initialize(base=st.integers(0, 1 << 40))
    def begin(self, base: int) -> None:
        self.base, self.printed, self.marks = base, b"", {base}
        self.log = OutputLog(base)

    @property
    def head(self) -> int:
        return self.base + len(self.printed)

    def held(self, share: float) -> int:
        """Return a position that the log has."""
        return self.log.base + int(share * (self.head - self.log.base))

    def mark(self, share: float, least: int = 0) -> int:
        """Return a mark that the log has, from `least` on."""
        marks = sorted(mark for mark in self.marks if max(least, self.log.base) <= mark)
        return marks[int(share * (len(marks) - 1))]

    @rule(block=st.binary(min_size=1, max_size=200) | st.integers(1, 3 * MARK_EVERY).map(bytes))
    def output_is_read(self, block: bytes) -> None:
        start = self.head
        self.log.append(block)
        self.printed += block
        self.marks |= {*range(start + MARK_EVERY, self.head, MARK_EVERY), self.head}

    @rule(share=SHARE)
    def one_attaches(self, share: float) -> None:
        mark = self.mark(share)
        self.log.places.append(Place(mark, mark))

    @precondition(lambda self: self.log.places)
    @rule(share=SHARE, size=st.integers(1, 3 * MARK_EVERY), confirmed=SHARE)
    def one_goes_on(self, share: float, size: int, confirmed: float) -> None:
        place = self.log.places[int(share * (len(self.log.places) - 1))]
        if place.goes_on:
            place.sent = self.log.mark_within(place.sent, size)
            place.got = max(place.got, min(place.sent, self.mark(confirmed, place.got)))

    @precondition(lambda self: self.log.places)
    @rule(share=SHARE)
    def one_leaves(self, share: float) -> None:
        place = self.log.places[int(share * (len(self.log.places) - 1))]
        if place.goes_on:
            self.log.leave(place)
            assert place in self.log.places

    @rule(share=SHARE)
    def a_position_is_held(self, share: float) -> None:
        mark = self.mark(share)
        self.log.hold(mark)
        assert any(place.may_stand_at(mark) for place in self.log.places)

    @rule(share=SHARE, noted=SHARE)
    def it_is_trimmed(self, share: float, noted: float) -> None:
        needed, drawn, base = self.held(share), self.held(noted), self.log.base
        before = [place for place in self.log.places if self.head <= place.keeps_to or drawn < place.sent]
        self.log.release(needed, drawn)
        assert self.log.places == before, "who has been away for too long is forgotten, and nobody else"
        lacking = [place.got for place in before if self.head <= place.keeps_to]
        least = min([needed, self.head - KEPT, *lacking])
        assert base <= self.log.base <= max(base, least)
        if least - base >= FROM:
            assert least - self.log.base <= 3 * MARK_EVERY, "no more is kept than the block in which somebody stands"

    @rule(share=SHARE, size=st.integers(0, 5000))
    def it_is_read(self, share: float, size: int) -> None:
        position = self.held(share)
        pieces = self.log.read(position, size)
        assert b"".join(pieces) == self.printed[position - self.base :][:size]

    @rule(share=SHARE, size=st.integers(0, 3 * MARK_EVERY))
    def a_frame_ends_at_the_last_mark_that_fits_or_the_first(self, share: float, size: int) -> None:
        position = self.held(share)
        later = sorted(mark for mark in self.marks if mark > position)
        assert self.log.mark_after(position) == (later[0] if later else self.head)
        fitting = [mark for mark in later if mark <= position + size]
        assert self.log.mark_within(position, size) == [*fitting[-1:], *later, self.head][0]

    @rule(start=SHARE, end=SHARE)
    def the_emulator_stops_at_the_first_mark_at_which_one_may_stand(self, start: float, end: float) -> None:
        first, last = sorted((self.held(start), self.held(end)))
        stops = [
            mark for mark in sorted(self.marks)
            if first < mark < last and any(place.may_stand_at(mark) for place in self.log.places)
        ]  # fmt: skip
        assert self.log.stops(first, last) == (stops[0] if stops else last)

    @invariant()
    def it_has_the_last_bytes_and_all_that_a_terminal_lacks(self) -> None:
        log = self.log
        assert log.head == self.head
        assert log.content(0) == self.printed[log.base - self.base :]
        assert all(place.got <= place.sent <= log.head for place in log.places)
        assert all(log.base <= place.got for place in log.places if log.head <= place.keeps_to)
        assert len(log.places) <= 64 + sum(place.goes_on for place in log.places)


TestLogs = Logs.TestCase


def test_a_terminal_that_has_left_is_forgotten_once_more_was_printed_than_is_kept_for_it() -> None:
    log = OutputLog()
    log.append(bytes(5000))
    place = Place(500, 700)
    log.places.append(place)
    log.leave(place)
    log.append(bytes(KEPT))
    log.release(log.head, log.head)
    assert log.places == [place]
    assert log.base <= 500
    log.append(b"x")
    log.release(log.head, 600)
    assert log.places == [place], "the emulator has not noted all of its states"
    log.release(log.head, 700)
    assert log.places == []
    assert log.base > 700


@pytest.mark.usefixtures("_real")
def test_the_row_that_a_terminal_had_begun_when_it_left_is_kept_with_what_it_lacks() -> None:
    log = OutputLog()
    for block in (b"\n" * RETAINED, b"the row"):
        log.append(block)
    place = Place(log.head, log.head)
    log.places.append(place)
    log.leave(place)
    for _ in range(4):
        log.append(bytes(TRIM_FROM))
    log.release(log.head, log.head)
    assert log.content(place.got - 7, place.got) == b"the row"


def test_a_mark_at_which_a_terminal_stands_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output_log, "_MAX_MARKS", 64)
    log = OutputLog()
    for _ in range(50):
        log.append(b"\n")
        log.hold(log.head)
    for _ in range(100):
        log.append(b"\n")
    assert all(log.stops(place.sent - 1, log.head) == place.sent for place in log.places)


def test_keys_that_come_one_by_one_make_a_bounded_number_of_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output_log, "_MAX_MARKS", 64)
    log = OutputLog()
    for _ in range(1000):
        log.append(b"\n")
    assert len(log._marks) <= 64
    assert log._marks == sorted(log._marks)
    assert log.mark_after(log.head - 1) == log.head
    position = 0
    while position < log.head:
        following = log.mark_within(position, 50)
        assert following > position
        position = following


def test_marks_at_which_terminals_stand_are_looked_at_seldom_however_many_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Beyond the limit each byte had the older half of the marks looked at."""
    looks = 0

    class Places(list[Place]):
        def __iter__(self) -> Iterator[Place]:
            nonlocal looks
            looks += 1
            return super().__iter__()

    monkeypatch.setattr(output_log, "_MAX_MARKS", 64)
    log = OutputLog()
    log.places = Places([Place(0, 1 << 20)])
    for _ in range(1000):
        log.append(b"x")
    assert len(log._marks) > 900, "they stay"
    assert looks < 2000


@pytest.mark.usefixtures("_real")
def test_a_position_that_is_no_longer_held_is_refused() -> None:
    kept = OutputLog()
    for _ in range(12):
        kept.append(bytes(64 << 10))
    kept.release(kept.head, kept.head)
    assert kept.head - RETAINED - (64 << 10) <= kept.base <= kept.head - RETAINED
    for position in (0, kept.base - 1, kept.head + 1):
        with pytest.raises(LookupError):
            kept.read(position, 1)
    assert kept.read(kept.head, 10) == []


@pytest.mark.usefixtures("_real")
def test_keys_echoed_one_by_one_cost_little_more_than_their_bytes() -> None:
    """A block for each byte would have cost twenty megabytes in an interactive session."""
    kept = OutputLog()
    for _ in range(400_000):
        kept.append(b"x")
    assert len(kept._blocks) < 120
    kept.release(kept.head, kept.head)
    assert len(kept.content(0)) < RETAINED + 8192


@pytest.mark.usefixtures("_real")
@given(st.lists(st.integers(1, 3 * TRIM_FROM), max_size=30))
def test_the_log_of_a_session_that_nobody_reads_is_bounded(sizes: list[int]) -> None:
    log = OutputLog()
    for size in sizes:
        log.append(bytes(size))
        log.release(log.head, log.head)
        assert log.head - log.base <= RETAINED + TRIM_FROM + 3 * TRIM_FROM


def test_the_log_is_bounded_beside_a_terminal_that_takes_nothing() -> None:
    """The log kept all that was printed while a stopped terminal stayed attached."""
    log = OutputLog()
    log.places.append(Place(0, 0))
    for _ in range(200):
        log.append(bytes(1 << 16))
        log.release(log.head, log.head)
    assert log.head - log.base <= MAX_LAG + 2 * (1 << 16)


def test_a_view_stays_as_it_was_while_its_block_grows() -> None:
    kept = OutputLog()
    kept.append(b"abc")
    view = kept.read(0, 3)[0]
    kept.append(b"def")
    assert (bytes(view), kept.content(0)) == (b"abc", b"abcdef")
