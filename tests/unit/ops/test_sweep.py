"""What is left over: daemons without a session."""

from __future__ import annotations

import os

import pytest

from sesh import proc


def test_a_process_that_closes_something_meanwhile_holds_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy daemon that was left over held nothing at each look, so that `--sweep` never showed it."""

    def readlink(path: str) -> str:
        if path.endswith("/9"):
            raise FileNotFoundError
        return "socket:[1]"

    monkeypatch.setattr(os, "listdir", lambda _path: ["3", "9"])
    monkeypatch.setattr(os, "readlink", readlink)
    assert proc.open_paths(1) == {"socket:[1]"}
