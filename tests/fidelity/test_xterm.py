"""An emulator that is not ours shows the same after a replay as after the bytes themselves.

Random streams use what both implement; what they do not is named in LACKS and OTHERWISE and left out.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from typing import Any

import pytest

from sesh.daemon.emulator import Emulator
from sesh.daemon.replay import replay
from tests.fidelity.xterm import Xterm, lines, place
from tests.unit.streams import piece

#: What @xterm/headless 6 does not have, by name.
LACKS = {
    "left and right margins": r"\?69[hl]|\x1b\[[\d;]*s",
    "columns inserted and deleted": r"\x1b\[[\d;]*'[}~]|\x1b[69]",
    "single shifts": r"\x1b[NO]",
    "a string that ESC k begins": r"\x1bk",
    "emoji beyond the BMP as wide (its grapheme addon 0.4 makes them narrow)": r"[\U0001f000-\U0001ffff]",
    "modes 5, 12, 66, 9 and kitty's queries": r"\?(?:12|66|9)[hl]|\x1b\[\?u",
}
#: What it does otherwise than xterm, kitty and we, by name.
OTHERWISE = {
    "C1 controls act in UTF-8": r"[\x80-\x9f]",
    "broken UTF-8 is dropped without a sign": "\ufffd",
    "a mark that joins nothing takes a cell": "[\u0300-\u036f\u0600-\u07ff\u0900-\u097f\u200b-\u200f\ufe0e\ufe0f]",
    "the soft hyphen and selectors beyond the BMP have other widths": "[\u00ad\U000e0100-\U000e01ef]",
    "a sequence broken by other characters swallows them": r"\x1b\[[\d;]*[^\x00-\x7f]",
    "38;5;999 is a colour": "999|\x1b\\[38m",
    "DECSTR also puts bracketed paste and focus off": r"!p",
    "DECALN writes with the pen": r"#8",
    "SU keeps lines out of the scrollback": r"\x1b\[[\d;]*S",
    "SD fills without the background": r"\x1b\[[\d;]*[T^]",
    "REP counts in other ways": r"\x1b\[[\d;]*b",
    "DECRC leaves the origin mode": r"\?6[hl]",
    "RIS clears the scrollback and keeps LNM": r"\x1bc|\x1b\[20h",
    "a saved cursor moves with the lines that scroll": r"\x1b\[[\d;]*u|\x1b[78]|\?104[89]l",
    "CBT does nothing where the cursor waits to wrap": r"\x1b\[[\d;]*Z",
    "leaving UTF-8 resets the charsets": r"\x1b%@",
    "sets of 96 characters act like those of 94": r"\x1b-",
    "ED 1 on the last row ends it with an error": r"\x1b\[0*1[;\d]*J",
    "?3J and modes 47, 1047 are told apart": r"\x1b\[3J|\?(?:47|1047|1048)[hl]",
    "one encoding of the mouse is not known": r"\?(?:1005|1015|1007|45|3|40)[hl]",
}
LEFT_OUT = re.compile("|".join([*LACKS.values(), *OTHERWISE.values()]))
#: What is unfinished would swallow the element that comes next: it goes last.
UNFINISHED = re.compile(r"\x1b\[?\d*$|\x1b\]0;un$|\x1bP1$|\x1b\($")


def stream(rng: random.Random, length: int) -> bytes:
    """Elements of the grammar that both emulators know."""
    out: list[bytes] = []
    while len(out) < length:
        item = piece(rng)
        text = item.decode(errors="replace")
        if not LEFT_OUT.search(text) and not UNFINISHED.search(text):
            out.append(item)
    data = b"".join(out)
    if b"?1049h" in data:
        # Margins are the terminal's in xterm and kitty, each screen's in xterm.js.
        data = re.sub(rb"\x1b\[[0-9;]*r", b"", data)
    return data


def _forget_pens_of_blanks(cells: list[list[str]]) -> None:
    """A cell that a wide character left over at the end of a row has its whole pen there, its background here."""
    for cell in cells:
        if cell[0] == " ":
            cell[1:] = ["000000000", "0,-1," + ",".join(cell[2].split(",")[2:])]


def seen(held: dict[str, Any], data: bytes, blank: int = 0) -> dict[str, Any]:
    """What of the oracle's answer is compared."""
    alternate = held["alternate"]
    for buffer in (held["normal"], alternate or {}):
        for row in [*buffer.get("scrollback", []), *buffer.get("screen", [])]:
            _forget_pens_of_blanks(row["cells"])
    out = {
        "screen": [row["cells"] for row in held["normal"]["screen"]],
        "alternate": alternate and [row["cells"] for row in alternate["screen"]],
        "cursor": held["cursor"],
        "modes": held["modes"],
    }
    if not re.search(rb"\x1b\[[0-9;]*[LM]|\x1bM", data):
        # Rows moved within the screen stay joined to what is now above them, there and only there.
        out["lines"] = lines(held, blank)
    return out


@pytest.fixture(scope="module")
def xterm() -> Iterator[Xterm]:
    directory = place()
    if directory is None:
        pytest.skip("no @xterm/headless: `npm ci` in tests/fidelity, or XTERM_HEADLESS=DIR")
    oracle = Xterm(directory)
    yield oracle
    oracle.close()


@pytest.mark.parametrize("batch", range(10))
def test_random_streams_come_back_the_same(xterm: Xterm, batch: int) -> None:
    for seed in range(batch * 100, batch * 100 + 100):
        rng = random.Random(seed)
        columns, rows = rng.choice(((20, 5), (10, 4), (7, 3), (30, 6)))
        data = stream(rng, rng.choice((10, 30, 60)))
        emulator = Emulator(columns, rows)
        emulator.feed(data)
        restored = xterm.hold(replay(emulator, lines=10**9), columns, rows)
        expected = seen(xterm.hold(data, columns, rows), data)
        assert seen(restored, data, rows) == expected, (seed, columns, rows, data)
