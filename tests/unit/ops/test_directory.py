"""A DIR that was typed on another machine, as it is meant on this one."""

from __future__ import annotations

from pathlib import Path

import pytest

from sesh.bridge import LinkCaller
from sesh.ops import create
from sesh.reach.origin import Origin

AWAY = "/home/elsewhere"


@pytest.fixture
def caller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LinkCaller:
    """One who asks from a machine whose home is AWAY; the home here holds `project`."""
    (tmp_path / "project").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    return LinkCaller(Origin({"host": "box", "home": AWAY}), asks=False, answers=[])


@pytest.mark.parametrize("word", [f"{AWAY}/project", "project", "~/project"])
def test_a_directory_of_the_other_home_is_looked_for_in_this_one(caller: LinkCaller, word: str, tmp_path: Path) -> None:
    """`sesh @box work ~/project` was refused where ~/project was on the host only.

    The shell puts the home over here into the line.
    """
    assert create.checked_directory(caller, word) == str(tmp_path / "project")
