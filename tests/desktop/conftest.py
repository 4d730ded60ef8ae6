"""`far`: the other machine; `x11`: this machine's display; `person`: who sits at it, attached to a session there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.desktop.displays import X11
from tests.desktop.machines import AGENTS, Machine, Person
from tests.support import Home


@pytest.fixture
def far(home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    monkeypatch.setenv("AGENTS", AGENTS)
    machine = Machine(home)
    yield machine
    home.leave()
    machine.close()


@pytest.fixture(scope="session")
def screen() -> Iterator[X11]:
    """The X server of this run."""
    display = X11()
    yield display
    display.close()


@pytest.fixture
def x11(screen: X11) -> Iterator[X11]:
    """This machine's display, whose clipboard has a text of another program."""
    screen.put(b"of another program", "text/plain")
    yield screen
    screen.put(b"", "text/plain")  # with which the tool ends that holds what a session has copied


@pytest.fixture
def person(far: Machine, x11: X11) -> Person:
    return Person(far, x11.variables)
