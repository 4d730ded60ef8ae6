"""An attached client while its link is lost: descriptors run out, the window changes."""

from __future__ import annotations

import errno
import re
import resource

import pytest

from sesh.link import health
from sesh.link.keeper import LinkKeeper
from tests.remote.farm import Farm
from tests.remote.pace import hasty
from tests.remote.storm import Storm
from tests.remote.test_cuts import attached, shows
from tests.remote.via import Beside
from tests.support import PROMPT, Home

_FEW = 8
"""Descriptors: fewer than a client has open, but as many as it polls, because poll(2) takes no more than the limit."""


@pytest.mark.soak
@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="the limit of another process")
def test_without_a_descriptor_left_the_client_stays_and_comes_back(home: Home, beside: Beside) -> None:
    """The client ended, because it could not load the emulator of the notice's row."""
    far = beside("box")
    terminal = attached(home, "@box", "work")
    limits = resource.prlimit(terminal.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(terminal.pid, resource.RLIMIT_NOFILE, (_FEW, limits[1]))
    far.strand()
    terminal.wait_for("Too many open files here")
    terminal.type("typed")
    resource.prlimit(terminal.pid, resource.RLIMIT_NOFILE, limits)
    shows(terminal, f"{PROMPT} typed")
    assert not any("files" in row for row in terminal.screen())


@pytest.mark.needs_fork("a client that cannot start a thread for its link")
def test_a_client_that_can_open_nothing_says_so(home: Home, beside: Beside, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client said that it was detached, and exited with 0."""

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(LinkKeeper, "run", full)
    beside("box")
    terminal = home.terminal("@box", "work")
    terminal.wait_for("Too many open files")
    assert terminal.exit_code() == 1


ROWS = b"".join(b"row-%d-\r\n" % number for number in range(150))


@pytest.mark.soak
@pytest.mark.needs_fork("silence that loses no link")
def test_a_row_that_cannot_be_told_is_in_the_scrollback_once(
    home: Home, beside: Beside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row under the notice stayed blank after much output during the loss."""
    hasty(monkeypatch)
    monkeypatch.setattr(health, "LOST_AFTER", 60.0)  # else the rest always comes over another link
    far = beside("box")
    storm = Storm(home, far, ROWS, 1)
    for first, last, cut in ((30, 80, False), (90, 140, True)):
        storm.shows(ROWS.index(b"row-%d-" % first) + 4)
        far.fall_silent()
        storm.told()
        storm.allow(ROWS.index(b"row-%d-" % last))
        storm.printed(ROWS.index(b"row-%d-" % last))
        if cut:
            far.cut()
        far.end_silence()
    storm.judge()


@pytest.mark.soak
@pytest.mark.parametrize(
    ("shown", "missed"),
    [(50, 60), *(pytest.param(shown, missed, marks=pytest.mark.soak) for shown, missed in ((50, 0), (3, 60)))],
)
def test_a_window_that_became_lower_has_each_row_once(home: Home, farm: Farm, shown: int, missed: int) -> None:
    """Rows that the lower window had scrolled off came twice."""
    far = farm.host("box", proxied=True)
    storm = Storm(home, far, ROWS, 1)
    terminal, last = storm.terminal, shown + missed + 1
    storm.allow(ROWS.index(b"row-%d-" % shown))
    terminal.wait_for(f"row-{shown - 1}-")
    far.proxy.refuse()
    far.proxy.cut()
    storm.told()
    storm.allow(ROWS.index(b"row-%d-" % (shown + missed)))
    storm.printed(ROWS.index(b"row-%d-" % (shown + missed)))
    terminal.resize(80, 15)
    attempts = len(farm.connections())
    terminal.wait_until(
        lambda: len(farm.connections()) > attempts + 1, "an attempt that tells the new size", timeout=20
    )
    far.proxy.restore()
    storm.allow(ROWS.index(b"row-%d-" % (last + 1)))
    terminal.wait_for(f"row-{last}-")
    terminal.wait_until(lambda: not any("link" in row for row in terminal.screen()), "no notice stands")
    assert [int(number) for number in re.findall(r"row-(\d+)-", terminal.text())] == [*range(last + 1)]
