"""In a terminal that is slower than its program each line comes once, whatever happens; an echo comes within 1 s.

`cells` has the table, and says what each word of an id means. The faults that are known lie in `faults`.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.fidelity.xterm import Xterm
from tests.remote.via import Beside
from tests.slow.cells import CELLS, FEW, MANY, SHORT, run
from tests.slow.faults import FAULTS, FAULTS_IN_SHORT, UNSTEADY
from tests.support import Home, rounds


def known(names: list[str], faults: dict[str, list[str]]) -> list[Any]:
    """Return the cells; one that fails each time is a strict failure, for its reason."""
    reasons = {name: reason for reason, failing in faults.items() for name in failing}
    assert not set(reasons).difference(names), "these cells are not in the table"
    marks = {name: [pytest.mark.xfail(reason=reason, strict=True)] for name, reason in reasons.items()}
    return [pytest.param(name, id=name, marks=marks.get(name, [])) for name in names]


@pytest.mark.parametrize("name", known([name for name in SHORT if name not in UNSTEADY], FAULTS_IN_SHORT))
def test_each_line_comes_once(name: str, home: Home, beside: Beside, xterm: Xterm) -> None:
    outcome = run(CELLS[name], home, beside, xterm, FEW)
    assert outcome.holds, outcome


@pytest.mark.soak
@pytest.mark.parametrize("name", known([name for name in CELLS if name not in UNSTEADY], FAULTS))
def test_each_of_many_lines_comes_once(name: str, home: Home, beside: Beside, xterm: Xterm) -> None:
    outcome = run(CELLS[name], home, beside, xterm, rounds(FEW, MANY))
    assert outcome.holds, outcome
