"""What is left over: daemons without a session."""

from __future__ import annotations

import os

import pytest

from sesh import identity, proc
from sesh.ops import sweep


def test_a_process_that_closes_something_meanwhile_holds_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy daemon that was left over held nothing at each look, so that `--sweep` never showed it."""

    def readlink(path: str) -> str:
        if path.endswith("/9"):
            raise FileNotFoundError
        return "socket:[1]"

    monkeypatch.setattr(os, "listdir", lambda _path: ["3", "9"])
    monkeypatch.setattr(os, "readlink", readlink)
    assert proc.open_paths(1) == {"socket:[1]"}


def test_a_process_that_ends_before_it_is_signalled_is_cleared(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was an error between the look whether it lives and the signal."""

    def kill(_pid: int, _number: int) -> None:
        raise ProcessLookupError

    monkeypatch.setattr(proc, "own_processes", lambda: [(10, 1, ["python3", "-m", "sesh", "--bridge"])])
    monkeypatch.setattr(proc, "directory_of", lambda _: "/home/me")
    monkeypatch.setattr(identity, "start_time", lambda _: "1")
    monkeypatch.setattr(sweep, "_CLOSING_TIME", 0.0)
    monkeypatch.setattr(os, "kill", kill)
    (orphan,) = sweep.bridges()
    assert orphan.clear()
