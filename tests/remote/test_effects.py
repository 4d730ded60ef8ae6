"""What a program on a host does beside drawing reaches the terminal, also while a line of sesh's own shows."""

from __future__ import annotations

import pytest

from sesh.client import view
from tests.remote.via import Beside
from tests.support import Home
from tests.terminal.test_effects import ALL, SOME, came, program


@pytest.mark.needs_fork("a line that does not go by itself")
@pytest.mark.parametrize("effect", SOME)
def test_over_a_link_while_the_line_of_a_new_session_shows(
    home: Home, beside: Beside, monkeypatch: pytest.MonkeyPatch, effect: str
) -> None:
    monkeypatch.setattr(view, "NOTICE_TIME", 600.0)
    beside("box")
    terminal = home.terminal("@box", "x", "--", "sh", "-c", program(ALL[effect]))
    terminal.wait_for_raw(b"new session x")
    start = len(terminal.raw)
    assert home.sesh("@box", "send", "x", "g").code == 0
    came(terminal, start, ALL[effect])
