"""The moment of Enter after a typed text, by what the program reads and shows."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.daemon.pty import syscalls
from sesh.daemon.requests import delivery
from sesh.daemon.requests.delivery import POLL, RESTLESS, STALLED, STILL, Delivery, unmarked
from sesh.daemon.shell import shells
from sesh.text.keys import PASTE, PASTE_END
from sesh.vt.modes import BRACKETED_PASTE

ENTER, MISSING = "", ", so there was no Enter"
STUCK, UNSHOWN = f"it has not read all of the text{MISSING}", f"its screen has not changed{MISSING}"


class Program:
    """A program that reads, draws and rests at given seconds after the text began."""

    def __init__(self, reads: float, draws: list[float], rests: float = 0.0) -> None:
        self.reads = reads
        self.draws = draws
        self.rests = rests
        self.now = 0.0
        self.typed = list[bytes]()
        self.typed_at = 0.0
        self.disturbed_from = 1000.0
        self.wants_read = False  # its output comes by `text`
        self.cursor = 0, 0
        self.input_line = self
        self.pty = SimpleNamespace(input_reader=lambda: (5, True))

    def type(self, piece: bytes) -> None:
        self.typed.append(piece)
        self.typed_at = self.now

    @property
    def unread(self) -> int:
        return 0 if self.now >= self.typed_at + self.reads else 5

    @property
    def input_at(self) -> float:
        return self.now if self.now >= self.disturbed_from else 0.0

    declared_question = None

    def mode(self, number: int) -> bool:
        return number == BRACKETED_PASTE

    def key_typed(self, keys: bytes) -> None:
        assert keys == b"\r"

    def text(self) -> list[str]:
        return [str(at) for at in self.draws if at <= self.now]

    def outcome(self, text: bytes = b"a text") -> tuple[str, float]:
        """Return why a text gets no Enter, and when that is known."""
        session: Any = Mock(pump=self, feed=Mock(emulator=self), activity=self, running=True)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(delivery, "time", SimpleNamespace(monotonic=lambda: 100.0 + self.now))
            patch.setattr(syscalls, "runs", lambda *_: self.now < self.rests)
            patch.setattr(shells, "foreground_name", lambda _: "composer")
            steps = Delivery(session, text).steps()
            while True:
                try:
                    self.now += next(steps)
                except StopIteration as end:
                    return end.value, self.now


@pytest.mark.parametrize(
    ("reads", "draws", "why", "at"),
    [
        (0.0, [0.01], ENTER, 0.02 + STILL),
        (0.5, [0.51], ENTER, 0.52 + STILL),
        (0.0, [0.6], ENTER, 0.6 + STILL),
        (0.0, [0.01, 0.05, 0.14], ENTER, 0.14 + STILL),
        (0.0, [number / 12 for number in range(1, 100)], ENTER, 0.1 + RESTLESS),
        (1.0, [0.3], ENTER, 1.02),
        (0.0, [2.0], ENTER, 2.0 + STILL),
        (0.0, [], UNSHOWN, 0.04 + STALLED),
        (0.0, [5.0], UNSHOWN, 0.04 + STALLED),
        (0.0, [3.03], ENTER, 3.03 + STILL),
        (1000.0, [0.1], STUCK, STALLED),
    ],
    ids=[
        "at once", "read late", "shown late", "thrice", "a spinner", "drawn first", "busy", "unshown", "late",
        "as it is given up", "stuck",
    ],
)  # fmt: skip
def test_enter_follows_once_the_text_was_read_and_the_screen_has_changed_and_rests(
    reads: float, draws: list[float], why: str, at: float
) -> None:
    found, now = Program(reads, draws).outcome()
    assert found == why
    assert at - POLL <= now <= at + 2 * POLL


@given(st.floats(0, 2), st.lists(st.floats(0.001, 4), max_size=20))
def test_enter_never_comes_before_all_was_read_nor_within_a_change(reads: float, draws: list[float]) -> None:
    why, now = Program(reads, draws).outcome()
    assert now >= reads
    assert (why == ENTER) == any(0 < at <= now for at in draws)
    if why == ENTER and now < max(reads, min(draws)) + RESTLESS:
        assert not any(now - STILL + POLL < at <= now for at in draws)


def test_enter_waits_for_a_program_that_still_runs_but_not_for_ever() -> None:
    for rests_at, entered_at in ((0.5, 0.5 + STILL), (9.0, 0.04 + RESTLESS)):
        why, now = Program(0.0, [0.01], rests_at).outcome()
        assert why == ENTER
        assert entered_at - POLL <= now <= entered_at + 2 * POLL


def test_a_text_is_typed_piece_by_piece_as_it_is_read_cut_between_characters() -> None:
    text = ("ä€" * 1200 + "\udc80").encode("utf-8", "surrogateescape")
    program = Program(0.01, [0.3])
    assert program.outcome(text)[0] == ENTER
    assert b"".join(program.typed) == PASTE + text + PASTE_END + b"\r"
    assert [len(piece) for piece in program.typed] == [1006, 1000, 1000, 1000, 1000, 997, 10, 1]


def test_a_text_that_is_cancelled_goes_no_further() -> None:
    program = Program(0.01, [0.3])
    program.disturbed_from = 0.05
    assert program.outcome(b"x" * 2500)[0] == "somebody typed meanwhile, so the rest of the text was not typed"
    assert [len(piece) for piece in program.typed] == [1006, 1000, len(PASTE_END)]


def test_no_paste_marker_is_left_however_deep_they_are_nested() -> None:
    """A text of 120 KB held the daemon up for ten seconds."""
    assert unmarked(b"a\x1b[200~b\x1b[20\x1b[201~1~c") == b"abc"
    nested = unmarked(b"\x1b[20" * 100_000 + b"1~" * 100_000)
    assert not nested.count(PASTE) + nested.count(PASTE_END)
