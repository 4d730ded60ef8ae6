"""The words of a question, from the output and from the screen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.daemon.activity import question, rules


@pytest.mark.parametrize(
    ("output", "entered", "asked"),
    [
        (b"Password: ", 0, "Password:"),
        (b"line\r\nDo you want to continue? [Y/n] ", 0, "Do you want to continue? [Y/n]"),
        (b"\x1b[1;32mname:\x1b[0m (app) ", 0, "name: (app)"),
        (b"10 %\r100 %\rgo on? \x1b[K", 0, "go on?"),
        (b"1) yes\r\n2) no\r\n#? ", 0, "1) yes 2) no"),
        (b"1) yes\r\n2) no\r\n", 0, "1) yes 2) no"),
        (b"n\r\n1) keep\r\n#? ", 1, "1) keep"),
        (b"9\r\n#? ", 1, "#?"),
        (b"again? ", 1, "again?"),  # a password shows no line
        (b"old?\r\n\x1b[H\x1b[2J\x1b[3J> ", 0, ">"),
        (b"old?\x1bc> ", 0, ">"),
        (b"$ ls?\r\n\x1b]133;C;cmdline_url=ls\x1b\\> ", 0, ">"),
        (b"x" * 500, 0, "x" * rules.MAX_QUESTION),
        (b"", 0, ""),
    ],
)
def test_of_a_program_that_reads_a_line_the_end_of_its_output_since_the_last_line_is_the_question(
    output: bytes, entered: int, asked: str
) -> None:
    assert question.in_output(output, entered=entered) == asked


@pytest.mark.parametrize(
    ("rows", "cursor", "known", "asked"),
    [
        (["Name?", "> Ada"], 1, [], "> Ada"),
        (["Proceed?", " > 1. Yes", "   2. No", ""], 3, [], "Proceed? > 1. Yes 2. No"),
        (["╭──────────╮", "│ Proceed? │", "│ ❯ Yes    │", "╰──────────╯", "❯ "], 4, [], "Proceed? ❯ Yes"),
        (["step 1", "Supprimer ?", "1. Oui", "> "], 3, [], "Supprimer ? 1. Oui"),
        (["old", "", "", "", "the answer", "is x.", "", "> "], 7, [], "the answer is x."),
        (["Proceed?", "", "› 1. Yes", "  2. No", "", "", "~/project"], None, [], "Proceed? › 1. Yes 2. No"),
        (["> what is it?", "It is x.", "", "", "> ", "footer"], 4, ["> what is it?", "footer"], "It is x."),
        (
            ["┃ △ Permission required", "┃ $ touch x", "┃", "┃", "┃ Allow  Reject"],
            None,
            [],
            "△ Permission required $ touch x Allow  Reject",
        ),
        (["old?"], None, ["old?"], ""),
        ([">>> "], 0, [], ">>>"),
        ([""], 0, [], ""),
    ],
)
def test_of_a_screen_it_is_the_row_of_the_cursor_or_the_last_new_rows(
    rows: list[str], cursor: int | None, known: list[str], asked: str
) -> None:
    words = list(map(question.words_of, rows))
    assert question.in_rows(words, cursor, set(map(question.words_of, known))) == asked


@pytest.mark.parametrize(
    ("output", "whole", "row"),
    [
        (b"one\r\ntwo\r\n", False, "two"),
        (b"one\r\ntwo", True, "one"),
        (b"one\r\n\x1b[24;1Hbar", False, ""),
        (b"\r\n--\r\n", False, ""),
    ],
)
def test_the_last_row_is_the_last_that_says_anything(output: bytes, whole: bool, row: str) -> None:
    assert question.last_row(output, whole=whole) == row


BODY = st.text(st.characters(min_codepoint=0x20, exclude_categories=["Cc", "Cs"]), max_size=30).map(str.encode)
STRINGS = st.builds(
    lambda opener, body, end: b"\x1b" + opener + body + end,
    st.sampled_from([b"]", b"P", b"X", b"^", b"_"]), BODY, st.sampled_from([b"\x1b\\", b"\x18", b"\x1a"]),
)  # fmt: skip


@given(st.lists(st.one_of(STRINGS, st.sampled_from([b"push", b" ", b"it? ", b"\x1b[1m", b"\a"])), max_size=12))
def test_no_string_for_the_terminal_is_part_of_a_question(parts: list[bytes]) -> None:
    """Of one that ended by BEL the body was."""
    text = b"".join(part for part in parts if part[:1] not in (b"\x1b", b"\a")).decode().strip()
    assert question.in_output(b"ok\r\n" + b"".join(parts)) == (text or "ok")


@given(STRINGS, st.integers(min_value=1))
def test_a_string_that_has_not_come_whole_is_no_part_of_a_question(string: bytes, size: int) -> None:
    begun = string[: 2 + size % (len(string) - 2)] if len(string) > 2 else string
    assert question.in_output(b"push it? " + begun.rstrip(b"\x1b")) == "push it?"


@given(st.binary(max_size=300), st.booleans())
def test_a_question_never_steers_a_terminal(output: bytes, cut: bool) -> None:
    assert question.in_output(output, cut=cut).isprintable()
    assert question.last_row(output, cut=cut).isprintable()
