"""VTE shows and answers the same after a restore as after the bytes themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from sesh.vt.render.replay import replay
from tests.fidelity import test_programs as recorded
from tests.fidelity.features import COLUMNS, FEATURES, ROWS
from tests.fidelity.vte import Vte
from tests.support import rounds
from tests.unit.vt.streams import fed

#: What VTE 0.70 lacks, or does differently than xterm and kitty: @xterm/headless or our own emulator judges these.
EXPLAINED = {
    **dict.fromkeys(
        ("a ZWJ family", "a skin tone", "an emoji selector", "a text selector", "a keycap"),
        "it joins no graphemes and gives each character its own width",
    ),
    "DECIC and DECDC": "it has neither",
    "G2 and G3 locked": "it has no G2 and G3",
    "P11 more sequences": "it has no HPR and VPR",
    "P16 C1 in UTF-8": "C1 controls act in UTF-8 there",
    "P20 erased cells": "its ED draws the rows below that were never written with another background than it says",
}
#: Cuts of recorded streams (the stream, and the end) whose pictures differ for one of these reasons.
CUTS = {("dialog", 159): EXPLAINED["P20 erased cells"]}


def differing(vte: Vte, path: Path, end: int) -> list[str]:
    """Return the differences in VTE after the restore of a stream cut at `end`."""
    data = path.read_bytes()[:end]
    restored = replay(fed(data, recorded.COLUMNS, recorded.ROWS), lines=10**9)
    parts = vte.differing(recorded.COLUMNS, recorded.ROWS, data, restored)
    return parts if (path.stem, end) not in CUTS else [part for part in parts if part != "picture"]


@pytest.mark.soak
@pytest.mark.parametrize("batch", range(4))
def test_features_come_back(vte: Vte, batch: int) -> None:
    for name in [name for name in FEATURES if name not in EXPLAINED][batch::4]:
        feature = FEATURES[name]
        for more in (feature.more.encode(), b"")[: rounds(1, 2)]:
            parts = vte.differing(COLUMNS, ROWS, feature.written + more, feature.restored() + more)
            assert not parts, (name, more)


@pytest.mark.soak
@pytest.mark.parametrize("path", recorded.STREAMS, ids=lambda path: path.stem)
def test_programs_come_back(vte: Vte, path: Path) -> None:
    for end in recorded.cuts(path.read_bytes(), rounds(2, 12)):
        assert not differing(vte, path, end), end


@pytest.mark.soak
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a", "b"), ("a", "\x1b[1ma"), ("a", "\x1b[2ma"), ("a", "\x1b[3ma"), ("a", "\x1b[4ma"), ("a", "\x1b[7ma"),
        ("a", "\x1b[8ma"), ("a", "\x1b[9ma"), ("a", "\x1b[53ma"), ("\x1b[4ma", "\x1b[4:3ma"),
        ("\x1b[4ma", "\x1b[4;58;5;9ma"), ("\x1b[38;2;1;2;3ma", "\x1b[38;2;1;2;4ma"), ("\x1b[41m ", " "),
        ("a", "a\b"), ("a", "a\x1b[?25l"), ("a", "a\x1b[3 q"), ("a", "a\x1b[?1h"), ("a", "a\x1b[2;3r\x1b[1;2H"),
        ("a", "a\x1b]4;1;#111111\x07"), ("a", "a\x1b]0;t\x07"), ("a\r\n" * 9, "a\r\n" * 8 + "b\r\n"),
        ("b" + "a\r\n" * 9, "c" + "a\r\n" * 9),
    ],
)  # fmt: skip
def test_the_judge_sees_what_a_restore_could_lose(vte: Vte, one: str, other: str) -> None:
    assert vte.differing(COLUMNS, ROWS, one.encode(), other.encode())
