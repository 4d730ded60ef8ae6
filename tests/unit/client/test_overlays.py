"""Lines of sesh's own over the program's output."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from sesh import protocol
from sesh.client.overlays import Overlays
from sesh.loop.timers import Timers


@pytest.mark.parametrize(
    ("term", "shown", "lines"), [("xterm", False, 8), ("xterm", True, 0), ("xterm-kitty", False, 0)]
)
def test_a_flood_of_tellings_asks_for_a_bounded_number_of_lines(
    term: str, shown: bool, lines: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each asks the daemon to send nothing below its line: a hostile one could have them pile up."""
    monkeypatch.setenv("TERM", term)
    for name in ("TMUX", "KITTY_WINDOW_ID", "TERM_PROGRAM", "VTE_VERSION"):
        monkeypatch.delenv(name, raising=False)
    sent: list[bytes] = []
    told: list[bytes] = []
    channel = SimpleNamespace(send=sent.append)
    overlays = Overlays(SimpleNamespace(tell=told.append), channel, Timers(), None)  # type: ignore[arg-type]
    for _ in range(1000):
        overlays.tell("job waits: " + "x" * 4000, shown=shown)
    assert len(told) == 1000
    assert len(sent) == lines
    assert all(frame[0] == protocol.NOTICE and len(frame) < 300 for frame in sent)
