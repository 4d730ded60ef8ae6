"""Prompts (OSC 133 A) stay with their lines, and are replayed in place."""

from __future__ import annotations

import pytest

from sesh.vt.emulator import Emulator
from sesh.vt.render.replay import repainting, replay
from tests.unit.vt.streams import fed

A, B, C, D = (f"\x1b]133;{letter}\x07" for letter in "ABCD")
SENT = b"\x1b]133;A\x1b\\"


def marked(emulator: Emulator) -> list[str]:
    """The lines, with `>` before one in which a prompt begins."""
    shown = Emulator(emulator.columns, 1)
    shown.feed(replay(emulator, lines=999, clear=False) + b"\x1b[99H\r\n")
    return [line.replace(SENT.decode(), ">") for line in shown.screen.scrollback.last(999)]


def test_the_prompts_of_scrollback_and_screen_come_with_a_replay_in_place() -> None:
    emulator = fed("".join(f"{A}$ {B}echo {n}\r\n{C}{n}\r\n\x1b]133;D;0\x07" for n in range(4)) + f"{A}$ {B}")
    expected = [line for n in range(4) for line in (f">$ echo {n}", str(n))]
    assert marked(emulator) == [*expected, ">$"]


@pytest.mark.parametrize("given", ["", "E", "AB", "B", "C", "D;1", ";A"])
def test_other_marks_are_not_kept(given: str) -> None:
    assert SENT not in replay(fed(f"\x1b]133;{given}\x07x"))


def test_the_line_that_is_typed_is_marked_as_the_shell_marked_it() -> None:
    """A restore sent A alone, so that the terminal took typed text for prompt."""
    sent = b"\x1b]133;B\x1b\\"
    assert replay(fed(f"{A}$ {B}ls")).count(sent) == 1
    assert sent not in replay(fed(f"{A}$ {B}ls\r\n{C}a\r\n"))
    assert sent not in replay(fed(f"{A}$ {B}ls\r\n{C}a\r\n{D}{A}$ "))


def test_the_alternate_screen_has_no_prompts() -> None:
    assert SENT not in replay(fed(f"\x1b[?1049h{A}x"))


def test_prompts_travel_with_lines_that_are_inserted_deleted_scrolled_and_wrapped() -> None:
    prompts = f"{A}1\r\n{A}2\r\n{A}3\x1b[H"
    assert marked(fed(prompts + "\x1b[L"))[:4] == ["", ">1", ">2", ">3"]
    assert marked(fed(prompts + "\x1b[2M"))[:2] == [">3", ""]
    assert marked(fed(prompts + "\x1b[2;5r\x1b[S"))[:3] == [">1", ">3", ""]
    emulator = fed(f"{A}$ {'x' * 30}\r\n{A}$ y")
    for columns, rows in ((7, 3), (50, 6), (3, 2), (20, 5)):
        emulator.resize(columns, rows)
    assert marked(emulator)[:2] == [f">$ {'x' * 30}", ">$ y"]


def test_a_shell_may_erase_the_row_that_it_has_just_marked() -> None:
    assert marked(fed(f"{A}\r\x1b[0m\x1b[J$ {B}\x1b[K"))[0] == ">$"  # zsh
    assert marked(fed(f"{A}\x1b[2K$ "))[0] == ">$"
    assert SENT not in replay(fed(f"{A}1\r\n{A}2\x1b[2J"))


def test_no_text_that_programs_read_holds_prompts() -> None:
    emulator = fed("".join(f"{A}$ {B}echo {n}\r\n{C}\x1b[31m{n}\x1b[m\r\n" for n in range(4)) + f"{A}$ {B}")
    for ansi in (False, True):
        assert not any("133" in line for line in emulator.last_lines(100, ansi=ansi))


def test_prompts_come_to_a_terminal_that_missed_output() -> None:
    seen, missed = fed(f"{A}a\r\n1\r\n"), fed(f"{A}a\r\n1\r\n" + "".join(f"{A}b{n}\r\n{n}\r\n" for n in range(5)))
    seen.feed(repainting(missed, lines=missed.scrolled - seen.scrolled, was_alternate=False).finish())
    assert marked(seen) == marked(missed)
