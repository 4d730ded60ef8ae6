"""What happens to an attached client while its link is away: descriptors run out, the window changes."""

from __future__ import annotations

import resource

import pytest

from tests.remote.farm import Farm
from tests.remote.test_cuts import attached, hasty, shows
from tests.support import PROMPT, Home

_FEW = 6
"""Descriptors: fewer than a client has open, and as many as it polls."""


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="the limit of another process")
@pytest.mark.parametrize("way", ["cut", "silence"])
def test_without_a_descriptor_left_the_client_stays_and_comes_back(home: Home, farm: Farm, way: str) -> None:
    """It ended: it could not load the emulator that tells the row under the notice."""
    hasty(home)
    far = farm.host("box", proxied=True)
    terminal = attached(home, "@box", "work")
    limits = resource.prlimit(terminal.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(terminal.pid, resource.RLIMIT_NOFILE, (_FEW, limits[1]))
    if way == "cut":
        far.proxy.refuse()
        far.proxy.cut()
    else:
        far.proxy.silence()
    terminal.wait_for("Too many open files here")
    terminal.type("typed")
    resource.prlimit(terminal.pid, resource.RLIMIT_NOFILE, limits)
    far.proxy.restore()
    shows(terminal, f"{PROMPT} typed")
    assert not any("files" in row for row in terminal.screen())
