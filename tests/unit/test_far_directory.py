"""A DIR that was typed on another machine, as it is meant on this one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sesh.cli import slips
from sesh.errors import Refused
from sesh.ops import caller, create

AWAY = "/home/elsewhere"


@pytest.fixture(autouse=True)
def asked_from_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command lines of this test come from a machine whose home is AWAY; the home here holds `project`."""
    (tmp_path / "project").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(caller, "near", lambda: caller.Near({"host": "box", "home": AWAY}))


@pytest.mark.parametrize("word", [f"{AWAY}/project", "project", "~/project"])
def test_a_directory_of_the_other_home_is_looked_for_in_this_one(word: str, tmp_path: Path) -> None:
    """`sesh @box work ~/project` was refused where ~/project was over there only.

    The shell puts the home over here into the line; the check for a command in DIR's place looked for that very path.
    """
    slips.check_directory("work", word)
    assert create.checked_directory(word) == str(tmp_path / "project")


@pytest.mark.parametrize("word", [f"{AWAY}/missing", "missing"])
def test_a_missing_directory_is_told_by_its_path_here(word: str, tmp_path: Path) -> None:
    for check in (create.checked_directory, lambda each: slips.check_directory("work", each)):
        with pytest.raises(Refused, match=f"no directory {os.fspath(tmp_path)}/missing"):
            check(word)
