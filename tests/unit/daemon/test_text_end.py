"""Where the end of a typed text stands on a screen, and whether a program has taken it from there."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sesh.daemon.screen.text_end import TextEnd

WORDS = st.text("abcdefgh0123456789äß漢", min_size=3, max_size=40)
WIDTH, HEIGHT = 60, 24


def screen(*rows: str) -> list[str]:
    return [*rows, *[""] * (HEIGHT - len(rows))]


def framed(text: str, *, width: int = 20, hint: str = "? for help") -> list[str]:
    """A composer: a text wrapped into a frame, with a line of hints below it."""
    lines = [line[start : start + width] for line in text.split("\n") for start in range(0, len(line) or 1, width)]
    body = [f"│ {'>' if number == 0 else ' '} {line:{width}} │" for number, line in enumerate(lines)]
    return ["╭" + "─" * (width + 4) + "╮", *body, "╰" + "─" * (width + 4) + "╯", hint]


@given(WORDS, st.integers(4, 30))
def test_the_end_is_found_however_a_composer_frames_and_wraps_it(text: str, width: int) -> None:
    before, after = screen(*framed("")), screen(*framed(text, width=width))
    cells = TextEnd(text, before).find(after)
    assert "".join(after[row][column] for row, column in cells) == text[-12:]


@given(WORDS)
def test_what_stood_there_before_is_not_the_text(text: str) -> None:
    shown = screen(f"> {text}", "", *framed(""))
    end = TextEnd(text, shown)
    assert end.find(shown) == []
    cells = end.find(screen(f"> {text}", "", *framed(text)))
    assert {row for row, _ in cells} <= {3, 4}


@given(WORDS, st.booleans())
def test_a_text_that_went_into_the_history_was_taken(text: str, frame: bool) -> None:
    before = screen("welcome", *(framed("") if frame else [">"]))
    asked = screen("welcome", *(framed(text) if frame else [f"> {text}"]))
    end = TextEnd(text, before)
    after = screen("welcome", f"> {text}", "", "⠋ Thinking (0s)", *(framed("") if frame else [">"]))
    assert end.taken(end.find(asked), asked, after)


@given(WORDS, st.sampled_from(["? for help", "⠋ 3s", ""]), st.sampled_from(["? for help", "⠙ 4s", ""]))
def test_a_swallowed_enter_that_makes_the_frame_grow_takes_nothing(text: str, hint: str, later: str) -> None:
    assume(not hint or not later or hint[0] == later[0] or "s" in hint[-1:] + later[-1:])
    assume((hint == "? for help") == (later == "? for help"))
    assume(bool(hint) or not later)
    before = screen("welcome", *framed("", hint=hint))
    asked = screen("welcome", *framed(text, hint=hint))
    end = TextEnd(text, before)
    cells = end.find(asked)
    down = screen("welcome", *framed(text + "\n", hint=later))
    assert not end.taken(cells, asked, asked)
    assert not end.taken(cells, asked, down)
    up = [*asked[1 : cells[-1][0] + 1], "│" + " " * 24 + "│", *asked[cells[-1][0] + 1 :]]
    assert not end.taken(cells, asked, up)


def test_an_end_that_moves_sideways_still_stands() -> None:
    end, asked = TextEnd("quite a long text", screen("> ")), screen("> quite a long text")
    assert not end.taken(end.find(asked), asked, screen("ite a long text", "  "))


@pytest.mark.parametrize("text", ["y", "ok", "mess"])
def test_a_short_text_is_not_looked_for_in_other_words(text: str) -> None:
    end, asked = TextEnd(text, screen("> Type your message, ok?")), screen(f"> {text}")
    assert end.taken(end.find(asked), asked, screen("> Type your message, ok?"))


def test_a_composer_at_the_bottom_that_swallows_two_enters_has_taken_nothing() -> None:
    asked = screen("welcome", "╭─────────╮", "│ > hello │", "╰─────────╯", "? for help")
    grown = screen("│ > hello │", "│         │", "│         │", "╰─────────╯", "? for help")
    end = TextEnd("hello", screen("welcome", "╭─────────╮", "│ >       │", "╰─────────╯", "? for help"))
    assert not end.taken(end.find(asked), asked, grown)


def test_hints_that_change_below_a_text_prove_nothing() -> None:
    end, asked = TextEnd("hello", screen("> ", "? for help")), screen("> hello", "? for help")
    assert not end.taken(end.find(asked), asked, screen("> hello", "@ names a file"))
    assert not end.taken(end.find(asked), asked, screen("> hello", "", "/ opens the menu"))


@pytest.mark.parametrize("side", ["│", "|"])
def test_a_notice_below_the_frame_of_a_composer_proves_nothing(side: str) -> None:
    """A swallowed Enter counted as taken where an update was offered below the frame just then."""
    before = screen("╭──────────╮", f"{side} >        {side}", "╰──────────╯")
    asked = screen("╭──────────╮", f"{side} > hello  {side}", "╰──────────╯")
    grown = screen("╭──────────╮", f"{side} > hello  {side}", f"{side}          {side}", "╰──────────╯", "", "Update!")
    end = TextEnd("hello", before)
    assert not end.taken(end.find(asked), asked, grown)
    end = TextEnd("hello", before)
    assert end.taken(end.find(asked), asked, screen("> hello", "", *before))


def test_an_end_that_is_wrapped_in_a_frame_of_plain_characters_is_found() -> None:
    end = TextEnd("hello there", screen("+--------+", "| >      |", "+--------+"))
    assert end.find(screen("+--------+", "| > hello|", "|   there|", "+--------+"))


def test_a_composer_that_is_moved_by_a_banner_above_it_still_has_its_text() -> None:
    asked = screen("starting", *framed("hello there"))
    moved = screen("A BANNER", "", "of many rows", "", *framed("hello there"))
    end = TextEnd("hello there", screen("starting", *framed("")))
    assert not end.taken(end.find(asked), asked, moved)


def test_a_frame_below_the_text_is_another_composer() -> None:
    asked, taken = screen(*framed("hello there")), screen("> hello there", "", *framed(""))
    end = TextEnd("hello there", screen(*framed("")))
    assert end.taken(end.find(asked), asked, taken)


def test_a_mark_before_each_line_of_a_frame_is_nothing_new() -> None:
    asked = screen("╭─────────╮", "│ > hello │", "╰─────────╯")
    grown = screen("╭─────────╮", "│ > hello │", "│ >       │", "╰─────────╯")
    end = TextEnd("hello", screen("╭─────────╮", "│ >       │", "╰─────────╯"))
    assert not end.taken(end.find(asked), asked, grown)


def test_the_answer_of_a_repl_below_its_line_is_something_new() -> None:
    end, asked = TextEnd("1+1", screen(">>>")), screen(">>> 1+1")
    assert end.taken(end.find(asked), asked, screen(">>> 1+1", "2", ">>>"))
    assert not end.taken(end.find(asked), asked, asked)


def test_of_several_lines_the_last_one_is_looked_for() -> None:
    asked = screen("> one", "> two", "> end of it")
    assert {row for row, _ in TextEnd("one\ntwo\nend of it\n", screen(">")).find(asked)} == {2}


@given(st.text(" \t\n\x1b─│", max_size=8))
def test_a_text_that_nothing_shows_is_never_found(text: str) -> None:
    assert TextEnd(text, screen()).find(screen("anything", text.replace("\n", " "))) == []
