"""The words of a question on a screen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.daemon.activity import question, rules
from sesh.vt.emulator import Emulator


@pytest.mark.parametrize(
    ("before", "output", "asked"),
    [
        ("", "line\r\nDo you want to continue? [Y/n] ", "Do you want to continue? [Y/n]"),
        ("", "10 %\r100 %\rgo on? \x1b[K", "go on?"),
        ("$ menu", "\r\n1) yes\r\n2) no\r\n#? ", "1) yes 2) no"),
        ("old\r\n#? ", "n\r\n1) keep\r\n#? ", "1) keep"),
        ("$ cat", "\r\n", ""),
        ("old?\r\nthis? ", "\x1b[H\x1b[2J\x1b[3J> ", ">"),
        ("$ x" + "\r\n" * 50, "\r\nreally?\r\n", "really?"),
        ("", "x" * 500, "x" * rules.MAX_QUESTION),  # one line in several rows
        ("", "", ""),
    ],
)
def test_a_program_that_reads_a_line_asks_in_those_since_the_last_line_was_entered(
    before: str, output: str, asked: str
) -> None:
    emulator = Emulator(40, 10)
    emulator.feed(before.encode())
    entered = question.cursor_line(emulator) if before else 0
    emulator.feed(output.encode())
    assert question.in_lines(emulator, entered) == asked


@pytest.mark.parametrize(
    ("rows", "cursor", "known", "asked"),
    [
        (["╭──────────╮", "│ Proceed? │", "│ ❯ Yes    │", "╰──────────╯", "❯ "], 4, [], "Proceed? ❯ Yes"),
        (["step 1", "Supprimer ?", "1. Oui", "> "], 3, [], "Supprimer ? 1. Oui"),
        (["old", "", "", "", "the answer", "is x.", "", "> "], 7, [], "the answer is x."),
        (["Proceed?", "", "› 1. Yes", "  2. No", "", "", "~/project"], None, [], "Proceed? › 1. Yes 2. No"),
        (["> what is it?", "It is x.", "", "", "> ", "footer"], 4, ["> what is it?", "footer"], "It is x."),
        (
            ["┃ △ Permission", "┃ $ touch x", "┃", "┃", "┃ Allow  Reject"],
            None,
            [],
            "△ Permission $ touch x Allow  Reject",
        ),
        (["old?"], None, ["old?"], ""),
    ],
)
def test_on_a_screen_it_is_the_row_of_the_cursor_or_the_last_new_rows(
    rows: list[str], cursor: int | None, known: list[str], asked: str
) -> None:
    words = list(map(question.words_of, rows))
    assert question.in_rows(words, cursor, set(map(question.words_of, known))) == asked


@pytest.mark.parametrize(
    ("output", "begun", "line"),
    [("one\r\ntwo\r\n", False, "two"), ("one\r\ntwo", True, "one"), ("one\x1b[?1049h\x1b[24;1Hbar", False, ""),
     ("\r\n--\r\n", False, "")],
)  # fmt: skip
def test_the_last_line_is_the_last_that_says_anything(output: str, begun: bool, line: str) -> None:
    emulator = Emulator(80, 24)
    emulator.feed(output.encode())
    assert question.last_line(emulator, begun=begun) == line


@given(st.binary(max_size=300), st.integers(0, 40), st.booleans())
def test_a_question_never_steers_a_terminal(output: bytes, entered: int, begun: bool) -> None:
    emulator = Emulator(20, 5)
    emulator.feed(output)
    assert question.in_lines(emulator, entered).isprintable()
    assert question.on_screen(emulator, ()).isprintable()
    assert question.last_line(emulator, begun=begun).isprintable()
