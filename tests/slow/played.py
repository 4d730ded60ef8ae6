"""Plays one cell outside of pytest; returns its row of the table."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fidelity import xterm
from tests.remote.via import Beside
from tests.slow.cells import CELLS, FEW, MANY, run
from tests.support import Home


def names() -> list[str]:
    return list(CELLS)


def row(name: str, *, few: bool) -> dict[str, Any]:
    """Play a cell in a home of its own; return `outcome` ("holds", or what is wrong) and figures."""
    directory = xterm.place()
    assert directory is not None, xterm.missing()
    oracle, home = xterm.Xterm(directory), Home()
    try:
        with pytest.MonkeyPatch.context() as patch:
            beside = Beside(home, patch)
            try:
                played = run(CELLS[name], home, beside, oracle, FEW if few else MANY)
            finally:
                beside.close()
    except AssertionError as error:
        return {"outcome": f"stuck: {' '.join(str(error).split())[:160]}"}
    finally:
        home.close()
        oracle.close()
    verdict = played.verdict
    return {
        "missing": verdict.missing,
        "repeated": verdict.repeated,
        "said": ", ".join(f"{said.lines} ({said.in_logs})" for said in verdict.said),
        "echo": played.echo,
        "outcome": "; ".join(verdict.faults) or "holds",
    }
