"""When a typed text gets its Enter, by what a program reads and shows at each look."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.daemon.delivery import POLL, RESTLESS, STALLED, STILL, Delivery, Step
from sesh.keys import PASTE, PASTE_END


class Program:
    """A program that reads the text at one time and draws at others, in seconds after the text was typed."""

    def __init__(self, reads: float, draws: list[float]) -> None:
        self.reads, self.draws = reads, draws

    def look(self, delivery: Delivery, now: float) -> Step:
        shown = sum(at <= now for at in self.draws)
        return delivery.next_step(now, 0 if now >= self.reads else 5, shown)


def outcome(program: Program) -> tuple[Step, float]:
    """Return the last step of a text of one piece, and when it was taken."""
    delivery = Delivery(b"a text", 0, pasted=True)
    assert program.look(delivery, 0.0) is Step.TYPE
    assert delivery.take(0.0) == b"\x1b[200~a text\x1b[201~"
    for number in range(1, 10_000):
        now = number * POLL
        if (step := program.look(delivery, now)) is not Step.WAIT:
            return step, now
    raise AssertionError("no end")


@pytest.mark.parametrize(
    ("reads", "draws", "step", "at"),
    [
        (0.0, [0.01], Step.ENTER, 0.02 + STILL),
        (0.5, [0.51], Step.ENTER, 0.52 + STILL),
        (0.0, [0.6], Step.ENTER, 0.6 + STILL),
        (0.0, [0.01, 0.05, 0.14], Step.ENTER, 0.14 + STILL),
        (0.0, [number / 12 for number in range(1, 100)], Step.ENTER, 0.1 + RESTLESS),
        (1.0, [0.3], Step.ENTER, 1.02),
        (0.0, [2.0], Step.ENTER, 2.0 + STILL),
        (0.0, [], Step.UNSHOWN, 0.04 + STALLED),
        (0.0, [5.0], Step.UNSHOWN, 0.04 + STALLED),
        (0.0, [3.03], Step.ENTER, 3.03 + STILL),
        (1000.0, [0.1], Step.STUCK, STALLED),
    ],
    ids=[
        "at once",
        "read late",
        "shown late",
        "thrice",
        "a spinner",
        "drawn first",
        "busy",
        "unshown",
        "late",
        "as it is given up",
        "stuck",
    ],
)
def test_enter_follows_once_the_text_was_read_and_the_screen_has_changed_and_rests(
    reads: float, draws: list[float], step: Step, at: float
) -> None:
    found, now = outcome(Program(reads, draws))
    assert found is step
    assert at - POLL <= now <= at + 2 * POLL


@given(st.floats(0, 2), st.lists(st.floats(0.001, 4), max_size=20))
def test_enter_never_comes_before_all_was_read_nor_within_a_change(reads: float, draws: list[float]) -> None:
    step, now = outcome(Program(reads, draws))
    assert now >= reads
    assert (step is Step.ENTER) == any(0 < at <= now for at in draws)
    if step is Step.ENTER and now < max(reads, min(draws)) + RESTLESS:
        assert not any(now - STILL + POLL < at <= now for at in draws)


def test_enter_waits_for_a_program_that_still_runs_but_not_for_ever() -> None:
    for rests_at, entered_at in ((0.5, 0.5 + STILL), (9.0, 0.04 + RESTLESS)):
        delivery = Delivery(b"a text", 0, pasted=False)
        delivery.take(0.0)
        looks = [number * POLL for number in range(1, 200)]
        steps = (delivery.next_step(now, 0, 1, busy=now < rests_at) for now in looks)
        now = next(now for now, step in zip(looks, steps, strict=True) if step is Step.ENTER)
        assert entered_at - POLL <= now <= entered_at + 2 * POLL


def test_a_text_is_typed_piece_by_piece_as_it_is_read_cut_between_characters() -> None:
    text = ("ä€" * 1200 + "\udc80").encode("utf-8", "surrogateescape")
    delivery, now, typed = Delivery(text, 0, pasted=True), 0.0, []
    while delivery.pieces:
        assert delivery.next_step(now, 0, 0) is Step.TYPE
        typed.append(delivery.take(now))
        assert [delivery.next_step(now + POLL, 7, 0), delivery.next_step(now + POLL, 0, 0)] == [Step.WAIT] * 2
        now += POLL
    assert b"".join(typed) == PASTE + text + PASTE_END
    assert [len(piece.decode("utf-8", "surrogateescape")) for piece in typed] == [1006, 1000, 407]
