"""A scrollback that is packed while a session rests reads as before."""

from __future__ import annotations

import pytest

from sesh.vt.emulator import Emulator

LINE = b"line %d of what was printed before, seventy columns of it, give or take\r\n"


@pytest.mark.parametrize("coloured", [False, True])
def test_a_packed_scrollback_shows_the_same_lines(coloured: bool) -> None:
    """Lines of a flood are kept as raw bytes, other lines one by one."""
    plain, small = Emulator(80, 24), Emulator(80, 24)
    colour = b"\x1b[31m" if coloured else b""
    for number in range(0, 5_600, 7 if coloured else 700):
        for each in (plain, small):
            each.feed(b"".join(colour + LINE % (number + at) for at in range(7 if coloured else 700)))
        if number % 1400 == 0:
            list(small.screen.scrollback.pack())
    list(small.screen.scrollback.pack())
    for count in (1, 3, 500, 10_000):
        assert small.screen.scrollback.last(count) == plain.screen.scrollback.last(count)
    assert small.screen.scrollback.count == plain.screen.scrollback.count
    for each in (plain, small):
        each.resize(80, 30)
        each.feed(LINE * 1000)
    assert small.last_lines(12_000) == plain.last_lines(12_000)
    assert small.text() == plain.text()
