"""`daemons`: real daemons that are asked over the wire."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.daemons import Daemons
from tests.support import Home


@pytest.fixture
def daemons(home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemons]:
    """Daemons of this test alone; killed at its end."""
    monkeypatch.setenv("SESH_DIR", home.directory)
    own = Daemons(home)
    yield own
    own.close()
