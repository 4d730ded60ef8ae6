"""`farm`: hosts behind real sshds; `here`: this process in the environment of the test's home."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.remote.farm import Farm, Ground
from tests.support import Home


@pytest.fixture(scope="session")
def ground() -> Iterator[Ground]:
    """Keys, users and sshds of this run; gone at its end."""
    own = Ground()
    yield own
    own.close()


@pytest.fixture
def farm(ground: Ground, home: Home) -> Iterator[Farm]:
    """`farm.host("box")` is a host that `sesh @box` reaches from this test's home; see Farm.host."""
    own = Farm(ground, home)
    yield own
    home.leave()
    own.close()


@pytest.fixture
def here(home: Home, farm: Farm, inside: None) -> Home:
    """The test's own process gets the home's environment and directory, to call the remote room directly."""
    return home
