"""Prediction with programs that echo late or never, and with output cut anywhere."""

from __future__ import annotations

import itertools
import time
from unittest.mock import Mock, patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.client.channel import Channel
from sesh.client.predict import FOLLOW_TIMEOUT, Predictor
from sesh.client.view import TerminalView
from sesh.loop.timers import Timers
from sesh.vt.emulator import Emulator
from sesh.vt.render.replay import replay
from sesh.wire import protocol

COLUMNS, ROWS = 20, 4
LEFT, RIGHT, UP, ERASE, ENTER, HOME, HIGHLIGHT = b"\x1b[D", b"\x1b[C", b"\x1b[A", b"\x7f", b"\r", b"\x01", b"\x0c"
SLOW = b"\x1b[?69h\x1b[2;%ds\x1b[%d;2H" % (COLUMNS - 1, ROWS) + b"\n" * 200_000
"""Between left and right margins, a line feed in the last row moves the cells of all rows."""


class Program:
    """A line editor that `shows` something for each character, over a text `behind` the line."""

    def __init__(self, shows: str | None = "", prompt: str = "$ ", behind: str = "") -> None:
        self.shows = shows
        self.prompt = prompt
        self.behind = behind
        self.line = ""
        self.at = 0
        self.pen = b""

    def act(self, key: bytes) -> bytes:
        if key == ENTER:
            self.line = ""
            self.at = 0
            return b"\r\n" + self.row()
        if key == HIGHLIGHT:
            self.pen = b"" if self.pen else b"\x1b[1;41m"
        elif key == UP:
            self.line = "old"
            self.at = 3
        elif key in (LEFT, RIGHT, HOME):
            step = {LEFT: -1, RIGHT: 1, HOME: -self.at}[key]
            self.at = min(max(0, self.at + step), len(self.line))
        elif key == ERASE:
            self.line = self.line[: max(0, self.at - 1)] + self.line[self.at :]
            self.at = max(0, self.at - 1)
        else:
            at_end = self.at == len(self.line)
            self.line = self.line[: self.at] + key.decode() + self.line[self.at :]
            self.at += len(key.decode())
            if at_end and self.shows == "":
                return self.pen + key
        return self.row() if self.shows is not None else b""

    def row(self) -> bytes:
        """Return the bytes that draw the row and its continuation."""
        line = "".join(self.shows or each for each in self.line) if self.shows is not None else ""
        place = f"\r\x1b[{min(COLUMNS - 1, len(self.prompt) + self.at)}C" if self.shows is not None else ""
        text = f"\r{self.prompt}\x1b[K{self.behind}\r{self.prompt}{self.pen.decode()}{line}\x1b[m{place}"
        return b"\x1b[?25l" + text.encode() + b"\x1b[?25h"


class Person:
    """A person at a slow link; `plain` is a terminal without prediction, `seen` with it."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.requested = False
        self.plain, self.seen, self.daemon = (Emulator(COLUMNS, ROWS, max_lines=1) for _ in range(3))
        self.log = b""
        self.shown = 0
        self.keys: list[bytes] = []
        self.number = 0
        self.size = (COLUMNS, ROWS)
        self.predictor = Predictor(self._note_request, lambda: self.size)
        self.prints(program.row())

    def _note_request(self, frame: bytes) -> None:
        assert frame[0] == protocol.MODEL
        self.requested = True

    def type(self, *keys: bytes) -> Person:
        """Type keys, which are then on their way."""
        for key in keys:
            self.number += 1
            self.keys.append(key)
            self.seen.feed(self.predictor.input_sent(self.number, key))
        return self

    def run(self, count: int) -> None:
        """Have the program act on keys."""
        for key in self.keys[:count]:
            self._append(self.program.act(key))
        del self.keys[:count]

    def _append(self, data: bytes) -> None:
        self.log += data
        self.daemon.feed(data)

    def come(self, size: int) -> None:
        """Show so many bytes of the output."""
        data = self.log[self.shown :][:size]
        if data:
            before, after = self.predictor.follow(self.shown, data)
            self.seen.feed(before + data + after)
            self.plain.feed(data)
            self.shown += len(data)

    def prints(self, data: bytes) -> None:
        """Have the program print, and show that."""
        self._append(data)
        self.come(len(self.log))

    def echo(self, flags: int = protocol.ECHOES) -> None:
        """Say what was echoed: the output may come later."""
        number = self.number - len(self.keys)
        self.seen.feed(self.predictor.handle(protocol.ECHOED, protocol.echoed(number, len(self.log), flags)[5:]))

    def answer(self, screen: bytes | None = None) -> None:
        """Send the requested model: it may be ahead of the output."""
        if self.requested or screen is not None:
            self.requested = False
            screen = replay(self.daemon, lines=0, clear=False) if screen is None else screen
            self.seen.feed(self.predictor.handle(protocol.MODEL, len(self.log).to_bytes(8, "big") + screen))

    def settle(self) -> Person:
        """Complete a round trip in which nothing else happens."""
        self.run(len(self.keys))
        self.come(len(self.log))
        self.echo()
        self.answer()
        return self

    @property
    def row(self) -> str:
        """The row of the cursor as it is seen, with a mark for the cursor."""
        y, x = self.seen.cursor
        text = self.seen.screen.rows[y].full_text()
        return f"{text[:x]}|{text[x:]}".rstrip()

    @property
    def is_plain(self) -> bool:
        return replay(self.seen, lines=0) == replay(self.plain, lines=0)


def predicting(program: Program | None = None) -> Person:
    """A person whose program is known to echo: it has printed an a."""
    return Person(program or Program()).type(HOME).settle().type(b"a").settle()


def test_a_key_is_shown_at_once_where_the_program_has_echoed_one() -> None:
    person = Person(Program()).type(HOME).settle().type(b"a", b"b", b"c")
    assert person.row == "$ |", "nobody knows yet whether it echoes"
    person.run(1)
    person.come(1000)
    assert person.row == "$ abc|"
    assert person.type(b"d").row == "$ abcd|"
    assert [pen.style.underline for pen in person.seen.screen.rows[0].pens[:7]] == [0, 0, 0, 1, 1, 1, 0]


def test_keys_that_edit_the_end_of_the_line_and_move_in_what_was_typed_are_shown_at_once() -> None:
    person = predicting(Program(behind=" " * 12 + "12:00"))
    assert person.type(b"b", b"c", ERASE, b" ", b"d").row == "$ ab d|        12:00"
    assert person.type(LEFT, LEFT, RIGHT).row == "$ ab |d        12:00"
    assert person.type(RIGHT, ERASE, ERASE, ERASE).row == "$ a|           12:00"
    assert person.settle().is_plain


def test_characters_that_were_not_typed_are_erased_up_to_a_blank() -> None:
    person = predicting().type(UP).settle().type(b"x").settle()
    assert person.type(ERASE, ERASE, b"y", LEFT).row == "$ ol|y"
    assert predicting().type(ERASE, ERASE).row == "$ |"


@pytest.mark.parametrize(
    ("keys", "row"),
    [
        pytest.param([LEFT, b"x"], "$ |a", id="in the middle of the line"),
        pytest.param([b"b", LEFT, ERASE], "$ a|b", id="erases in the middle of the line"),
        pytest.param([ENTER, b"x"], "$ a|", id="behind a key of unknown effect"),
        pytest.param(["世".encode(), b"x"], "$ a|", id="behind a wide character"),
        pytest.param([b"y"] * COLUMNS, f"$ a{'y' * 16}|", id="in the last column"),
    ],
)
def test_a_key_of_unknown_place_waits_for_its_echo(keys: list[bytes], row: str) -> None:
    person = predicting().type(*keys)
    assert person.row == row
    assert person.settle().is_plain


def test_after_a_miss_nothing_is_shown_until_all_is_echoed() -> None:
    program = Program()
    person = predicting(program).type(b"b", b"c")
    program.shows = "#"
    person.run(1)
    person.come(1000)
    assert person.row == "$ ##|"
    person.echo()
    program.shows = ""
    person.type(b"c").run(1)
    person.come(1000)
    assert person.type(b"d").row == "$ ##c|", "nobody knows of which c that is the echo"
    assert person.settle().type(b"e").row == "$ ##ccd|", "nor whether it goes on"
    person.run(1)
    person.come(1000)
    assert person.type(b"f").row == "$ ##ccdef|"


@pytest.mark.parametrize("begins_anew", [False, True])
def test_keys_that_were_on_their_way_before_the_screen_was_known_are_echoed_before_anything_is_guessed(
    begins_anew: bool,
) -> None:
    with patch("time.monotonic", itertools.count(10.0, 2.0).__next__):
        person = predicting().type(b"a")
        person.seen.feed(person.predictor.withdraw())
        if begins_anew:  # the round trip was short for a while
            person.predictor = Predictor(
                person._note_request, lambda: person.size, sent=person.number, echoed=person.number - 1
            )
        person.predictor.request_model()
        person.answer()
        person.type(b"a")
        person.run(1)
        person.come(1000)
        assert person.type(b"b").row == "$ aa|"


def test_a_round_trip_that_varies_between_the_margins_does_not_switch_prediction_on_and_off() -> None:
    view = TerminalView(Mock(), Channel(), Timers(), "adaptive")
    for seconds, expected in ((0.025, False), (0.2, True), (0.025, True), (0.01, False), (0.025, False)):
        view.follow_round_trip(seconds)
        assert (view._predictor is not None) is expected


def test_a_model_that_is_ahead_of_the_output_gets_none_twice() -> None:
    person = Person(Program()).type(HOME)
    person.run(1)
    person.come(1000)
    person._append(b"qr")
    person.answer()
    person.come(1)
    person.come(1)
    assert person.settle().type(b"a").settle().type(b"b").row == "$ qrab|"


def test_a_model_of_another_size_than_the_terminal_is_passed_over() -> None:
    person = Person(Program()).type(HOME)
    person.size = (COLUMNS + 1, ROWS)
    person.settle().type(b"a").settle()
    assert person.type(b"b").is_plain


@pytest.mark.parametrize("asks", [b" PIN: ", b"\rPIN: \x1b[K", b"\r\nPIN: ", b"\x1b[?1049h\x1b[HPIN: "])
def test_a_program_that_ceases_to_echo_has_no_secret_shown(asks: bytes) -> None:
    person = predicting(Program(prompt="name? "))
    person.prints(asks)
    person.program.shows = None
    assert person.type(b"Z", b"Q").is_plain
    assert person.settle().type(b"Z").is_plain


def test_nothing_is_guessed_while_the_terminal_reads_lines_without_echo() -> None:
    person = predicting()
    person.echo(protocol.BY_LINE)
    assert person.type(b"Z").is_plain
    person.prints(b"Z")
    assert person.type(b"Z").is_plain, "that was no echo"
    assert person.settle().type(b"Z").is_plain, "nobody knows whether it echoes"


def test_nothing_is_written_into_a_sequence_that_output_leaves_unfinished() -> None:
    person = predicting().type(b"b", b"c")
    person.prints(b"b\x1b[")
    person.prints(b"31mred")
    assert person.row == "$ abred|"
    assert person.is_plain


@pytest.mark.parametrize("late", [False, True])
def test_a_model_that_takes_too_much_time_is_given_up(late: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "monotonic", lambda: 10.0)
    person = predicting() if late else Person(Program()).type(HOME)
    began = time.thread_time()
    if late:
        person.predictor.follow(person.shown, SLOW)
    else:
        person.answer(SLOW)
    assert time.thread_time() - began < 2 * FOLLOW_TIMEOUT
    assert person.type(b"b").is_plain
    assert not person.requested, "nor requested again at once"


def test_a_model_that_was_not_requested_is_passed_over() -> None:
    person = Person(Program())
    person.answer(b"$ ")
    assert person.type(b"a").requested


KEYS = [b"a", b"b", b"a", b"b", b" ", LEFT, RIGHT, ERASE, ERASE, ENTER, UP, HOME, HIGHLIGHT, b"ab", "世".encode()]
BEHIND = ["", " " * 12 + "12:00", "ab ab 世界世界"]
STEPS = st.lists(
    st.one_of(
        st.sampled_from(KEYS).map(lambda key: ("type", key)),
        st.sampled_from(KEYS).map(lambda key: ("type", key)),
        st.integers(1, 3).map(lambda count: ("run", count)),
        st.sampled_from([1, 5, 30, 1000]).map(lambda size: ("come", size)),
        st.sampled_from(["echo", "answer", "settle", "withdraw"]).map(lambda name: (name, None)),
    ),
    max_size=60,
)


@given(STEPS, st.sampled_from(["", "", "*", None]), st.sampled_from(BEHIND))
def test_after_a_quiet_round_trip_the_terminal_is_the_one_without_prediction(
    steps: list[tuple[str, object]], shows: str | None, behind: str
) -> None:
    with patch("time.monotonic", itertools.count(10.0).__next__):
        person = Person(Program(shows, behind=behind)).type(HOME)
        for name, value in steps:
            if name == "withdraw":
                person.seen.feed(person.predictor.withdraw())
                assert person.is_plain
            else:
                getattr(person, name)(*[] if value is None else [value])
            assert shows == "" or person.is_plain, "never without echo"
        assert person.settle().is_plain
