"""The last row, and all that drawing over it changes, comes back as it was."""

from __future__ import annotations

import random
from unittest.mock import Mock

from hypothesis import given
from hypothesis import strategies as st

from sesh.client.display import Display
from sesh.client.terminal_reset import TerminalReset
from sesh.vt.render.last_row import coverable, last_row
from tests.unit.vt.streams import essence, fed, piece

SIZES = ((20, 5), (10, 4), (7, 3), (2, 2), (5, 1), (1, 1))
STREAMS = st.lists(st.integers(0, 2**32).map(lambda seed: piece(random.Random(seed))), max_size=60).map(b"".join)


def line(columns: int, rows: int) -> bytes:
    """The bytes that draw a line of sesh's own."""
    terminal = Mock()
    terminal.write.side_effect = len
    terminal.grid.return_value = columns, rows
    Display(terminal).draw_over_last_row("a line of sesh")
    written: bytes = b"".join(call.args[0] for call in terminal.write.call_args_list)
    return written


@given(STREAMS | st.binary(max_size=80), STREAMS, st.sampled_from(SIZES))
def test_the_terminal_goes_on_as_if_no_line_had_covered_it(data: bytes, more: bytes, size: tuple[int, int]) -> None:
    emulator, undo = fed(data, *size), TerminalReset()
    undo.feed(data)
    partial = undo.held  # the client holds it back
    if not coverable(emulator) or not emulator.unfinished.endswith(partial):
        return
    terminal = fed(data[: len(data) - len(partial)], *size)
    terminal.feed(line(*size))
    terminal.feed(last_row(emulator))
    terminal.feed(partial)
    assert essence(terminal) == essence(emulator)
    emulator.feed(more)
    terminal.feed(more)
    assert essence(terminal) == essence(emulator)
    assert terminal.scrolled == emulator.scrolled
