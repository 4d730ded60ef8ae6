"""Guesses about keys, against a program that echoes, or does not, some time after it got them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sesh.client.predict.guesses import MOST_IN_FLIGHT, Guesses

COLUMNS = 20
LEFT, RIGHT, ERASE, ENTER = b"\x1b[D", b"\x1b[C", b"\x7f", b"\r"


class Program:
    """A line editor in one row, behind a prompt; it is the view, too. What was typed takes effect by `run`."""

    def __init__(self, prompt: str = "$ ", *, echoes: bool = True) -> None:
        self.prompt, self.line, self.at, self.row, self.echoes = prompt, "", 0, 0, echoes
        self.columns = COLUMNS
        self.guesses = Guesses(self)
        self.queue: list[tuple[int, bytes]] = []
        self.number = self.done = 0

    @property
    def text(self) -> str:
        """The row."""
        return (self.prompt + (self.line if self.echoes else "")).ljust(COLUMNS)[:COLUMNS]

    @property
    def cursor(self) -> tuple[int, int]:
        return self.row, min(COLUMNS - 1, len(self.prompt) + (self.at if self.echoes else 0))

    def grapheme(self, row: int, column: int) -> str:
        return self.text[column] if row == self.row else " "

    def before(self, row: int, column: int) -> str:
        return "".join(self.grapheme(row, x) for x in range(column))

    def type(self, *keys: bytes) -> None:
        """Keys are typed, and on their way."""
        for key in keys:
            self.number += 1
            self.queue.append((self.number, key))
            self.guesses.typed(self.number, key)

    def run(self, keys: int = 1) -> None:
        """The program gets keys, and what it prints is seen."""
        for _ in range(min(keys, len(self.queue))):
            self.done, key = self.queue.pop(0)
            entered = self._act(key)
            self.guesses.output(scrolls=entered)

    def acknowledge(self) -> None:
        self.guesses.acknowledged(self.done)

    def settle(self) -> None:
        """A quiet round trip."""
        self.run(len(self.queue))
        self.acknowledge()

    def _act(self, key: bytes) -> bool:
        if key == ENTER:
            self.line, self.at, self.row = "", 0, self.row + 1
            return True
        if key == LEFT:
            self.at = max(0, self.at - 1)
        elif key == RIGHT:
            self.at = min(len(self.line), self.at + 1)
        elif key == ERASE:
            self.line = self.line[: max(0, self.at - 1)] + self.line[self.at :]
            self.at = max(0, self.at - 1)
        elif len(self.prompt) + len(self.line) < COLUMNS - 1:
            self.line = self.line[: self.at] + key.decode() + self.line[self.at :]
            self.at += 1
        return False

    @property
    def seen(self) -> str:
        """The row as a person sees it."""
        shown = self.guesses.shown()
        cells = list(self.text)
        for at, text in (shown[1] if shown else {}).items():
            cells[at] = text
        return "".join(cells).rstrip()

    @property
    def seen_cursor(self) -> int:
        shown = self.guesses.shown()
        return shown[2] if shown else self.cursor[1]


def confirmed(line: bytes = b"a") -> Program:
    """A program that has echoed what was typed."""
    program = Program()
    program.type(*(line[at : at + 1] for at in range(len(line))))
    program.settle()
    return program


def test_nothing_is_shown_before_the_program_has_echoed_a_key() -> None:
    program = Program()
    program.type(b"l", b"s")
    assert program.seen == "$"
    program.run()
    assert program.seen == "$ ls"


def test_a_key_is_shown_at_once_where_the_program_echoes() -> None:
    program = confirmed()
    program.type(b"b", b"c")
    assert (program.seen, program.seen_cursor) == ("$ abc", 5)


def test_backspace_left_and_right_are_shown_at_once() -> None:
    program = confirmed(b"abc")
    program.type(ERASE)
    assert (program.seen, program.seen_cursor) == ("$ ab", 4)
    program.type(LEFT, LEFT)
    assert program.seen_cursor == 2
    program.type(RIGHT, b"x")
    assert (program.seen, program.seen_cursor) == ("$ axb", 4)
    program.type(ERASE)
    assert (program.seen, program.seen_cursor) == ("$ ab", 3)
    program.settle()
    assert program.guesses.shown() is None


def test_a_prompt_is_not_erased() -> None:
    program = Program()
    program.type(b"a")
    program.settle()
    program.type(ERASE, ERASE, ERASE)
    assert program.seen == "$"


def test_nothing_is_shown_while_the_terminal_hides_what_is_typed() -> None:
    program = confirmed()
    program.guesses.hide(True)
    program.echoes = False
    program.type(b"s", b"e", b"c")
    program.settle()
    assert program.seen == "$"
    program.guesses.hide(False)
    program.echoes = True
    program.type(b"x")
    assert "x" not in program.seen


def test_after_enter_nothing_is_shown_until_the_program_has_echoed_again() -> None:
    program = confirmed()
    program.type(ENTER, b"s", b"e", b"c")
    program.echoes = False
    program.settle()
    program.type(b"r")
    assert program.seen == "$"
    program.settle()
    assert program.seen == "$"


def test_keys_typed_behind_enter_are_placed_when_its_effect_is_known() -> None:
    program = confirmed()
    program.type(ENTER, b"l", b"s")
    program.run()
    program.acknowledge()
    program.run()
    assert program.seen == "$ ls"


def test_there_is_a_bound_of_keys_in_flight() -> None:
    program = confirmed()
    for _ in range(MOST_IN_FLIGHT):
        program.type(LEFT, RIGHT)
    assert len(program.guesses._guesses) <= MOST_IN_FLIGHT


def test_nothing_is_guessed_in_the_last_column() -> None:
    program = confirmed()
    program.type(*[b"x"] * (COLUMNS + 5))
    assert len(program.seen) == COLUMNS - 1


def test_a_wide_character_waits_for_its_echo() -> None:
    program = confirmed()
    program.type("世".encode(), b"b")
    assert program.seen == "$ a"


KEY = st.sampled_from([b"a", b"b", b"c", b" ", b"a", b"b", LEFT, RIGHT, ERASE, ENTER, b"\x1b[A", b"\t", b"\x01"])
STEPS = st.lists(
    st.one_of(
        KEY.map(lambda key: ("type", key)),
        KEY.map(lambda key: ("type", key)),
        st.integers(1, 4).map(lambda count: ("run", count)),
        st.just(("acknowledge", 0)),
    ),
    max_size=80,
)


@given(STEPS, st.booleans())
def test_after_a_quiet_round_trip_the_screen_is_the_programs(steps: list[tuple[str, object]], echoes: bool) -> None:
    program = Program(echoes=echoes)
    for kind, value in steps:
        if kind == "type":
            assert isinstance(value, bytes)
            program.type(value)
        elif kind == "run":
            assert isinstance(value, int)
            program.run(value)
        else:
            program.acknowledge()
        shown = program.guesses.shown()
        if shown is not None:
            assert echoes
            row, cells, column = shown
            assert row == program.row
            assert all(0 <= at < COLUMNS - 1 for at in cells)
            assert 0 <= column < COLUMNS
    program.settle()
    program.settle()
    assert program.guesses.shown() is None
