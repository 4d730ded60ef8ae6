"""Images move the cursor as on a terminal, and no replay has part of one."""

from __future__ import annotations

import base64

import pytest

from sesh.vt.render.replay import replay
from tests.unit.vt.streams import fed

BANDS = "~~-~~-~~-~~-~~-~~-~~"  # 42 pixels
ANY = base64.b64encode(bytes(300)).decode()


def sixel(body: str) -> str:
    return f"\x1bPq{body}\x1b\\"


def kitty(control: str, payload: str = ANY) -> str:
    return f"\x1b_G{control};{payload}\x1b\\"


@pytest.mark.parametrize(
    ("body", "rows"),
    [
        (BANDS, 3),
        ('"1;1;30;45' + "~", 3),
        ("?-?-@-", 1),
        ("#0;2;90;90;90!30~$#1!30?-!30~-!30~-!30~", 2),
        ('"1;1;9;40', 2),
        ("", 1),
    ],
)
def test_after_sixel_the_cursor_is_in_the_last_row_and_the_column_of_the_image(body: str, rows: int) -> None:
    assert fed("\x1b[2;4H" + sixel(body)).cursor == (rows, 3)


def test_an_image_at_the_bottom_scrolls_and_is_restored_as_blank_rows() -> None:
    emulator = fed("one\r\ntwo\r\n" + sixel('"1;1;30;70~') + "\r\nafter", rows=4)
    assert emulator.text() == ["", "", "", "after"]
    assert emulator.last_lines(9) == ["one", "two", "", "", "", "", "after"]
    copy = fed(replay(emulator), rows=4)
    assert copy.text() == emulator.text()
    assert copy.cursor == emulator.cursor


@pytest.mark.parametrize(
    ("control", "cursor"),
    [
        ("a=T,c=4,r=2", (2, 7)),
        ("a=T,f=24,s=45,v=61,c=4,r=2", (2, 7)),
        ("a=T,c=4,r=2,C=1", (1, 3)),
        ("a=T,f=24,s=45,v=61", (1, 3)),
        ("a=T,c=4,r=2,m=0", (2, 7)),
        ("a=t,c=4,r=2", (1, 3)),
        ("a=d", (1, 3)),
        ("a=T,c=,r=99999999999", (1, 3)),
    ],
)
def test_after_graphics_of_kitty_the_cursor_is_right_of_the_last_row(control: str, cursor: tuple[int, int]) -> None:
    assert fed("\x1b[2;4H" + kitty(control)).cursor == cursor


def test_an_image_of_kitty_in_pieces_moves_the_cursor_once() -> None:
    pieces = [kitty(control) for control in ("a=T,c=4,r=2,m=1", "m=1", "m=0")]
    assert fed("\x1b[2;4H" + "".join(pieces)).cursor == (2, 7)


@pytest.mark.parametrize(
    "start",
    [
        '\x1bP0;1q"1;1;9;90#0~~',
        "\x1b_Ga=T,f=100;AAAA",
        "\x1b]1337;File=inline=1:AAAA",
        sixel(BANDS)[:-2] + "~" * 100_000,
    ],
)
def test_a_replay_in_the_midst_of_an_image_has_nothing_of_it(start: str) -> None:
    emulator = fed("text\x1b[m" + start)
    assert emulator.in_image
    assert replay(emulator) == replay(fed("text\x1b[m"))


def test_an_image_of_any_size_costs_no_more_than_a_thousand_rows() -> None:
    assert fed(sixel('"1;1;9;65535~')).scrolled < 1000
    assert fed(kitty("a=T,c=99999,r=99999")).scrolled < 1000
