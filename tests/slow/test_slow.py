"""In a terminal that is slower than its program each line comes once, whatever happens; an echo comes within 1 s.

`cells` has the table, and says what each word of an id means; `faults` has the cells that are known to fail.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from tests.fidelity.xterm import Xterm
from tests.remote.via import Beside
from tests.slow.cells import CELLS, FEW, SHORT, run
from tests.slow.faults import FAULTS, FAULTS_IN_SHORT, UNSTEADY, UNSTEADY_IN_SHORT
from tests.support import Home


def known(names: Iterable[str], faults: dict[str, list[str]], unsteady: list[str]) -> list[Any]:
    """Return the cells, without unsteady ones; one that fails each time is a strict failure, for its reason."""
    reasons = {name: reason for reason, failing in faults.items() for name in failing}
    steady = [name for name in names if name not in unsteady]
    assert not set(reasons).difference(steady), "these cells are not in the table, or unsteady"
    marks = {name: [pytest.mark.xfail(reason=reason, strict=True)] for name, reason in reasons.items()}
    return [pytest.param(name, id=name, marks=marks.get(name, [])) for name in steady]


@pytest.mark.parametrize("name", known(SHORT, FAULTS_IN_SHORT, UNSTEADY_IN_SHORT))
def test_each_line_comes_once(name: str, home: Home, beside: Beside, xterm: Xterm) -> None:
    outcome = run(CELLS[name], home, beside, xterm, FEW)
    assert outcome.holds, outcome


@pytest.mark.soak
@pytest.mark.parametrize("name", known(CELLS, FAULTS, UNSTEADY))
def test_each_of_many_lines_comes_once(name: str, home: Home, beside: Beside, xterm: Xterm) -> None:
    outcome = run(CELLS[name], home, beside, xterm)
    assert outcome.holds, outcome
