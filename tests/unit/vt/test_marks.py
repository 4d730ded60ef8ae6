"""Prompt marks (OSC 133): they stay with their rows, and a replay sends them in place."""

from __future__ import annotations

import re
from typing import Any

import pytest

from sesh.vt.emulator import Emulator
from sesh.vt.render.replay import repaint, replay
from sesh.vt.row import Row

A, B, C, D = (f"\x1b]133;{letter}\x07" for letter in "ABCD")
_MARK = re.compile(rb"\x1b\]133;([^\x1b]*)\x1b\\")


def fed(*parts: str, columns: int = 20, rows: int = 5) -> Emulator:
    emulator = Emulator(columns, rows)
    for part in parts:
        emulator.feed(part.encode())
    assert emulator.errors == 0, emulator.last_error
    return emulator


def command(words: str, output: str = "", code: int = 0) -> str:
    """What a shell with marks prints for a command."""
    return f"{A}$ {B}{words}\r\n{C}{output}\x1b]133;D;{code}\x07"


def sent(data: bytes) -> list[str]:
    return [body.decode() for body in _MARK.findall(data)]


def lines(emulator: Emulator) -> list[str]:
    """The encoded lines, with `<BODY>` for a mark."""
    state: dict[str, Any] = emulator.state()
    texts = [*state["scrollback"]["lines"], *(row[0] for row in state["screen"])]
    return [_MARK.sub(rb"<\1>", text.encode()).decode() for text in texts]


def shown_on_a_new_terminal(emulator: Emulator, count: int = 100) -> Emulator:
    copy = Emulator(emulator.columns, emulator.rows)
    copy.feed(replay(emulator, lines=count, clear=False))
    return copy


def test_the_marks_of_scrollback_and_screen_come_with_a_replay_in_place() -> None:
    emulator = fed(*(command(f"echo {n}", f"{n}\r\n", n) for n in range(4)), f"{A}$ {B}")
    assert lines(emulator) == [
        "<A>$ <B>echo 0", "<C>0", "<D;0><A>$ <B>echo 1", "<C>1", "<D;1><A>$ <B>echo 2", "<C>2", "<D;2><A>$ <B>echo 3",
        "<C>3", "<D;3><A>$ <B>",
    ]  # fmt: skip
    copy = shown_on_a_new_terminal(emulator)
    assert lines(copy) == lines(emulator)
    copy.feed(b"ls")
    assert lines(copy)[-1] == "<D;3><A>$ <B>ls"


def test_a_replay_of_fewer_lines_ends_no_command_that_it_did_not_begin() -> None:
    emulator = fed(command("make", "x\r\n" * 9), f"{A}$ {B}ls\r\n{C}y")
    assert sent(replay(emulator, lines=0)) == ["A", "B", "C;sesh=replay"]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("A;cl=m;k=s;aid=7", "A;cl=m;k=s;aid=7"),
        ("A;redraw=0;click_events=1", "A;redraw=0;click_events=1"),
        ("C;cmdline_url=rm%20-rf;cmdline=x", "C"),
        ("D;127;aid=7", "D;127"),
        ("D;no", "D"),
        ("A;aid=" + "x" * 40, "A"),
        ("A;k=\x9bs;plain;=;aid=ü", "A"),
        ("A" + ";a=b" * 20, "A" + ";a=b" * 4),
    ],
)
def test_of_a_mark_what_terminals_need_is_kept_within_bounds(given: str, kept: str) -> None:
    assert lines(fed(f"\x1b]133;{given}\x07"))[0] == f"<{kept}>"


@pytest.mark.parametrize("given", ["", "E", "AB", "L", "N;aid=1", "P;k=i", ";A"])
def test_what_is_no_mark_or_acts_is_ignored(given: str) -> None:
    assert lines(fed(f"\x1b]133;{given}\x07x"))[0] == "x"


def test_the_alternate_screen_has_no_marks() -> None:
    emulator = fed(f"{A}$ {B}vim", "\x1b[?1049h", f"{A}x{B}{C}{D}", "\x1b[?1049l")
    assert lines(emulator)[0] == "<A>$ <B>vim"
    assert sent(replay(fed("\x1b[?1049h" + A))) == []


def test_marks_travel_with_lines_that_are_inserted_deleted_and_scrolled() -> None:
    prompts = f"{A}1\r\n{A}2\r\n{A}3\x1b[H"
    assert lines(fed(prompts, "\x1b[L"))[:4] == ["", "<A>1", "<A>2", "<A>3"]
    assert lines(fed(prompts, "\x1b[2M"))[:2] == ["<A>3", ""]
    assert lines(fed(prompts, "\x1b[2;5r\x1b[S"))[:3] == ["<A>1", "<A>3", ""]
    assert lines(fed(prompts, "\x1bM"))[:2] == ["", "<A>1"]


def test_an_erased_row_loses_its_marks() -> None:
    prompts = f"{A}1{B}\r\n{A}2{B}x\r\n{A}3"
    assert sent(replay(fed(prompts, "\x1b[2J"))) == []
    assert sent(replay(fed(prompts, "\x1b[1;2H\x1b[J"))) == ["A", "B"]
    assert sent(replay(fed(prompts, "\x1b[1J"))) == ["A"]
    assert sent(replay(fed(f"{A}$ {B}x\r\x1b[1C\x1b[K"))) == ["A"]


def test_a_shell_may_erase_the_row_that_it_has_just_marked() -> None:
    emulator = fed(f"{A}\r\x1b[0m\x1b[J$ {B}\x1b[K")  # zsh
    assert lines(emulator)[0] == "<A>$ <B>"
    assert lines(fed(f"{A}\x1b[2K$ "))[0] == "<A>$"


def test_marks_stay_with_their_text_when_lines_are_wrapped_anew() -> None:
    emulator = fed(command("x" * 30, "y" * 30 + "\r\n"), f"{A}$ {B}z")
    before = lines(emulator)
    for columns, rows in ((7, 3), (50, 6), (3, 2), (20, 5)):
        emulator.resize(columns, rows)
        copy = shown_on_a_new_terminal(emulator)
        assert copy.state()["screen"] == emulator.state()["screen"]
    assert lines(emulator) == before


def test_marks_come_to_a_terminal_that_missed_output() -> None:
    seen = fed(command("a", "1\r\n"))
    missed = fed(command("a", "1\r\n"), *(command(f"b{n}", f"{n}\r\n") for n in range(5)))
    seen.feed(repaint(missed, lines=missed.scrolled - seen.scrolled, was_alternate=False))
    assert lines(seen) == lines(missed)


def test_no_text_that_programs_read_holds_marks() -> None:
    emulator = fed(*(command(f"echo {n}", f"\x1b[31m{n}\x1b[m\r\n") for n in range(4)), f"{A}$ {B}")
    for ansi in (False, True):
        assert not any("133" in line for line in emulator.last_lines(100, ansi=ansi))
    assert emulator.last_lines(100)[:3] == ["$ echo 0", "0", "$ echo 1"]
    assert fed(*(command("", "\r\n" * 9) for _ in range(2))).last_lines(100)[0] == "$"


def test_marks_cost_a_row_without_one_nothing_and_are_bounded_in_a_row() -> None:
    assert Row(5).marks is Row(6).marks
    emulator = fed(*(f"\x1b[{n % 300}G\x1b]133;{'BCD'[n % 3]}\x07" for n in range(3000)), columns=300)
    assert lines(emulator)[0].count("<") == 32
