"""The words of a question, from the output and from the screen, and what is a menu."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.daemon.activity import question, rules


@pytest.mark.parametrize(
    ("tail", "shown"),
    [
        (b"Password: ", "Password:"),
        (b"line\r\nDo you want to continue? [Y/n] ", "Do you want to continue? [Y/n]"),
        (b"\x1b[1;32mname:\x1b[0m (app) ", "name: (app)"),
        (b"\x1b[?2004h>>> ", None),
        (b"\x1b[24;1H\x1b[7mnotes.txt\x1b[27m\x1b[K", None),
        (b"", None),
        (b"x" * 500, "x" * rules.MAX_QUESTION),
    ],
)
def test_a_question_is_the_line_of_the_cursor_where_it_is_one(tail: bytes, shown: str | None) -> None:
    assert question.in_output(tail, line=False) == shown


@pytest.mark.parametrize(
    ("rows", "shown"),
    [
        (["Proceed?", " > 1. Yes", "   2. No", ""], "Proceed? > 1. Yes 2. No"),
        (["╭──────────╮", "│ Proceed? │", "│ ❯ Yes    │", "╰──────────╯", "❯ "], "Proceed? ❯ Yes"),
        (["old", "", "", "Proceed?", "", "> Yes", "", "", ""], "Proceed? > Yes"),
        (["Name?", "> Ada"], "> Ada"),
        (["step 1", "step 2", "Delete?", "1. Yes", "2. No", "> "], "Delete? 1. Yes 2. No"),
        (["step 1", "Supprimer ?", "1. Oui", "> "], "Supprimer ? 1. Oui"),
        ([">>> "], ">>>"),
        (["x" * 150, "y" * 150, ""], "y" * 150),
        ([""], ""),
        ([], ""),
    ],
)
def test_of_a_menu_the_rows_above_an_empty_row_or_a_mark_are_the_question(rows: list[str], shown: str) -> None:
    assert question.in_rows(rows) == shown


@pytest.mark.parametrize(
    ("tail", "asked"),
    [
        (b"\x1b[H\x1b[2J\x1b[3JContinue? ", "Continue?"),
        (b"1) yes\r\n2) no\r\n", "1) yes 2) no"),
        (b"1) yes\r\n2) no\r\n#? ", "1) yes 2) no"),
        (b"Continue?\x1b[20G", "Continue?"),
    ],
)
def test_of_a_program_that_reads_a_line_the_last_words_are_the_question(tail: bytes, asked: str) -> None:
    assert question.in_output(tail, line=True) == asked


ENDS = st.sampled_from([b"\a", b"\x1b\\", b"\x18", b"\x1a"])


BODY = st.text(st.characters(min_codepoint=0x20, exclude_categories=["Cc", "Cs"]), max_size=30).map(str.encode)


@st.composite
def strings(draw: st.DrawFn) -> bytes:
    """An OSC, DCS, SOS, PM or APC; of these only OSC ends by BEL."""
    opener = draw(st.sampled_from([b"]", b"P", b"X", b"^", b"_"]))
    end = draw(ENDS if opener == b"]" else ENDS.filter(lambda end: end != b"\a"))
    return b"\x1b" + opener + draw(BODY) + end


@given(
    st.lists(st.one_of(strings(), st.sampled_from([b"push", b" ", b"it? ", b"\x1b[1m", b"\a"])), max_size=12),
    st.booleans(),
)
def test_no_string_for_the_terminal_is_part_of_a_question(parts: list[bytes], line: bool) -> None:
    """Of one that ended by BEL the body was."""
    tail = b"ok\r\n" + b"".join(parts)
    text = b"".join(part for part in parts if part[:1] != b"\x1b" and part != b"\a").decode().strip()
    assert question.in_output(tail, line=line) == (text or ("ok" if line else None))


@given(strings(), st.integers(min_value=1))
def test_a_string_that_has_not_come_whole_is_no_part_of_a_question(string: bytes, size: int) -> None:
    begun = string[: 2 + size % (len(string) - 2)] if len(string) > 2 else string
    assert question.in_output(b"push it? " + begun.rstrip(b"\x1b"), line=True) == "push it?"


@given(st.binary(max_size=300), st.booleans(), st.booleans())
def test_a_question_never_steers_a_terminal(tail: bytes, line: bool, cut: bool) -> None:
    assert (question.in_output(tail, line=line, cut=cut) or "").isprintable()
    assert question.in_rows(tail.decode("latin-1").split("\n")).isprintable()


@pytest.mark.parametrize(
    ("output", "below"),
    [
        (b"old\r\n\x1b[H\x1b[2J\x1b[3JName? ", b"\x1b[3JName? "),
        (b"old\r\n\x1b[H\x1b[JName? ", b"Name? "),
        (b"old\x1bcName? ", b"Name? "),
        (b"$ ls\r\n\x1b]133;C;cmdline_url=ls\x1b\\Name? ", b"Name? "),
        (b"$ ls\r\n\x1b]133;C\aone\x1b[?1049lName? ", b"Name? "),
        (b"$ \x1b[Jls\r\n\x1b[KName? ", None),
    ],
)
def test_no_question_stands_above_a_cleared_screen_or_the_begin_of_its_command(
    output: bytes, below: bytes | None
) -> None:
    assert question.fresh_part(output) == below


@pytest.mark.parametrize(
    ("rows", "known", "asked"),
    [
        (["Proceed?", "", "› 1. Yes", "  2. No", "", "", "~/project"], [], "Proceed? › 1. Yes 2. No"),
        (["│ Allow it? (y/n) │", "│ ● 1. Yes │", "╰───╯", "", "footer"], [], "Allow it? (y/n) ● 1. Yes"),
        (["> what is it?", "It is x.", "", "", "> ", "footer"], ["> what is it?", "> ", "footer"], "It is x."),
        (
            ["┃ △ Permission required", "┃ $ touch x", "┃ Allow  Reject"],
            [],
            "△ Permission required $ touch x Allow  Reject",
        ),
        (["? for shortcuts", "Done."], ["? for shortcuts"], "Done."),
        (["old?"], ["old?"], "old?"),
    ],
)
def test_the_question_of_a_screen_is_what_is_new_on_it(rows: list[str], known: list[str], asked: str) -> None:
    before = frozenset(map(question.words_of, known))
    assert question.in_new_rows(list(map(question.words_of, rows)), "", before) == asked


@pytest.mark.parametrize(
    "rows",
    [
        ["Name:", "> my-app", "", "enter submit"],
        ["Password:", "> ••••••", "enter submit"],
        ["? Project name: › my-app"],
        ["? Password: [input is hidden]"],
        ["The plan:", "● read", "○ write"],
        ["So it says:", "", "› first line of a prompt", "  second line of it"],
        ["It says:", "> a quoted line", "> and another one"],
        ["  VITE ready:", "  ➜  Local:   http://localhost:5173/", "  ➜  Network: use --host"],
        [">>> def f():", "...     pass", ">>> "],
        ["? for shortcuts", "> draft", ""],
        ["Choose:", "> red", "", "  blue"],
    ],
)
def test_what_is_no_menu_is_not_taken_for_one(rows: list[str]) -> None:
    assert not question.offers(list(map(question.words_of, rows)))
