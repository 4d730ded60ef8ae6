"""The settings of hypothesis, and a directory of sessions for unit tests of files."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import examples

examples.load()


@pytest.fixture
def sessions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of sessions, private and empty; SESH_DIR names it."""
    path = tmp_path / "sessions"
    path.mkdir(mode=0o700)
    monkeypatch.setenv("SESH_DIR", str(path))
    return path
