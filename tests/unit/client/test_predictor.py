"""The predictor and the frames that it gets: what was not asked for, or takes too much time, is passed over."""

from __future__ import annotations

import time

import pytest

from sesh import protocol
from sesh.client.predict.predictor import Predictor
from sesh.client.predict.replica import PATIENCE, Replica
from sesh.client.predict.round_trip import RoundTrip
from sesh.vt.emulator import Emulator
from sesh.vt.modes import SYNCHRONIZED_OUTPUT
from sesh.vt.render.patch import patchable
from tests.support.glass import Glass

MARGINS = b"\x1b[?69h\x1b[2;79s\x1b[24;2H"
"""Between left and right margins, a line feed in the last row moves the cells of all rows."""


class Person:
    """A predictor whose daemon is this test."""

    def __init__(self) -> None:
        self.sent: list[int] = []
        self.predictor = Predictor(lambda frame: self.sent.append(frame[0]), lambda: (80, 24), RoundTrip(), always=True)

    def asks(self) -> None:
        self.predictor.quiet()
        assert self.sent.pop() == protocol.MODEL

    def gets(self, screen: bytes, position: int = 0) -> None:
        self.predictor.handle(protocol.MODEL, position.to_bytes(8, "big") + screen)

    def built(self) -> int:
        """Works until nothing is left; how often."""
        turns = 0
        while self.predictor.building:
            self.predictor.build()
            turns += 1
        return turns

    def draws(self) -> Glass:
        """A terminal on which a guess is drawn: `b` behind the echo of `a`."""
        glass = Glass(80, 24)
        self.asks()
        self.gets(b"$ ")
        self.built()
        glass.feed(b"$ " + self.predictor.typed(1, b"a"))
        self.prints(glass, b"a")
        glass.feed(self.predictor.typed(2, b"b"))
        assert glass.rows()[0] == "$ ab"
        return glass

    def prints(self, glass: Glass, data: bytes) -> None:
        before, after = self.predictor.output(self.predictor._shown, data)
        glass.feed(before + data + after)

    def predicts(self) -> bool:
        """Whether a second key is drawn once the first one was echoed."""
        at = self.predictor._shown
        self.predictor.typed(1, b"a")
        self.predictor.output(at, b"a")
        return b"b" in self.predictor.typed(2, b"b")


@pytest.fixture
def person() -> Person:
    return Person()


def test_a_model_that_nobody_asked_for_is_passed_over(person: Person) -> None:
    began = time.thread_time()
    person.gets(MARGINS + b"\n" * 200_000)
    assert not person.predictor.building
    person.asks()
    person.gets(b"$ ")
    person.gets(MARGINS + b"\n" * 200_000)
    person.built()
    assert time.thread_time() - began < 1
    assert person.predicts()


def test_a_model_that_takes_too_much_time_is_given_up_and_not_asked_for_again(person: Person) -> None:
    person.asks()
    person.gets(MARGINS + b"\n" * 200_000)
    longest, began = 0.0, time.thread_time()
    while person.predictor.building:
        turn = time.thread_time()
        person.predictor.build()
        longest = max(longest, time.thread_time() - turn)
    assert time.thread_time() - began < 2 * PATIENCE
    assert longest < PATIENCE / 2, "keys wait no longer than one turn"
    person.predictor.quiet()
    assert person.sent == []
    assert not person.predicts()


def test_a_model_larger_than_any_daemon_makes_is_passed_over(person: Person) -> None:
    person.asks()
    person.gets(b"x" * (protocol.CHUNK + 1))
    assert not person.predictor.building


def test_output_that_takes_the_model_too_much_time_ends_prediction(person: Person) -> None:
    person.asks()
    person.gets(b"$ ")
    person.built()
    began = time.thread_time()
    person.predictor.output(0, MARGINS + b"\n" * 40_000)
    person.predictor.typed(1, b"a")
    assert time.thread_time() - began < 2 * PATIENCE
    assert not person.predicts()


@pytest.mark.parametrize(
    "size", [pytest.param(0, id="and the model follows"), pytest.param(70_000, id="of more than the model follows")]
)
def test_nothing_is_written_into_a_sequence_that_output_leaves_unfinished(person: Person, size: int) -> None:
    glass = person.draws()
    person.prints(glass, b"\x1b[m" * (size // 3) + b"b\x1b[")
    assert SYNCHRONIZED_OUTPUT not in glass.modes, "the terminal shows what it got"
    person.prints(glass, b"31mred")
    assert glass.rows()[0] == "$ abred"


@pytest.mark.parametrize(
    "state",
    [
        b"",
        b"\x1b[4h",
        b"\x1b(0",
        b"\x1b[?69h\x1b[2;6s",
        b"\x1b[31m",
        b"\x1b[1;3H\xe4\xb8\xad\xe6\x96\x87\x1b[1;4H",
        b"\x1bN",
    ],
)
@pytest.mark.parametrize("text", [b"a", b"ab~", b"abcdefghij", b"e\xcc\x81x", b"\x7f", b"\x1b[1mb"])
def test_the_model_is_that_of_an_emulator_whatever_is_fed(state: bytes, text: bytes) -> None:
    model, emulator = Replica(8, 3, 0, b"$ " + state), Emulator(8, 3, max_lines=1)
    model.build()
    emulator.feed(b"$ " + state)
    for _ in range(2):
        model.feed(model.position, text)
        emulator.feed(text)
        assert [*model.screen.buffer] == [*emulator.screen.buffer]
        assert model.screen.joinable == emulator.screen.joinable
        assert (model.cursor, model.patchable) == (emulator.cursor, patchable(emulator))


def test_a_paste_that_comes_in_several_reads_is_not_guessed(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    person.asks()
    person.gets(b"$ ")
    person.built()
    assert person.predicts()
    now = time.monotonic() + 1
    monkeypatch.setattr(time, "monotonic", lambda: now)
    assert b"x" in person.predictor.typed(3, b"x" * 10)
    now += 0.004
    assert b"y" not in person.predictor.typed(4, b"y" * 99)
