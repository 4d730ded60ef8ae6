"""What sesh sends to a terminal of another size."""

from __future__ import annotations

from sesh.vt.emulator import Emulator
from sesh.vt.render.viewport import Viewport
from tests.unit.vt.streams import fed


def shown(view: Viewport, client: Emulator, emulator: Emulator) -> list[str]:
    client.feed(view.update(emulator))
    assert client.last_error is None
    return client.text()


def test_the_view_is_back_at_the_first_column_as_soon_as_the_cursor_fits_there() -> None:
    """The view stayed shifted to the right until somebody cleared the screen."""
    emulator = fed("$ a long line, kept", rows=6)
    view, client = Viewport(10, 6), Emulator(10, 6)
    assert shown(view, client, emulator)[0] == "ine, kept"
    emulator.feed(b"\r\n40 120\r\n$ ls")
    assert shown(view, client, emulator)[:3] == ["$ a long l", "40 120", "$ ls"]
    emulator.feed(b" -l /srv")
    assert shown(view, client, emulator)[2].endswith(" /srv")


def test_the_view_goes_back_up_when_no_text_is_left_below_it() -> None:
    """After vim in a larger terminal, a smaller one showed the prompt above blank rows."""
    emulator = fed("one\r\ntwo\r\n$ ", rows=6)
    view, client = Viewport(20, 4), Emulator(20, 4)
    assert shown(view, client, emulator) == ["one", "two", "$", ""]
    emulator.feed(b"\x1b[?1049h\x1b[H" + b"\r\n".join([b"~"] * 5) + b"\r\n:q")
    assert (shown(view, client, emulator), client.alternate) == (["~", "~", "~", ":q"], True)
    emulator.feed(b"\x1b[?1049l")
    assert (shown(view, client, emulator), client.alternate) == (["one", "two", "$", ""], False)
    emulator.feed(b"\r\n3\r\n4\r\n5\x1b[3;1H")
    assert shown(view, client, emulator) == ["one", "two", "$", "3"]
    emulator.feed(b"\x1b[6;2H")
    assert shown(view, client, emulator) == ["$", "3", "4", "5"]
    emulator.feed(b"\x1b[5;1H\x1b[J")
    assert shown(view, client, emulator) == ["two", "$", "3", ""], "as much as fits, with the cursor"


def test_only_rows_that_changed_are_sent() -> None:
    emulator = fed("one\r\ntwo\r\nthree", rows=6)
    view = Viewport(10, 6)
    view.update(emulator)
    assert view.update(emulator) == b""
    emulator.feed(b"!")
    assert view.update(emulator).startswith(b"\x1b[3;1Hthree!")
    assert b"one" not in view.update(emulator)


def test_a_terminal_that_shows_this_session_already_is_drawn_over_and_not_scrolled_away() -> None:
    """The terminal shows the session already when its size stops fitting."""
    emulator = Emulator(20, 4)
    emulator.feed(b"one\r\ntwo")
    over = Viewport(10, 3, clear=False).update(emulator)
    assert b"\n" not in over
    assert over.count(b"\x1b[K") == 3
    assert Viewport(10, 3).update(emulator).count(b"\n") == 2


def test_the_mouse_stays_the_terminals_whose_cells_are_not_the_programs() -> None:
    """A click went to another line than the one under the pointer."""
    emulator = fed("\x1b[?1000h\x1b[?1006h\x1b[?2004h", rows=6)
    client = Emulator(10, 3)
    shown(Viewport(10, 3), client, emulator)
    assert (client.mode(1000), client.mode(2004)) == (False, True)
