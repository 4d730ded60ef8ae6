"""The feed: its position, its size, and the states of terminals at the log's marks."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.daemon.base.due import Agenda
from sesh.daemon.base.faults import FaultLog
from sesh.daemon.base.phase import Lifecycle
from sesh.daemon.pty.output_log import OutputLog, Place
from sesh.daemon.screen import feed as module
from sesh.daemon.screen.feed import FeedState, ScreenFeed
from sesh.vt.emulator import Emulator
from sesh.vt.render.replay import repainting

WORDS = [
    "a line\r\n",
    "wide words ",
    "\x1b[31mred\x1b[m",
    "\x1b[5;5H",
    "\r\n\r\n",
    "\x1b[?1049h",
    "\x1b[?1049l",
    "界界",
]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("print"), st.lists(st.sampled_from(WORDS), min_size=1, max_size=30).map("".join)),
        st.tuples(st.just("resize"), st.tuples(st.integers(2, 60), st.integers(1, 20))),
        st.tuples(st.just("step"), st.none()),
        st.tuples(st.just("reload"), st.none()),
    ),
    max_size=25,
)


Change = tuple[str, tuple[int, int] | None, bool]
CHANGES = st.lists(
    st.tuples(
        st.lists(st.sampled_from(WORDS), min_size=1, max_size=30).map("".join),
        st.none() | st.tuples(st.integers(2, 60), st.integers(1, 20)),
        st.booleans(),
    ),
    max_size=25,
)
"""Output, a new size after it, and whether the emulator goes on then."""


def fed(columns: int = 80, rows: int = 24) -> tuple[OutputLog, ScreenFeed]:
    log = OutputLog()
    return log, ScreenFeed(Agenda(), log, (columns, rows, 0, 0), Lifecycle(), FaultLog())


@pytest.mark.parametrize("text", [b".", b"tick\r\n"])
def test_seconds_of_output_are_known_in_a_bounded_space_however_slowly_it_comes(
    monkeypatch: pytest.MonkeyPatch, text: bytes
) -> None:
    """So few bytes would not make the emulator run by itself, and each second is one more to remember."""
    log, feed = fed()
    for second in range(20_000):
        monkeypatch.setattr(time, "time", lambda second=second: 1_000_000.5 + second)
        log.append(text)
        feed.plan()
        if feed.due < float("inf"):
            feed.act(0.0)
    assert len(log.times) <= 8192
    assert len(feed.emulator.times) <= feed.emulator.screen.scrollback.max_lines + 24
    feed.catch_up(10)
    lines = feed.emulator.last_lines(20_000, since=1_019_990)
    assert lines == (["tick"] * 10 if b"\n" in text else ["." * 20_000])


def dumped(feed: ScreenFeed) -> FeedState:
    """Return what a reload keeps."""
    feed.catch_up(10)
    (state,) = filter(None, feed.dumping())
    return state


@given(STEPS)
def test_a_feed_behind_is_the_emulator_that_saw_all_in_order(steps: list[tuple[str, object]]) -> None:
    """Each resize counts where it happened, in any slices and even through a reload."""
    log, behind = fed(30, 10)
    seen: list[tuple[str, object]] = []
    for step, value in steps:
        if step == "print":
            assert isinstance(value, str)
            log.append(value.encode())
            seen.append((step, value.encode()))
        elif step == "resize":
            assert isinstance(value, tuple)
            behind.resize((*value, 0, 0))
            if seen and seen[-1][0] == "resize" and behind.lag:
                seen.pop()  # a size at which nothing was printed, and which nobody saw
            seen.append((step, value))
        elif step == "step":
            behind.step()
            if not behind.lag:
                seen.append(("stepped", None))
        else:
            state = dumped(behind)
            before, behind = (
                behind,
                ScreenFeed(Agenda(), log, (behind.columns, behind.rows, 0, 0), Lifecycle(), FaultLog()),
            )
            behind.restore(state)
            seen.append(("stepped", None))
            assert behind.emulator.screen.scrollback.end == before.emulator.screen.scrollback.end
            assert repainting(behind.emulator).finish() == repainting(before.emulator).finish()
    expected = Emulator(30, 10)
    for step, value in seen:
        if step == "print":
            assert isinstance(value, bytes)
            expected.feed(value)
        elif step == "resize":
            assert isinstance(value, tuple)
            expected.resize(*value)
    assert behind.catch_up(10)
    assert behind.position == log.head
    assert behind.emulator.text() == expected.text()
    assert behind.emulator.last_lines(1000) == expected.last_lines(1000)
    assert (behind.emulator.columns, behind.emulator.height) == (behind.columns, behind.rows)


@given(CHANGES, st.booleans())
def test_the_state_at_each_mark_is_that_of_a_terminal_that_stands_there(changes: list[Change], left: bool) -> None:
    """Lines were missing or came twice where a terminal stood between the positions that were noted."""
    (log, behind), (other, prompt) = fed(30, 10), fed(30, 10)
    for each in (log, other):
        each.places.append(Place(0, 0))
        each.append(b"begin\r\n")
    prompt.catch_up(10)
    marks = [log.head]
    for text, size, steps in changes:
        for each in (log, other):
            each.append(text.encode())
        marks.append(log.head)
        prompt.catch_up(10)
        if size is not None:
            for feed in (behind, prompt):
                feed.resize((*size, 0, 0))
        if steps:
            behind.step()
    if left:
        log.places[0].sent = marks[-1]
        log.leave(log.places[0])
        behind.keep_states(log.places[0])
    behind.catch_up(10)
    for mark in marks:
        assert behind.state_at(mark) == prompt.state_at(mark)
        assert behind.missed_since(behind.state_at(mark)) == prompt.missed_since(prompt.state_at(mark))


def test_it_reaches_a_point_and_not_a_byte_more() -> None:
    log, asked = fed()
    log.append(b"one\r\ntwo")
    asked.resize((40, 10, 0, 0))
    log.append(b"\r\nthree")
    asked.catch_up(10, 5)
    assert asked.position == 5
    assert asked.emulator.text()[0].rstrip() == "one"
    assert asked.emulator.cursor == (1, 0)
    assert asked.emulator.columns == 80
    asked.catch_up(10, 9)
    assert asked.emulator.columns == 40
    asked.catch_up(10, 3)
    assert asked.position == 9


def test_lines_since_a_client_left_are_counted_exactly_where_it_stood() -> None:
    log, counted = fed(20, 5)
    for count in (40, 10):
        log.append(b"line\r\n" * count)
    left = log.head - 60
    log.hold(left)
    log.append(b"line\r\n" * 30)
    counted.catch_up(10)

    def missed(position: int) -> int:
        return counted.missed_since(counted.state_at(position))

    assert missed(left) == 40
    log.hold(log.head)
    counted.note_state()
    log.append(b"line\r\n" * 7)
    counted.catch_up(10)
    assert missed(log.head - 42) == 7
    # Rather too many lines than too few: those since the state before it, or all.
    assert missed(left + 1) == missed(left) == 47
    assert missed(1) == counted.first_line


def test_states_are_bounded_and_those_of_attached_clients_push_no_others_out() -> None:
    log, noted = fed()
    log.append(b"line\r\n" * 1000)
    log.hold(6000)
    noted.catch_up(10)
    log.places.append(Place(6000, 6000))
    for _ in range(6000):
        log.append(b"x")
    noted.catch_up(60)
    assert len(noted._states) <= module._MAX_STATES
    log.append(b"\r\n" + b"line\r\n" * 999)
    noted.catch_up(10)
    assert noted.missed_since(noted.state_at(6000)) == 1000
    for _ in range(2000):
        log.append(b"x")
        noted.catch_up(10)
        log.hold(log.head)
        noted.note_state()
    assert len(noted._left_states) <= module._MAX_LEFT_STATES


def test_a_state_at_which_a_terminal_stands_is_not_dropped_however_many_follow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A terminal that had taken nothing for long got lines twice."""
    monkeypatch.setattr(module, "_MAX_STATES", 64)
    log, noted = fed()
    log.append(b"line\r\n" * 100)
    log.places += [Place(log.head, log.head), Place(log.head, log.head)]
    noted.catch_up(10)
    stands, other = log.places
    for _ in range(500):
        log.append(b"x\r\n")
        noted.catch_up(10)
        other.sent = other.got = log.head
    assert len(noted._states) <= 64
    assert noted.missed_since(noted.state_at(stands.got)) == 500


@given(st.integers(0, 30), st.integers(1, 24))
def test_the_first_line_in_fewer_rows_is_the_one_that_a_terminal_with_them_shows_first(lines: int, rows: int) -> None:
    log, tall = fed(rows=24)
    small_log, small = fed(rows=rows)
    for each, shown in ((log, tall), (small_log, small)):
        each.places.append(Place(0, 0))
        each.append(b"line\r\n" * lines)
        shown.catch_up(10)
    assert tall.state().first_line_in(rows) == small.state().first_line


def test_a_scrollback_is_compressed_also_if_somebody_else_has_drawn_it() -> None:
    log, fed_by_others = fed()
    log.append(b"line\r\n" * 5000)
    fed_by_others.catch_up(10)
    assert fed_by_others.due < float("inf")


def test_a_fault_of_the_emulator_costs_a_slice_and_nothing_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slice that raised was tried for ever, and the program stopped."""
    log, faulty = fed()
    log.append(b"bad")
    emulator = faulty.emulator
    monkeypatch.setattr(emulator, "feed", lambda *_: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        faulty.step()
    assert faulty.lag == 0
    monkeypatch.undo()
    log.append(b"good")
    assert faulty.catch_up(10)
    assert faulty.emulator.text()[0].rstrip() == "good"


def test_the_first_error_of_the_emulator_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    log, faults = OutputLog(), FaultLog()
    faulty = ScreenFeed(Agenda(), log, (80, 24, 0, 0), Lifecycle(), faults)
    monkeypatch.setattr(faulty.emulator.screen, "used", frozenset())  # a title cannot be noted
    log.append(b"before \x1b]0;one\x07\x1b]0;two\x07after")
    assert faulty.catch_up(10)
    log.append(b"\x1b]0;three\x07")
    assert faulty.catch_up(10)
    (told,) = faults.lines
    assert "emulator" in told
    assert "AttributeError" in told
    assert faulty.emulator.text()[0] == "before after"


@pytest.mark.parametrize("rows", [3, 24])
def test_the_lines_of_a_terminal_that_has_a_part_of_a_frame_are_known_by_those_that_end_in_it(rows: int) -> None:
    """It left while it stood still: what it has ends between two marks."""
    log, feed = fed(rows=rows)
    log.places.append(Place(0, 1 << 30))
    for _ in range(10):
        log.append(b"%d\r\n" * 500)
        feed.catch_up(10)
    frame = 2 * len(b"%d\r\n" * 500)
    for lines in (1, 250, 499, 700):
        size = lines * len(b"%d\r\n") + 2
        state = feed.state_within(frame + size, size, lines)
        assert state.begun == 1_000 + lines


def test_lines_that_end_on_the_alternate_screen_do_not_count_for_one_that_left_within_a_frame() -> None:
    log, feed = fed()
    log.places.append(Place(0, 1 << 30))
    log.append(b"first\r\n" * 10 + b"\x1b[?1049h")
    feed.catch_up(10)
    frame = log.head
    log.append(b"\x1b[5;5Hone\r\ntwo\r\n" * 100)
    feed.catch_up(10)
    before = feed.state_at(frame).begun
    assert before <= feed.state_within(frame + 70, 70, 8).begun <= max(before, feed.state().begun)


def test_without_the_states_around_it_what_a_terminal_lacks_comes_again() -> None:
    _, feed = fed()
    assert feed.state_within(5_000, 700, 40).begun == 0
