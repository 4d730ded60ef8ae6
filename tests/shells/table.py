"""The cells of the table: a set-up in a place. A cell holds if its play differs in nothing from the plain shell's."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fidelity import xterm
from tests.fidelity.xterm import Xterm
from tests.shells.compare import Finding, compare
from tests.shells.play import Place, Played, play
from tests.shells.setups import SETUPS, Setup
from tests.support import Home

__all__ = ["PLACES", "SETUPS", "SHORT", "References", "cells", "findings", "row"]

PLACES = (Place.WITHOUT, Place.FIRST, Place.MIDDLE, Place.LAST)

SHORT = [
    "preexec-bash-last",
    "assigned-bash-middle",
    "readonly-prompt-command-bash-last",
    "hooks-zsh-last",
    "zshaddhistory-zsh-last",
    "events-fish-last",
]
"""The cells that `make test` plays, with few steps."""


def cells() -> list[str]:
    """Return the names of all cells: SETUP-PLACE."""
    return [f"{name}-{place.name.lower()}" for name in SETUPS for place in PLACES]


def parsed(cell: str) -> tuple[Setup, Place]:
    name, _, place = cell.rpartition("-")
    return SETUPS[name], Place[place.upper()]


class References:
    """Plays of set-ups in their plain shells, each once, in homes of their own."""

    def __init__(self, xterm: Xterm) -> None:
        self._xterm = xterm
        self._played: dict[tuple[str, bool], Played] = {}

    def of(self, setup: Setup, *, few: bool = False) -> Played:
        if (played := self._played.get((setup.name, few))) is None:
            home = Home()
            try:
                played = self._played[setup.name, few] = play(setup, Place.PLAIN, home, self._xterm, few=few)
            finally:
                home.close()
        return played


def findings(cell: str, home: Home, xterm: Xterm, references: References, *, few: bool = False) -> list[Finding]:
    """Play a cell, and its reference if that has not been played yet; skip the test if a program is missing."""
    setup, place = parsed(cell)
    if missing := setup.missing():
        pytest.skip(f"{', '.join(missing)} is not installed (tests/shells/packages.sh)")
    reference = references.of(setup, few=few)
    return compare(reference, play(setup, place, home, xterm, reference, few=few))


def row(name: str) -> dict[str, Any]:
    """Play a set-up in all places, outside of pytest; return the findings by place, or what is `missing`."""
    if missing := SETUPS[name].missing():
        return {"missing": ", ".join(missing)}
    directory = xterm.place()
    assert directory is not None, xterm.missing()
    oracle = xterm.Xterm(directory)
    references = References(oracle)
    try:
        return {place.name.lower(): _in_a_home(name, place, oracle, references) for place in PLACES}
    finally:
        oracle.close()


def _in_a_home(name: str, place: Place, oracle: Xterm, references: References) -> list[str]:
    home = Home()
    home.strict = False
    try:
        return [str(each) for each in findings(f"{name}-{place.name.lower()}", home, oracle, references)]
    except AssertionError as error:
        return [f"stuck: {' '.join(str(error).split())[:300]}"]
    finally:
        home.close()
