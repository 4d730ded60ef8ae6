"""Which bridges are orphaned."""

from __future__ import annotations

import os

import pytest

from sesh.ops import sweep
from sesh.system import processes


def test_a_bridge_is_orphaned_when_its_ssh_has_died_and_one_that_ends_by_itself_is_cleared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A bridge that ends between the check and the signal must not cause an error."""

    def kill(_pid: int, _number: int) -> None:
        raise ProcessLookupError

    bridge = ["python3", "-m", "sesh", "--bridge"]
    rows = [(10, 1, bridge), (11, 9, bridge), (12, 8, bridge), (13, 1, ["vi", "--bridge"]), (8, 1, ["/lib/systemd"])]
    monkeypatch.setattr(processes, "own_processes", lambda: rows)
    monkeypatch.setattr(processes, "start_time", lambda _: "1")
    monkeypatch.setattr(processes, "directory_of", lambda _: "/home/me")
    monkeypatch.setattr(os, "kill", kill)
    orphans = list(sweep.bridges())
    assert [each.pid for each in orphans] == [10, 12]
    assert orphans[0].clear()
