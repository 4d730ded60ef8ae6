"""`--send TEXT --enter` submits the text once and whole, whatever program takes it, and says truly whether it did.

What counts is what the program itself has logged. The programs stand in `tests/support/composers`.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import Home, rounds
from tests.support.composers.kinds import KINDS, Kind
from tests.support.composers.trial import Tally, Trial
from tests.support.load import loaded

_USUAL = (
    "paste window", "burst and paste", "spinner above", "reads ahead", "takes no Enter", "stops reading",
    "told menu, shown", "prompt_toolkit", "password", "bash", "fish within", "python",
)  # fmt: skip
"""Kinds that stand for the others; `make soak` tries all."""


def each(kinds: list[Kind]) -> list[Any]:
    """Return the kinds as parameters of a test."""
    return [pytest.param(kind, marks=[] if kind.name in _USUAL else pytest.mark.soak, id=kind.name) for kind in kinds]


_TAKES = [kind for kind in KINDS if kind.arrives]
_REFUSES = [kind for kind in KINDS if not (kind.arrives or kind.races)]


def _judge(tally: Tally) -> None:
    """AssertionError unless each prompt arrived once; at most one of a hundred may be told as not submitted."""
    assert tally.arrived == tally.sent, tally.row()
    assert tally.said[False] * 100 <= tally.sent, tally.row()
    assert [each for each in tally.wrong if "said False" not in each] == [], tally.row()


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", each(_TAKES))
def test_enter_arrives(home: Home, kind: Kind) -> None:
    _judge(Trial(home, kind).play(rounds(kind.quick, kind.texts), rounds(2, 100)))


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", [kind for kind in _TAKES if kind.load], ids=lambda kind: kind.name)
def test_enter_arrives_on_a_busy_machine(home: Home, kind: Kind) -> None:
    with loaded():
        _judge(Trial(home, kind).play(rounds(kind.quick, kind.texts), rounds(2, 100)))


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", each(_REFUSES))
def test_what_a_program_has_not_taken_is_never_told_as_submitted(home: Home, kind: Kind) -> None:
    tally = Trial(home, kind).play(kind.texts, rounds(1, 20))
    assert tally.wrong == []
    assert tally.said[True] == 0
