"""The seconds in which lines came, which the emulator knows by their numbers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sesh.vt.emulator import Emulator
from sesh.vt.timeline import Timeline

PIECES = st.sampled_from(
    [
        b"a\r\n",
        b"word ",
        b"x" * 30 + b"\r\n",
        b"\r",
        b"\r\n\r\n",
        b"seq\r\n" * 9,
        b"\x1b[?1049h",
        b"\x1b[?1049l",
        b"y" * 90,
    ]
)


def emulator(*printed: tuple[int, bytes], columns: int = 20, rows: int = 4, lines: int = 100) -> Emulator:
    own = Emulator(columns, rows, max_lines=lines)
    for second, data in printed:
        own.note_time(second)
        own.feed(data)
    return own


def since(own: Emulator, second: float) -> list[str]:
    return own.last_lines(1000, since=second)


def test_lines_are_known_by_the_second_in_which_they_came() -> None:
    own = emulator((10, b"one\r\ntwo\r\n"), (12, b"three\r\n"), (20, b"four\r\n"))
    assert since(own, 0) == since(own, 10.9) == ["one", "two", "three", "four"]
    assert since(own, 11) == since(own, 12) == ["three", "four"]
    assert since(own, 13) == ["four"]
    assert since(own, 21) == []


def test_a_line_that_goes_on_counts_as_new() -> None:
    own = emulator((10, b"old\r\n$ "), (12, b"make\r\nmade\r\n"))
    assert since(own, 12) == ["$ make", "made"]


def test_a_line_that_fills_more_than_the_screen_is_not_left_out_where_it_goes_on() -> None:
    own = emulator((10, b"old\r\n"), (12, b"x" * 200), (14, b"y" * 40))
    assert since(own, 14) == ["x" * 200 + "y" * 40]


def test_lines_that_are_written_above_others_and_what_they_replace_count_as_new() -> None:
    own = emulator((10, b"one\r\ntwo\r\nthree"), (12, b"\x1b[2A"), (14, b"\rONE"))
    assert since(own, 14) == ["ONE", "two", "three"]


def test_times_stay_with_their_lines_when_the_size_changes() -> None:
    own = emulator((10, b"a" * 50 + b"\r\n"), (12, b"b" * 50 + b"\r\n"), (14, b"end"), rows=3)
    for columns, rows in ((7, 2), (60, 9), (20, 3)):
        own.resize(columns, rows)
        assert since(own, 12) == ["b" * 50, "end"]
        assert since(own, 14) == ["end"]


def test_what_came_after_a_clear_is_known_and_what_came_before_is_gone() -> None:
    own = emulator((10, b"one\r\n" * 9), (12, b"\x1b[H\x1b[2J\x1b[3J"), (14, b"two\r\n"))
    assert since(own, 10) == since(own, 14) == ["two"]


def test_a_full_screen_program_leaves_the_times_of_lines_as_they_are() -> None:
    own = emulator(
        (10, b"one\r\n"), (12, b"\x1b[?1049h\x1b[3;3Hvim"), (14, b"\x1b[2;2Hmore\x1b[?1049l"), (16, b"two\r\n")
    )
    assert since(own, 16) == ["two"]
    assert since(own, 10) == ["one", "two"]


@given(st.lists(st.tuples(st.integers(0, 3), PIECES), max_size=30), st.integers(10, 100))
def test_no_line_that_came_since_is_left_out_and_the_times_go_with_the_lines(
    printed: list[tuple[int, bytes]], second: int
) -> None:
    own, second_now, before = emulator(lines=12), 10, 0
    for passed, piece in printed:
        if second_now < second:  # all that was printed until now came before
            state = own.scroll_state()
            before = state.first_line + max(state.on_screen, own.screen.cursor.y)
        second_now += passed
        own.note_time(second_now)
        own.feed(piece)
    found = own.first_since(second)
    if second <= second_now and printed:
        assert found <= max(before, own.screen.scrollback.first) + 1, "lines that are gone came before, too"
    assert len(own.times) <= 12 + 4 + 2, "no more than there are lines"


def test_what_is_thinned_out_counts_as_newer_rather_than_being_left_out() -> None:
    times = Timeline((second, second * 10) for second in range(100))
    assert times.kept(500, 3) == [(97, 500), (98, 980), (99, 990)]
    times.keep(3)
    assert times.pairs == [(97, 0), (98, 980), (99, 990)]
    assert (times.first_since(50), times.first_since(99), times.first_since(100)) == (0, 990, None)
    times.note(40, 1000)
    assert times.first_since(99) == 990, "a clock that was set back makes nothing older"
