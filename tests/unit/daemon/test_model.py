"""The model: its position, its size, and the lines since a client left."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.daemon.pty.output_log import OutputLog
from sesh.daemon.screen import model as models
from sesh.daemon.screen.model import Model
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
        st.tuples(st.just("json"), st.none()),
    ),
    max_size=25,
)


def model(columns: int = 80, rows: int = 24) -> tuple[OutputLog, Model]:
    log = OutputLog()
    return log, Model(log, columns, rows)


@given(STEPS)
def test_a_model_behind_is_the_emulator_that_saw_all_in_order(steps: list[tuple[str, object]]) -> None:
    """Each resize counts where it happened, in any slices and even through JSON."""
    log, behind = model(30, 10)
    seen: list[tuple[str, object]] = []
    for step, value in steps:
        if step == "print":
            assert isinstance(value, str)
            log.append(value.encode())
            seen.append((step, value.encode()))
        elif step == "resize":
            assert isinstance(value, tuple)
            behind.resize(*value)
            if seen and seen[-1][0] == "resize" and behind.lag:
                seen.pop()  # a size at which nothing was printed, and which nobody saw
            seen.append((step, value))
        elif step == "step":
            behind.step()
            if not behind.lag:
                seen.append(("stepped", None))
        else:
            before, behind = behind, Model(log, behind.columns, behind.rows)
            behind.restore(before.dump())
            seen.append(("stepped", None))
            assert behind.emulator.settle().scrollback.end == before.emulator.settle().scrollback.end
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
    assert (behind.emulator.columns, behind.emulator.rows) == (behind.columns, behind.rows)


def test_it_reaches_a_point_and_not_a_byte_more() -> None:
    log, asked = model()
    log.append(b"one\r\ntwo")
    asked.resize(40, 10)
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


def test_lines_since_a_client_left_are_counted_exactly_at_a_mark() -> None:
    log, counted = model(20, 5)
    log.append(b"line\r\n" * 50)
    left = log.head - 60
    counted.remember(left)
    log.append(b"line\r\n" * 30)
    counted.catch_up(10)
    assert counted.scrolled_since(left) == 40
    counted.remember(log.head)
    log.append(b"line\r\n" * 7)
    counted.catch_up(10)
    assert counted.scrolled_since(log.head - 42) == 7
    # Rather too many lines than too few: those since the mark before it, or all.
    assert counted.scrolled_since(left + 1) == counted.scrolled_since(left) == 47
    assert counted.scrolled_since(1) == counted.emulator.scrolled


def test_marks_are_bounded_and_those_in_flight_push_no_others_out() -> None:
    log, marked = model()
    log.append(b"line\r\n" * 2000)
    marked.catch_up(10, 6000)
    marked.remember(6000)
    for position in range(6000, 12_000):
        marked.remember(position, in_flight=True)
    marked.catch_up(10)
    assert marked.scrolled_since(6000) == 1000
    for position in range(12_000, 14_000):
        marked.remember(position)
    assert len(marked._states) == models._MOST_KEPT
    assert len(marked._in_flight) == models._MOST_IN_FLIGHT


def test_a_fault_of_the_emulator_costs_a_slice_and_nothing_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slice that raised was tried for ever, and the program stopped."""
    log, faulty = model()
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
    log = OutputLog()
    told: list[tuple[str, Exception | None]] = []
    faulty = Model(log, 80, 24, lambda what, error: told.append((what, error)))
    monkeypatch.setattr(faulty.emulator.settle(), "used", frozenset())  # a title cannot be noted
    log.append(b"before \x1b]0;one\x07\x1b]0;two\x07after")
    assert faulty.catch_up(10)
    log.append(b"\x1b]0;three\x07")
    assert faulty.catch_up(10)
    assert [type(error) for _, error in told] == [AttributeError]
    assert "emulator" in told[0][0]
    assert faulty.emulator.text()[0] == "before after"
