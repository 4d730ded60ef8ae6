"""The look for a session that shows its own terminal disturbs nobody, and finds each loop."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from math import inf
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.client.channel import Channel
from sesh.client.feedback import Feedback, FeedbackState
from sesh.loop.timers import Timers

STEP = 0.01


class Look:
    """A look with a clock of its own. `held`: the times at which the terminal got nothing."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        self.grid = (80, 24)
        terminal = Mock(grid=lambda: self.grid)
        self.display = Mock(started=True, held=False, queue=Mock(waiting=b""), terminal=terminal)
        self.timers = Timers()
        self.marks: list[str] = []
        self.unmarked = 0
        self.sizes: list[float] = []
        self.held: list[float] = []
        self.feedback = Feedback(
            self.display, Channel(), self.timers, self.marks.append, self._unmark, self._send_size, lambda: None
        )

    def _unmark(self) -> None:
        self.unmarked += 1

    def _send_size(self) -> None:
        self.sizes.append(self.now)

    def output(self, data: bytes, *, unless: object = False) -> None:
        """Note output, if there is any."""
        if not unless:
            self.feedback.output(data)

    def run(self, seconds: float, each: Callable[[int], object]) -> None:
        """Call `each` with the number of each step, and let timers run."""
        for step in range(int(seconds / STEP)):
            self.now += STEP
            each(step)
            self.timers.run()
            if self.display.held:
                self.held.append(self.now)


def lines_at_any_time(look: Look, gap: float) -> Callable[[int], object]:
    """Return what prints lines, `gap` seconds from one to the next as a rule."""
    chance, due = random.Random(1), 0.0

    def come(_: int) -> None:
        nonlocal due
        if look.now >= due:
            look.feedback.output(b"line")
            due = look.now + chance.expovariate(1 / gap)

    return come


@pytest.fixture
def look(monkeypatch: pytest.MonkeyPatch) -> Look:
    return Look(monkeypatch)


def test_output_that_goes_on_though_the_terminal_gets_nothing_draws_no_line(look: Look) -> None:
    look.run(60, lambda step: look.output(b"frame", unless=step % 4))
    assert look.marks == []
    assert len(look.held) * STEP < 3, "the looks become rare"


@pytest.mark.parametrize("gap", [0.02, 0.05, 0.1, 0.2])
def test_lines_that_come_at_any_time_draw_no_line_and_wait_rarely(look: Look, gap: float) -> None:
    """A log that is followed: its pauses are as long as those of a loop that is held."""
    look.run(600, lines_at_any_time(look, gap))
    assert look.marks == []
    assert len(look.held) * STEP < 12


def test_after_a_key_a_loop_is_found_soon_though_the_looks_have_become_rare(look: Look) -> None:
    look.run(600, lambda _: look.output(b"line"))
    look.run(1, lambda _: None)
    look.feedback.keys()
    look.run(4, lambda _: look.output(" ".join(look.marks).encode(), unless=look.display.held or look.feedback.found))
    assert look.feedback.found


@pytest.mark.parametrize("seconds", [0.3, 0.5, 0.55, 0.6, 1.05, 2.1])
def test_output_that_ends_while_the_terminal_gets_nothing_draws_no_line(look: Look, seconds: float) -> None:
    look.run(seconds, lambda _: look.feedback.output(b"line"))
    look.run(5, lambda _: None)
    assert (look.marks, look.display.held) == ([], False)
    assert look.timers.due == inf, "nothing wakes at rest"


def test_a_person_who_types_does_not_wait(look: Look) -> None:
    def typed(step: int) -> None:
        if step % 10 == 0:
            look.feedback.keys()
            look.feedback.output(b"x")

    look.run(20, typed)
    assert look.held == []


def test_a_key_ends_the_look(look: Look) -> None:
    look.run(0.55, lambda _: look.feedback.output(b"line"))
    assert look.feedback.state is FeedbackState.HOLDING
    look.feedback.keys()
    assert (look.feedback.state, look.display.held) == (FeedbackState.WATCHING, False)


def test_what_comes_round_is_found(look: Look) -> None:
    def come_round(_: int) -> None:
        look.output(" ".join(look.marks).encode(), unless=look.display.held or look.feedback.found)

    look.run(3, come_round)
    assert look.feedback.found
    assert len(look.marks) == 1


def test_what_comes_round_in_a_pane_too_narrow_for_a_word_is_found_by_rounds_alone(look: Look) -> None:
    look.grid = (6, 24)
    look.run(5, lambda _: look.output(b"x", unless=look.display.held or look.feedback.found))
    assert (look.feedback.found, look.marks) == (True, [])


def test_a_word_is_found_over_the_border_of_two_reads(look: Look) -> None:
    look.run(2, lambda _: look.output(b"x", unless=look.display.held or look.marks))
    line = look.marks[0].encode()
    for at in range(len(line)):
        look.feedback.output(line[at : at + 1])
    assert look.feedback.found


def test_a_program_that_waits_for_the_terminals_answers_sees_one_line_that_goes(look: Look) -> None:
    """Its output stops with the terminal's, but nothing comes round."""
    look.run(2.5, lambda _: look.output(b"\x1b[6n", unless=look.display.held))
    assert (look.feedback.found, look.unmarked) == (False, 1)


def test_keys_that_come_round_without_output_are_found(look: Look) -> None:
    def round_trip(_: int) -> None:
        if not look.display.held:
            for _ in range(4):
                look.feedback.keys()
        if look.marks and not look.feedback.found:
            look.feedback.output(look.marks[0].encode())

    look.run(3, round_trip)
    assert look.feedback.found


@pytest.mark.parametrize(("round_trip", "seconds"), [(0.0, 5), (0.2, 9), (0.8, 20)])
def test_a_loop_whose_round_takes_longer_than_a_pause_is_found_over_a_slow_link(
    look: Look, round_trip: float, seconds: float
) -> None:
    look.feedback.round_trip = round_trip
    due = look.now
    released = True

    def come_round(_: int) -> None:
        """Let output come as long after the last one as it takes to come round, or after it was let go."""
        nonlocal due, released
        if look.display.held and released:
            released = look.now < due  # what was under way still comes
        if not look.display.held and not released:
            released, due = True, look.now + round_trip + 0.15
        if released and look.now >= due and not look.feedback.found:
            due = look.now + round_trip + 0.15
            look.feedback.output(" ".join(look.marks).encode() or b"x")

    look.run(seconds, come_round)
    assert (look.feedback.found, len(look.marks)) == (True, 1)


@pytest.mark.parametrize("round_trip", [0.0, 0.2])
@pytest.mark.parametrize("gap", [0.3, 0.5])
def test_lines_that_come_more_rarely_draw_no_line_over_a_link(look: Look, gap: float, round_trip: float) -> None:
    look.feedback.round_trip = round_trip
    look.run(1200, lines_at_any_time(look, gap))
    assert look.marks == []


def test_a_size_that_comes_during_the_look_is_sent_behind_it(look: Look) -> None:
    look.run(0.55, lambda _: look.feedback.output(b"line"))
    assert not look.feedback.takes_size()
    look.run(0.2, lambda _: look.feedback.output(b"line"))
    assert (len(look.sizes), look.feedback.takes_size()) == (1, True)


@given(st.lists(st.tuples(st.sampled_from("okns"), st.integers(1, 80)), max_size=60))
def test_whatever_comes_nothing_is_held_for_long_and_nothing_wakes_at_rest(events: list[tuple[str, int]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        look = Look(patch)
        for kind, count in events:
            before = len(look.held)
            calls = {
                "o": lambda _: look.feedback.output(b"x"),
                "k": lambda _: look.feedback.keys(),
                "n": lambda _: None,
                "s": lambda _: look.feedback.takes_size(),
            }
            look.run(count * STEP, calls[kind])
            assert (len(look.held) - before) * STEP < 0.8
        look.run(5, lambda _: None)
        assert (look.display.held, look.timers.due, look.feedback.found) == (False, inf, False)
