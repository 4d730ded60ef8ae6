"""The mark of a login: one process can make it, and one that is gone or hangs is no hindrance."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from sesh.remote.ssh import mark as room
from sesh.remote.ssh.mark import Mark


def made(path: str) -> Mark:
    mark = Mark.make(path)
    assert mark is not None
    return mark


def test_one_process_makes_it_and_others_learn_whose_it_is_and_what_its_ssh_says(tmp_path: Path) -> None:
    path = str(tmp_path / "mark")
    assert Mark.find(path) is None
    with made(path) as mine, subprocess.Popen(["sleep", "60"]) as process:
        assert Mark.make(path) is None
        other = Mark.find(path)
        assert other is not None
        with other, open(path, "ab") as errors:
            assert (other.pid, other.asks, other.runs()) == (os.getpid(), True, True)
            mine.pass_to(process.pid, asks=False)
            errors.write(b"why\n")
            errors.flush()
            assert (other.runs(), other.asks, other.pid, other.heard.text()) == (True, False, process.pid, "why\n")
            process.kill()
            process.wait()
            assert not other.runs()


def test_what_is_removed_is_never_a_mark_that_has_taken_its_place(tmp_path: Path) -> None:
    path = str(tmp_path / "mark")
    with made(path) as first:
        first.remove()
        assert os.listdir(tmp_path) == []
        with made(path) as second:
            first.remove()
            assert os.path.samestat(os.stat(path), os.fstat(second._descriptor))
    assert os.listdir(tmp_path) == ["mark"]


def test_an_ssh_that_hangs_is_ended_with_all_that_it_has_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = "sleep 60 & wait"
    with made(str(tmp_path / "mark")) as mark, subprocess.Popen(["sh", "-c", line], start_new_session=True) as process:
        mark.end()  # of this process, which has started no ssh yet
        mark.pass_to(process.pid, asks=False)
        assert (mark.runs(), mark.old) == (True, False)
        monkeypatch.setattr(room, "LONGEST", -1.0)
        assert mark.old
        mark.end()
        assert process.wait() == -9
