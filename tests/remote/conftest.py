"""Fixtures for hosts behind real sshds, hosts without ssh, and calls in this process."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from types import ModuleType

import pytest

from sesh.cli import person
from sesh.ops import lookup
from sesh.remote.deploy import bundle
from tests.remote.farm import Farm, Ground
from tests.remote.test_live import Watched
from tests.remote.via import Beside
from tests.support import Home


@pytest.fixture(autouse=True)
def unhurried(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait long for hosts, without the line about a slow one, unless the test is about these: then it is `hurried`."""
    if "hurried" in request.fixturenames:
        return
    monkeypatch.setattr(person, "_CONNECTING_AFTER", 120.0)
    monkeypatch.setattr(lookup, "HOST_TIMEOUT", 30.0)


@pytest.fixture
def hurried() -> None:
    """Leave the times for hosts as they are."""


@pytest.fixture(scope="session")
def ground() -> Iterator[Ground]:
    """Keys, users and sshds of this run, removed at its end."""
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
def beside(home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[Beside]:
    """`beside("box")` is a host that `sesh @box` reaches from this test's home without ssh."""
    own = Beside(home, monkeypatch)
    yield own
    own.close()


@pytest.fixture
def fabric_carrier() -> ModuleType:
    """Load fabric, which each later fork pays for; return the module that uses it."""
    return importlib.import_module("sesh.remote.deploy.fabric_carrier")


_LIGHT = """
import os, sys

def start():
    if "/.tmp-" not in os.environ["HOME"]:  # else it is the trial
        os.execv({0!r}, [{0!r}, "-IS", {1!r}, *sys.argv[1:]])
"""


@pytest.fixture
def light(ground: Ground, monkeypatch: pytest.MonkeyPatch, fabric_carrier: ModuleType) -> dict[str, bytes]:
    """Make deploys cheap, with few files; return the files."""
    code = _LIGHT.format(ground.runtime.python, ground.runtime.launcher).encode()
    files = {"lib/sesh/__init__.py": b"", "lib/sesh/__main__.py": code}
    made = bundle.packed(files)
    monkeypatch.setattr(bundle, "build", lambda: made)
    return files


@pytest.fixture
def here(home: Home, farm: Farm, inside: None) -> Home:
    """Give this process the home's environment, so that a test can call the remote room."""
    return home


@pytest.fixture
def watch(home: Home) -> Iterator[Callable[..., Watched]]:
    """`watch("@box")` is `sesh @box watch --json`, which ends with the test."""
    opened: list[Watched] = []

    def begin(*words: str) -> Watched:
        opened.append(Watched(home, *words))
        return opened[-1]

    yield begin
    for each in opened:
        each.close()
