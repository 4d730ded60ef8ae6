"""Known remotes: one private file with an entry for each word; damage stops nothing."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from sesh.errors import Refused
from sesh.remote import known
from tests.unit.writers import at_once


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file, not made yet."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    return tmp_path / ".local" / "state" / "sesh" / "remotes.json"


def written(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.parent.chmod(0o700)
    path.write_text(content)
    path.chmod(0o600)


def test_the_file_is_private(file: Path) -> None:
    before = os.umask(0)
    try:
        known.record("box")
    finally:
        os.umask(before)
    assert (stat.S_IMODE(file.parent.stat().st_mode), stat.S_IMODE(file.stat().st_mode)) == (0o700, 0o600)
    file.parent.chmod(0o755)
    for act in (known.hosts, known.damage, lambda: known.record("box"), lambda: known.sessions("box")):
        with pytest.raises(Refused, match="chmod 700"):
            act()


@pytest.mark.parametrize(
    "content", ["{", "[]", "\0" * 100, "[" * 100_000, '{"box": {"version": 3}, "fine": {}}', '{"fine": {}, "-x": {}}']
)
def test_a_damaged_file_stays_for_the_user_and_leaves_no_host_known(file: Path, content: str) -> None:
    written(file, content)
    assert known.hosts() == []
    known.record("box")
    assert not known.forget("box")
    assert f"{file} is damaged" in known.damage()[0]
    assert file.read_text() == content


def test_a_file_that_others_may_read_or_that_is_a_link_is_not_believed(file: Path, tmp_path: Path) -> None:
    known.record("box")
    file.chmod(0o644)
    assert "chmod 600" in known.damage()[0]
    file.rename(tmp_path / "elsewhere")
    file.symlink_to(tmp_path / "elsewhere")
    known.record("box")
    assert (known.hosts(), len(known.damage())) == ([], 1)


def test_sessions_are_kept_without_what_a_terminal_would_act_upon(file: Path) -> None:
    rows: list[dict[str, object]] = [
        {"name": "work", "state": "running", "cwd": "/home/\x1b[2Jme", "pid": 3, "rows": 24},
        {"name": "old", "state": "exited", "cwd": None},
    ]
    known.record("box")
    known.cache_list("box", rows)
    cached = [{key: value for key, value in row.items() if value} for row in known.sessions("box")]
    assert all(row.pop("stale") for row in cached)
    assert cached == [
        {"name": "work", "state": "running", "cwd": "/home/[2Jme", "pid": 3},
        {"name": "old", "state": "exited"},
    ]
    for odd in ({"name": 3}, {}, {"name": "-x", "state": "running"}):  # as a version with other rows writes them
        written(file, json.dumps({"box": {"version": "1", "sessions": [odd]}}))
        assert (known.hosts(), known.sessions("box"), known.damage()) == (["box"], [], [])


def test_sessions_take_no_more_than_their_room(file: Path) -> None:
    known.record("box")
    for count, kept in ((500, 500), (2000, 0)):
        known.cache_list("box", [{"name": f"s{n}", "state": "lost", "cwd": "/" + "x" * 1000} for n in range(count)])
        assert len(known.sessions("box")) == kept
        assert file.stat().st_size < 1 << 20


def test_what_several_processes_learn_is_kept_together() -> None:
    """A process overwrote what another one had learned since it read the file."""
    known.record("box")

    def learn(letter: str) -> None:
        for number in range(10):
            known.cache_changes("box", running=f"{letter}{number}", at=5.0)
            known.record(letter)

    at_once(learn, "abcd")
    names = {row["name"] for row in known.sessions("box")}
    assert names == {f"{letter}{number}" for letter in "abcd" for number in range(10)}
    assert sorted(known.hosts()) == ["a", "b", "box", "c", "d"]
