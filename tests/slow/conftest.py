"""`beside`: a host of a home; `xterm`: the judging emulator, started once in a run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fidelity.xterm import xterm
from tests.remote.via import Beside
from tests.support import Home

__all__ = ["beside", "xterm"]


@pytest.fixture
def beside(home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[Beside]:
    """`beside("box")` is a host that `sesh @box` reaches from this test's home without ssh."""
    own = Beside(home, monkeypatch)
    yield own
    own.close()
