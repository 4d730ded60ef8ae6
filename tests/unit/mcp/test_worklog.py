"""The file of an agent's acts in a session: its permissions, contents and age."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from sesh.mcp import worklog


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SESH_WORK_LOG", str(tmp_path / "work"))
    return tmp_path / "work"


def test_where_it_cannot_be_written_work_goes_on(folder: Path, tmp_path: Path) -> None:
    path = worklog.path("work", None)
    folder.mkdir()
    (folder / "local").symlink_to(tmp_path)
    worklog.log_action(path, "run", "make", "exit code 0")
    assert sorted(tmp_path.iterdir()) == [folder]
    (folder / "local").unlink()
    (folder / "local").mkdir(mode=0o750)
    os.chmod(folder / "local", 0o750)  # noqa: S103 (that it is open to others is the point)
    worklog.log_action(path, "run", "make", "exit code 0")
    assert list((folder / "local").iterdir()) == []


def test_a_file_has_an_end_and_an_age(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worklog, "MAX_BYTES", 100)
    path = worklog.path("work", None) or ""
    for _ in range(10):
        worklog.log_action(path, "run", "x" * 60, "exit code 0")
    assert os.path.getsize(path) < 300
    assert time.time() - os.stat(path).st_mtime < 60


def test_old_logs_are_removed_and_nobody_elses_files(folder: Path) -> None:
    """`SESH_WORK_LOG` named a directory with the user's own notes, which were removed."""
    logs = []
    for name, host in (("old", None), ("old", "user@box"), ("local", "local")):
        logs.append(worklog.path(name, host) or "")
        worklog.log_opening(logs[-1], name, host, "created")
    begun = worklog.path("new", None) or ""
    worklog.log_opening(begun, "new", None, "created")
    head = Path(logs[0]).read_text()
    notes = {
        "diary.md": head, "sub/thesis.md": head, "sub/2020-01-01-old.md": "# Old thoughts\n",
        "2020-01-01-old.md": "# Old thoughts\n", "sub/2020-01-01-else.md": head, "sub/deep/2020-01-01-old.md": head,
    }  # fmt: skip
    for entry, text in notes.items():
        (folder / entry).parent.mkdir(exist_ok=True, parents=True)
        (folder / entry).write_text(text)
        (folder / entry).chmod(0o600)
    for each in (*logs, *(str(folder / entry) for entry in notes)):
        os.utime(each, (1, 1))
    worklog.prune()
    left = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert left == {*notes, os.path.relpath(begun, folder)}
