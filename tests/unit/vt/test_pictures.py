"""Screens as pictures: self-contained, well-formed whatever a program prints, each cell in its place."""

# ruff: noqa: S314 (the pictures are our own)
from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.vt.emulator import Emulator
from sesh.vt.render import pictures
from sesh.vt.render.export import screen_ansi, screen_data
from sesh.vt.render.pictures import shape
from sesh.vt.render.screen_data import Screen


def seen(text: str, columns: int = 20, rows: int = 2) -> Screen:
    emulator = Emulator(columns, rows)
    emulator.feed(text.encode("utf-8", "surrogatepass"))
    return screen_data(emulator)


def texts(picture: str) -> list[str]:
    return [each.text or "" for each in ElementTree.fromstring(picture).iter("{http://www.w3.org/2000/svg}text")]


def test_runs_hold_the_attributes_that_are_set() -> None:
    screen = seen("a\x1b[1;31;48;5;200mb\x1b[0;4:3;38;2;1;2;255mc\x1b[m d")
    assert screen["cells"][0] == [
        {"column": 0, "width": 1, "text": "a"},
        {"column": 1, "width": 1, "text": "b", "fg": 1, "bg": 200, "bold": True},
        {"column": 2, "width": 1, "text": "c", "fg": "#0102ff", "underline": "curly"},
        {"column": 3, "width": 2, "text": " d"},
    ]
    assert screen["cursor"] == {"row": 0, "column": 5, "visible": True, "style": 0}
    assert (screen["columns"], screen["rows"], screen["title"], screen["alternate"]) == (20, 2, "", False)


def test_wide_characters_take_two_columns() -> None:
    run = seen("日本x")["cells"][0][0]
    assert (run["text"], run["width"]) == ("日本x", 5)


def test_rows_with_colours_leave_no_pen_behind() -> None:
    emulator = Emulator(10, 2)
    emulator.feed(b"\x1b[31mred\r\nmore")
    assert screen_ansi(emulator) == "\x1b[0;31mred\x1b[m\n\x1b[0;31mmore\x1b[m"


def test_letters_stand_where_their_cells_are() -> None:
    picture = pictures.svg(seen("ab 日c"))
    places = [
        (each.get("x"), each.get("textLength"), each.text)
        for each in ElementTree.fromstring(picture).iter("{http://www.w3.org/2000/svg}text")
    ]
    assert places == [("0", "27", "ab "), ("36", None, "日"), ("45", "9", "c")]


def test_colours_are_the_programs_where_it_set_them() -> None:
    screen = seen("\x1b]4;1;rgb:12/34/56\x07\x1b]11;#abcdef\x07\x1b[31mx\x1b[38;5;196my\x1b[38;5;240mz")
    picture = pictures.svg(screen)
    for colour in ("#123456", "#abcdef", "#ff0000", "#585858"):
        assert f'"{colour}"' in picture


def test_reverse_exchanges_the_colours() -> None:
    picture = pictures.svg(seen("\x1b[7mx"))
    assert f'fill="{pictures._FOREGROUND}" shape-rendering' in picture
    assert f'color="{pictures._BACKGROUND}"' in picture


def test_concealed_text_is_not_in_the_picture() -> None:
    assert texts(pictures.svg(seen("a\x1b[8msecret"))) == ["a"]
    assert "secret" not in pictures.html(seen("a\x1b[8msecret"))


@pytest.mark.parametrize(
    ("address", "links"), [("https://a.b/?x=1&y", True), ("javascript:alert(1)", False), ("file:///x", False)]
)
def test_only_addresses_of_the_web_become_links(address: str, links: bool) -> None:
    screen = seen(f"\x1b]8;;{address}\x1b\\here\x1b]8;;\x1b\\")
    assert ("<a href=" in pictures.svg(screen)) == ("<a href=" in pictures.html(screen)) == links


def test_nothing_that_a_program_prints_or_sets_is_markup() -> None:
    screen = seen('\x1b]2;</title><script>1</script>\x07\x1b]4;1;red"/><x\x07<b>&"\'\x1b[31m<script>')
    picture, page = pictures.svg(screen), pictures.html(screen)
    assert "<script" not in picture + page
    assert texts(picture) == ["<b>&\"'", "<script>"]


@given(st.text(st.characters(codec="utf-8"), max_size=60), st.lists(st.integers(0, 110), max_size=4))
def test_every_screen_gives_a_well_formed_picture(text: str, numbers: list[int]) -> None:
    screen = seen(f"\x1b[{';'.join(map(str, numbers))}m{text}")
    ElementTree.fromstring(pictures.svg(screen))
    page = pictures.html(screen)
    assert page.count("<span") == page.count("</span>")


def test_nothing_comes_from_elsewhere() -> None:
    page = pictures.html(seen("x"))
    assert not re.search(r"<script|<link|@import|url\(|src=", page)


@pytest.mark.parametrize("code", range(0x2500, 0x25A0))
def test_every_box_and_block_has_a_shape_within_its_cell(code: int) -> None:
    found = ElementTree.fromstring(f"<g>{shape(chr(code))}</g>")
    assert len(found) > 0
    for path in found:
        numbers = [float(number) for number in re.findall(r"-?[\d.]+", str(path.get("d")))]
        assert all(-0.01 <= number <= 18.01 for number in numbers)


def test_a_letter_has_no_shape() -> None:
    assert shape("a") == shape("") == shape("─━") == ""
