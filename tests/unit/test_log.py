"""Faults and errors go to a private file if SESH_DEBUG is 1, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from sesh.config import debug_log
from sesh.daemon.base.faults import FaultLog
from sesh.errors import Refused, UsageError


@pytest.mark.parametrize("debug", ["", "0", "1"])
def test_faults_are_in_a_private_file_where_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, debug: str
) -> None:
    monkeypatch.setenv("SESH_DIR", str(tmp_path))
    monkeypatch.setenv("SESH_DEBUG", debug)
    FaultLog().note("a fault in a verb", ValueError("typed"))
    debug_log.write_error("command --send", Refused("typed"))
    debug_log.write_error("command --send", UsageError("typed"))
    if debug != "1":
        assert list(tmp_path.iterdir()) == []
        return
    (file,) = tmp_path.iterdir()
    assert (file.name, file.stat().st_mode & 0o777) == ("debug.log", 0o600)
    faults = [line.split(": ", 1)[1] for line in file.read_text().splitlines()]
    assert faults == ["a fault in a verb: ValueError", "refused", "usage"]
