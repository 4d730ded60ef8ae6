"""The tokenizer: gaps of pyte's parser, and hostile input (numbered R)."""

from __future__ import annotations

import random
import time

import pytest

from sesh.vt.emulator import Emulator
from sesh.vt.screen import Screen
from tests.unit.vt.streams import fed, state


def test_digits_of_other_scripts_are_no_parameters() -> None:
    assert fed("\x1b[²mx".encode()).text()[0] == "²mx"


def test_an_error_costs_one_sequence_and_not_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    emulator = Emulator(20, 2)

    def operating_command(*_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(Screen, "operating_command", operating_command)
    emulator.feed(b"before \x1b]0;only here\x07after")
    assert emulator.text()[0] == "before after"
    assert emulator.last_error is not None
    assert str(emulator.last_error) == "broken"


def test_a_string_does_not_swallow_what_cancels_it() -> None:
    emulator = fed(b"\x1b]2;one\x07\x1b]2;two\x18three\x1b]2;four\x1b[31mfive")
    assert emulator.text()[0] == "threefive"
    assert emulator.screen.title == "four"
    assert emulator.screen.pen.sgr == "0;31"


@pytest.mark.parametrize("control", [b"\xc2\x9b", b"\xc2\x9d", b"\xc2\x90", b"\x9b", b"\x84"])
def test_c1_controls_are_ignored_in_utf8(control: bytes) -> None:
    emulator = fed(b"a" + control + b"0;t\x07b")
    assert emulator.screen.title == ""
    assert emulator.text()[0].replace("\ufffd", "") == "a0;tb"


@pytest.mark.parametrize(
    ("data", "rows"),
    [
        (b"a\x1b[\nm\x1b]0;t\x1b[\nmb", ["a", "", " b"]),
        (b"a\x1b[\nm\x1b\n]0;t\x1b[\nmb\x1b]0;\nt\x1b\\", ["a", "", "", " b"]),
        *((b"a\x1b\x07" + string + b"\x1b\nb\x1b]0;t\x07", ["a", ""]) for string in (b"P1", b"]2;title", b"_x")),
    ],
)
def test_controls_within_a_sequence_act_behind_the_string_that_its_escape_ends(data: bytes, rows: list[str]) -> None:
    """After another sequence with a control in it, the controls went into the earlier string."""
    whole, pieces = fed(data), Emulator(20, 5)
    for byte in data:
        pieces.feed(bytes((byte,)))
    assert (whole.text()[: len(rows)], whole.screen.title) == (rows, "t")
    assert state(whole) == state(pieces)


@pytest.mark.parametrize(
    "between", ["\x1b", "\x1b[m", "\x1b[3\x18", "\x1b(B", "\x1b[2C\x1b[2D", "\x1b]0;t\x07", "\x07"]
)
def test_nothing_joins_across_a_sequence_even_an_aborted_one(between: str) -> None:
    emulator = fed(f"e{between}\u0301".encode())
    assert not emulator.screen.joinable  # so REP repeats nothing, and no mark follows


@pytest.mark.parametrize("start", [b"\x1b]0;", b"\x1bP", b"\x1b_G", b"\x1b["])
def test_r18_sequences_without_end_cost_bounded_memory(start: bytes) -> None:
    emulator = Emulator(20, 3)
    emulator.feed(start)
    for _ in range(3):
        emulator.feed(b"1" * 65536)
        assert len(emulator.unfinished) <= 65536
    emulator.feed(b"m\x07\x1b\\OK")
    assert emulator.text()[0] == "OK"
    assert emulator.screen.title == ""
    assert emulator.last_error is None


def test_r18_a_long_sequence_means_the_same_in_one_block_and_in_many() -> None:
    for size in (65532, 65533, 65534, 65535, 70000):
        kinds = [(b"\x1b]2;", b"\x07"), (b"\x1b]2;", b"\x1b\\")]
        if size == 65533:
            kinds += [(b"\x1b[", b"m"), (b"\x1b[", b"H")]
        for start, end in kinds:
            data = b"\x1b[31mx" + start + b"1" * size + end
            pieces = Emulator(20, 3)
            for at in range(0, len(data), 5000):
                pieces.feed(data[at : at + 5000])
            assert state(fed(data, 20, 3)) == state(pieces)


def test_r18_absurd_parameters_do_no_harm() -> None:
    begin = time.process_time()
    long = b"\x1b[" + b"1;" * 100_000 + b"m" + b"\x1b[" + b"1;" * 20_000 + b"1m"
    emulator = fed(b"\x1b[" + b"9" * 5000 + b"C" + long + b"OK")
    assert time.process_time() - begin < 1
    assert emulator.screen.pen.sgr == "0;1"
    assert emulator.text() == [" " * 19 + "O", "K", "", "", ""]


def test_r19_marks_without_end_on_one_cell_take_no_time() -> None:
    begin = time.process_time()
    emulator = fed(b"e" + "\u0301".encode() * 200_000)
    assert time.process_time() - begin < 2
    assert emulator.text()[0] == "e" + "\u0301" * 16


def test_r20_random_bytes_never_raise() -> None:
    rng = random.Random(5)
    for _ in range(30):
        fed(bytes(rng.choices(range(256), k=600)))
        fed(bytes(rng.choices(b"\x1b[]?;:0123456789hlmHJKPX\\_^\x07\x18 a", k=600)))
