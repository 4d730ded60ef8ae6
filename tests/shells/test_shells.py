"""A session, and sesh's line in an rc file, change nothing in real people's set-ups; `sesh history` is never wrong.

Way in: a set-up (`setups`) is a shell, the lines of its rc file and what it needs. Each is played (`play`) in a plain
terminal, in a session without the line, and with it as the first line, in the middle and as the last one. What is
typed, step by step, is in `steps`. `compare` finds the differences: each screen by an independent emulator; what the
shell tells of itself at the end (variables, functions, traps, options, aliases, keys, hooks); the hooks' own log and
the shell's history file; and whether `history`, `events`, `status` and `wait` tell what happened, or nothing. `faults`
has the cells that are known to fail. `python -m tests.shells` prints the table.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from tests.fidelity.xterm import Xterm
from tests.shells.compare import Finding
from tests.shells.faults import FAULTS, FAULTS_IN_SHORT
from tests.shells.table import SHORT, References, cells, findings
from tests.support import Home, says_who_reads

pytestmark = says_who_reads


def known(names: Iterable[str], faults: dict[str, list[str]]) -> list[Any]:
    """Return the cells; one that fails each time is a strict failure, for its reason."""
    reasons = {name: reason for reason, failing in faults.items() for name in failing}
    assert not set(reasons).difference(names), "these cells are not in the table"
    marks = {name: [pytest.mark.xfail(reason=reason, strict=True)] for name, reason in reasons.items()}
    return [pytest.param(name, id=name, marks=marks.get(name, [])) for name in names]


@pytest.mark.parametrize("cell", known(SHORT, FAULTS_IN_SHORT))
def test_the_line_changes_nothing(cell: str, home: Home, xterm: Xterm, references: References) -> None:
    _hold(findings(cell, home, xterm, references, few=True))


@pytest.mark.soak
@pytest.mark.parametrize("cell", known(cells(), FAULTS))
def test_no_place_of_the_line_changes_anything_in_any_set_up(
    cell: str, home: Home, xterm: Xterm, references: References
) -> None:
    _hold(findings(cell, home, xterm, references))


def _hold(found: list[Finding]) -> None:
    assert not found, "with sesh it is not as in the plain shell:\n" + "\n".join(map(str, found))
