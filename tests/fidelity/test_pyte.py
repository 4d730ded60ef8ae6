"""pyte's own tests of its Screen, run against ours.

They come with pyte's source, which `packages.sh` gets. `DIFFERENT` names those that fail, each with the reason.
"""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path

import pyte
import pytest

from sesh.vt.screen import Screen
from sesh.vt.scrollback import Scrollback
from tests.support import ROOT

TESTS = Path(ROOT, ".venv", "pyte-source", "tests", "test_screen.py")
DIFFERENT = {
    "test_resize": "rows that no longer fit go off the top only as far as the cursor allows, and lines wrap (xterm.js)",
    "test_resize_same": "dirty rows are not followed: all are",
    "test_set_mode": "DECSCNM turns the whole screen over when it is shown, and no cell; DECCOLM is not obeyed",
    "test_draw_width2_line_end": "a wide character that does not fit wraps whole (xterm)",
    "test_draw_width0_decawm_off": "without DECAWM a wide character that does not fit is not drawn (xterm)",
    "test_draw_cp437": "output is UTF-8 whatever a program designates",
    "test_save_cursor": "there is one saved cursor for each screen, and DECAWM is not saved (xterm)",
    "test_restore_cursor_out_of_bounds": "RIS forgets the saved cursor (xterm)",
    "test_erase_in_display": "ED 3 erases the scrollback alone (xterm)",
    "test_cursor_position": "in origin mode a row beyond the margins is the last one within (xterm)",
}


class Ours(Screen):
    """Our screen with the constructor of pyte's."""

    def __init__(self, columns: int, lines: int) -> None:
        super().__init__(columns, lines, Scrollback())


def fails(test: Callable[[], object]) -> bool:
    try:
        test()
    except Exception:
        return True
    return False


@pytest.mark.skipif(not TESTS.exists(), reason="missing: the source of pyte (`make fidelity` gets it)")
def test_pytes_own_tests_hold_but_for_those_in_which_xterm_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pyte, "Screen", Ours)
    monkeypatch.setattr(pyte.screens, "Screen", Ours)
    found = {name: test for name, test in runpy.run_path(str(TESTS)).items() if name.startswith("test_")}
    tests = {name: test for name, test in found.items() if not hasattr(test, "pytestmark")}  # pyte fails one of its own
    assert len(tests) > 60
    assert {name for name, test in tests.items() if fails(test)} == DIFFERENT.keys()
