"""Previews of screens are clipped and coloured, and never control the terminal."""

from __future__ import annotations

import re

from hypothesis import example, given
from hypothesis import strategies as st

from sesh.text import safe
from sesh.tui import preview

_SGR = re.compile(r"\x1b\[[0-9;:]*m")


def screen(*lines: str) -> str:
    return "\n".join(lines)


def test_rows_are_clipped_at_the_right_and_the_lower_part_is_shown() -> None:
    shown = screen(*(f"line {number} is long" for number in range(5)), "", "")
    assert preview.drawn(shown, 6, 3, coloured=True) == ["line 2", "line 3", "line 4"]
    assert preview.drawn(shown, 80, 9, coloured=True)[:2] == ["line 0 is long", "line 1 is long"]
    assert len(preview.drawn(shown, 80, 9, coloured=True)) == 9


def test_colours_end_with_the_row_and_links_are_left_out() -> None:
    shown = screen("\x1b[0;31ma\x1b[m \x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\")
    assert preview.drawn(shown, 4, 1, coloured=True) == ["\x1b[0;31ma\x1b[m li\x1b[m"]
    assert preview.drawn(shown, 4, 1, coloured=False) == ["a li"]


def test_a_wide_character_at_the_edge_is_left_out() -> None:
    row = screen("a日本")
    widths = [preview.drawn(row, columns, 1, coloured=True)[0] for columns in (1, 2, 3, 4, 5)]
    assert widths == ["a", "a", "a日", "a日", "a日本"]


@given(st.lists(st.text(max_size=30), max_size=4), st.integers(1, 40), st.integers(1, 6))
@example(["\U0001f400\U0001f3fb"], 1, 1)  # the last character of a cluster that is wider by one than the row
@example(["00\u093e"], 2, 1)  # a mark that makes the character before it wide
@example(["\x1b[31m\x1b]0;title\x07"], 40, 1)
def test_no_row_is_too_wide_or_steers_the_terminal(texts: list[str], columns: int, rows: int) -> None:
    drawn = preview.drawn(screen(*texts), columns, rows, coloured=True)
    assert len(drawn) == rows
    for line in drawn:
        plain = _SGR.sub("", line)
        assert safe.columns(plain) <= columns
        assert plain.isprintable()
