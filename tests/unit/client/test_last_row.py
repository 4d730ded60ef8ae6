"""The last row, told from the end of a stream: where it counts as known, it is what the whole stream shows."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sesh.client.display import unfinished_character
from sesh.client.last_row import TIME, Known, last_row
from sesh.client.ledger import Ledger
from sesh.client.own_row import own_row
from sesh.vt.emulator import Emulator
from tests.unit.vt.streams import state, stream

COLUMNS, ROWS = 20, 5
LINES = [b"line %d\r\n" % number for number in range(40)]
LINES_OF = (
    b"plain\r\n",
    b"\x1b[32mgreen\x1b[m and \x1b[1mbold\x1b[0m\r\n",
    b"working\rdone\x1b[K\r\n",
    b"a\tb\r\n",
    b"x" * COLUMNS + b"\r\n",
    "世界\r\n".encode(),
)


def known(*parts: bytes) -> str | None:
    """The last row's text after a stream, by its last part; None where it is not known."""
    ledger = Ledger()
    for part in parts:
        ledger.feed(part)
    whole = not b"".join(parts[:-1])
    of_terminal = Known(whole, ledger.draws_plainly, ledger.margins, ledger.default_pen)
    found = last_row(parts[-1], COLUMNS, ROWS, of_terminal)
    if found is None:
        return None
    terminal = Emulator(COLUMNS, ROWS)
    terminal.feed(b"".join(parts))
    before = shown(terminal)
    terminal.feed(own_row("lost the link", COLUMNS) + found.restored)
    assert shown(terminal) == before
    assert terminal.cursor == found.cursor
    return terminal.text()[-1]


def shown(terminal: Emulator) -> dict[str, object]:
    """All that a line over the last row may change."""
    names = ("rows", "cursor", "pen", "charsets", "saved", "modes", "margin_wrap", "lines held", "origin")
    return {name: state(terminal)[name] for name in names}


@pytest.mark.parametrize("line", LINES_OF, ids=repr)
def test_a_flood_of_lines_tells_it(line: bytes) -> None:
    assert known(b"\x1b[3;3Hbefore", line * 9 + line[:-2]) is not None
    assert known(b"\x1b[3;3Hbefore", line * 9) == ""


def test_what_the_alternate_screen_showed_is_not_taken_for_the_main_one() -> None:
    painted = b"\n\x1b[2J" + b"".join(b"\x1b[%d;1Hpainted" % row for row in range(1, ROWS + 1))
    assert known(b"before\x1b[?1049h", painted + b"\x1b[?1049l") is None
    assert known(b"before\x1b[?1049h\x1b[32m", painted + b"\x1b[?1049l" + b"".join(LINES) + b"end") == "end"


def test_it_takes_no_longer_than_it_is_worth() -> None:
    began = time.thread_time()
    assert last_row(b"\x1b[1;1;24;80${" * 9_000, 80, 24, Known(True, True, False, True)) is None
    assert time.thread_time() - began < 2 * TIME


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 6000))
def test_where_it_is_known_it_comes_back_as_it_was(seed: int) -> None:
    rng = random.Random(seed)
    before, end = stream(rng, rng.randint(0, 30)), stream(rng, rng.randint(0, 8))
    tail = b"".join(rng.choice(LINES_OF) * 4 for _ in range(rng.choice((0, 1, 3, 5)))) + end
    ledger = Ledger()
    ledger.feed(before)
    ledger.feed(tail)
    tail = tail[: len(tail) - (ledger.unfinished or unfinished_character(tail[-4:]))]
    # The ledger leaves clusters to the program; marks (OSC 133) do not show.
    if b"?2027" not in before + tail and b"133;" not in tail:
        known(before, tail)
