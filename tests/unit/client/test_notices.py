"""Lines of the daemon's own are bounded, wherever they go."""

from __future__ import annotations

from types import SimpleNamespace

from sesh.client.notices import Notices


def test_a_daemon_that_says_much_prints_twenty_lines_and_leaves_twenty() -> None:
    printed: list[str] = []
    display = SimpleNamespace(started=False, line=printed.append)
    notices = Notices()
    for number in range(100):
        notices.take(str(number), display)  # type: ignore[arg-type]  # what of it is called
    assert printed == [str(number) for number in range(20)]
    assert notices.closing == [str(number) for number in range(80, 100)]
