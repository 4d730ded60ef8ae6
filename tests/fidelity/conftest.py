"""`xterm`, `vte`: emulators of other projects, each started once in a run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fidelity.vte import Vte
from tests.fidelity.vte import need as need_vte
from tests.fidelity.xterm import Xterm, place, xterm

__all__ = ["maybe_xterm", "vte", "xterm"]


@pytest.fixture(scope="session")
def vte() -> Iterator[Vte]:
    oracle = need_vte()
    yield oracle
    oracle.close()


@pytest.fixture
def maybe_xterm(request: pytest.FixtureRequest) -> Xterm | None:
    """xterm.js, or None if it is not installed."""
    return None if place() is None else request.getfixturevalue("xterm")
