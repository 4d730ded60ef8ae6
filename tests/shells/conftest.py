"""`xterm`: the judging emulator, started once in a run; `references`: each set-up in its plain shell, played once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fidelity.xterm import Xterm, need
from tests.shells.table import References


@pytest.fixture(scope="session")
def xterm() -> Iterator[Xterm]:
    oracle = need()
    yield oracle
    oracle.close()


@pytest.fixture(scope="session")
def references(xterm: Xterm) -> References:
    return References(xterm)
