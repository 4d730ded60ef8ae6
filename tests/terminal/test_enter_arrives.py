"""`send TEXT --enter` submits the text once and whole in any program, or fails."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import Home, rounds
from tests.support.composers.kinds import KINDS, Kind
from tests.support.composers.trial import Trial
from tests.support.load import loaded

_USUAL = (
    "paste window", "spinner", "menu, shown", "prompt_toolkit", "password", "bash",
)  # fmt: skip
"""Representative kinds; `make soak` tries all."""


def each(kinds: list[Kind]) -> list[Any]:
    """Return the kinds as parameters of a test."""
    return [pytest.param(kind, marks=[] if kind.name in _USUAL else pytest.mark.soak, id=kind.name) for kind in kinds]


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", each(KINDS))
def test_enter_arrives_where_the_program_takes_it_and_is_kept_back_elsewhere(home: Home, kind: Kind) -> None:
    tally = Trial(home, kind).play(rounds(2, 100))
    assert tally.wrong == [], tally.row()


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.load], ids=lambda kind: kind.name)
def test_enter_arrives_on_a_busy_machine(home: Home, kind: Kind) -> None:
    with loaded():
        tally = Trial(home, kind).play(rounds(10, 100))
    assert len(tally.wrong) <= 2, tally.row()
