"""Fixtures for the tests of the real program."""

from __future__ import annotations

import pytest

from tests.support import Home


@pytest.fixture
def work(home: Home) -> None:
    """A shell at its first prompt."""
    assert home.sesh("open", "work").code == 0
    assert home.sesh("wait", "work", "--prompt", "--timeout", "30").stdout == "prompt\n"
