"""`xterm`: the judging emulator, started once in a run; `references`: each set-up in its plain shell, played once."""

from __future__ import annotations

import pytest

from tests.fidelity.xterm import Xterm, xterm
from tests.shells.table import References

__all__ = ["references", "xterm"]


@pytest.fixture(scope="session")
def references(xterm: Xterm) -> References:
    return References(xterm)
