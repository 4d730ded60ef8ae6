"""What a terminal of another size is sent."""

from __future__ import annotations

from sesh.vt.emulator import Emulator
from sesh.vt.render.viewport import Viewport


def fed(data: str, columns: int = 20, rows: int = 6) -> Emulator:
    emulator = Emulator(columns, rows)
    emulator.feed(data.encode())
    return emulator


def shown(view: Viewport, client: Emulator, emulator: Emulator) -> list[str]:
    client.feed(view.draw(emulator))
    assert client.errors == 0
    return client.text()


def test_a_smaller_terminal_sees_the_part_with_the_cursor() -> None:
    emulator = fed("\r\n".join("abcdefghijklmnopqrst"[row:] for row in range(6)))
    view, client = Viewport(8, 3), Emulator(8, 3)
    assert shown(view, client, emulator) == ["lmnopqrs", "mnopqrst", "nopqrst"]
    assert client.cursor == (2, 7)
    emulator.feed(b"\x1b[H")
    assert shown(view, client, emulator) == ["abcdefgh", "bcdefghi", "cdefghij"]
    assert client.cursor == (0, 0)


def test_the_view_is_back_at_the_first_column_as_soon_as_the_cursor_fits_there() -> None:
    """It stayed shifted: what the prompt and short rows said was left of it, until somebody cleared the screen."""
    emulator = fed("$ a long line, kept")
    view, client = Viewport(10, 6), Emulator(10, 6)
    assert shown(view, client, emulator)[0] == "ine, kept"
    emulator.feed(b"\r\n40 120\r\n$ ls")
    assert shown(view, client, emulator)[:3] == ["$ a long l", "40 120", "$ ls"]
    emulator.feed(b" -l /srv")
    assert shown(view, client, emulator)[2].endswith(" /srv")


def test_the_view_goes_back_up_when_no_text_is_left_below_it() -> None:
    """After vim, less or htop in a larger terminal a smaller one showed the prompt alone, and blank rows below it."""
    emulator = fed("one\r\ntwo\r\n$ ")
    view, client = Viewport(20, 4), Emulator(20, 4)
    assert shown(view, client, emulator) == ["one", "two", "$", ""]
    emulator.feed(b"\x1b[?1049h\x1b[H" + b"\r\n".join([b"~"] * 5) + b"\r\n:q")
    assert shown(view, client, emulator) == ["~", "~", "~", ":q"]
    emulator.feed(b"\x1b[?1049l")
    assert shown(view, client, emulator) == ["one", "two", "$", ""]
    emulator.feed(b"\r\n3\r\n4\r\n5\x1b[3;1H")
    assert shown(view, client, emulator) == ["one", "two", "$", "3"]
    emulator.feed(b"\x1b[6;2H")
    assert shown(view, client, emulator) == ["$", "3", "4", "5"]
    emulator.feed(b"\x1b[5;1H\x1b[J")
    assert shown(view, client, emulator) == ["two", "$", "3", ""], "as much as fits, with the cursor"


def test_only_rows_that_changed_are_sent() -> None:
    emulator = fed("one\r\ntwo\r\nthree")
    view = Viewport(10, 6)
    view.draw(emulator)
    assert view.draw(emulator) == b""
    emulator.feed(b"!")
    assert view.draw(emulator).startswith(b"\x1b[3;1Hthree!")
    assert b"one" not in view.draw(emulator)


def test_modes_of_input_and_the_cursor_follow() -> None:
    emulator = fed("\x1b[?1h\x1b=\x1b[?1003h\x1b[?1006h\x1b[?2004h\x1b[?1004h\x1b[>5u\x1b[>4;2m\x1b[?25l")
    view, client = Viewport(9, 9), Emulator(9, 9)
    client.feed(view.draw(emulator))
    assert all(client.mode(mode) for mode in (1, 1003, 1006, 2004, 1004))
    assert client.screen.keypad
    assert client.screen.kitty_flags == 5
    assert client.screen.key_resources == {4: 2}
    assert client.screen.cursor.hidden
    emulator.feed(b"\x1bc")
    client.feed(view.draw(emulator))
    assert not any(client.mode(mode) for mode in (1, 1003, 1006, 2004, 1004))
    assert client.screen.kitty_flags == 0
    assert not client.screen.cursor.hidden


def test_a_terminal_that_shows_this_session_already_is_drawn_over_and_not_scrolled_away() -> None:
    """A client whose terminal stops fitting has the session on it already: scrolling that off would repeat it."""
    emulator = Emulator(20, 4)
    emulator.feed(b"one\r\ntwo")
    over = Viewport(10, 3, clear=False).draw(emulator)
    assert b"\n" not in over
    assert over.count(b"\x1b[K") == 3
    assert Viewport(10, 3).draw(emulator).count(b"\n") == 2
