"""The event log: whole lines for programs, prose for people, and no failure of either stops anything."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from sesh.remote import eventlog
from tests.support import ROOT


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "events"
    monkeypatch.setenv("SESH_EVENT_LOG", str(path))
    return path


def test_an_event_is_one_line_of_json(log: Path) -> None:
    eventlog.log("sync_start", host="box")
    eventlog.log("sync_path_failed", host="box", path="a\nb", exit_code=None, stderr="\x1b[2J é")
    first, second = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", first.pop("ts"))
    assert first == {"event": "sync_start", "host": "box"}
    assert list(second) == ["ts", "event", "host", "path", "exit_code", "stderr"]
    assert (second["path"], second["exit_code"], second["stderr"]) == ("a\nb", None, "\x1b[2J é")
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_names_that_are_no_utf_8_are_json_all_the_same(log: Path) -> None:
    eventlog.log("sync_path_pushed", path=os.fsdecode(b"caf\xe9"), paths=["\ud800\U0001f600"])
    event = json.loads(log.read_bytes().decode())
    assert (event["path"], event["paths"]) == ("caf\ufffd", ["\ufffd\U0001f600"])


def test_a_log_that_cannot_be_written_is_told_of_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SESH_EVENT_LOG", str(tmp_path / "missing" / "log"))
    eventlog.log("sync_start")
    eventlog.log("sync_done")
    message = capfd.readouterr().err
    assert message.count("\n") == 1
    assert "No such file or directory" in message


def test_a_fifo_that_nobody_reads_holds_nothing_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo(tmp_path / "fifo")
    monkeypatch.setenv("SESH_EVENT_LOG", str(tmp_path / "fifo"))
    eventlog.log("sync_start")
    assert "cannot write events" in capfd.readouterr().err


def test_many_writers_share_one_log(log: Path) -> None:
    code = (
        f"import sys; sys.path.insert(0, {ROOT!r}); from sesh.remote import eventlog\n"
        "for n in range(300): eventlog.log('connect', host='h' * 500, n=n)"
    )
    writers = [subprocess.Popen([sys.executable, "-Ic", code], env={"SESH_EVENT_LOG": str(log)}) for _ in range(4)]
    assert [writer.wait(30) for writer in writers] == [0] * 4
    numbers = [json.loads(line)["n"] for line in log.read_text().splitlines()]
    assert sorted(numbers) == sorted([*range(300)] * 4)


def test_the_log_that_nobody_has_named_begins_with_the_first_remote_and_stays_small(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SESH_EVENT_LOG", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    eventlog.log("connect", host="box")
    assert os.listdir(tmp_path) == []
    (tmp_path / "sesh" / "remotes").mkdir(parents=True, mode=0o700)
    for number in range(3):
        eventlog.log("connect", host="box", number=number)
    own = tmp_path / "sesh" / "events.jsonl"
    assert eventlog.path() == str(own)
    assert stat.S_IMODE(own.stat().st_mode) == 0o600
    monkeypatch.setattr(eventlog, "_MAX_SIZE", 1)
    eventlog.log("disconnect", host="box")
    assert [len(Path(path).read_text(encoding="utf-8").splitlines()) for path in eventlog.paths_of()] == [3, 1]


def test_a_log_that_another_process_has_just_rotated_is_not_rotated_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The older file was replaced by the one that had just been begun."""
    monkeypatch.delenv("SESH_EVENT_LOG", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    (tmp_path / "sesh" / "remotes").mkdir(parents=True, mode=0o700)
    eventlog.log("connect", host="box", note="x" * 200)
    monkeypatch.setattr(eventlog, "_MAX_SIZE", 100)
    own = eventlog.path()
    lstat = os.lstat

    def other_is_faster(path: str) -> os.stat_result:
        status = lstat(path)
        if path == own and status.st_size > 100:
            os.replace(own, f"{own}.1")
            Path(own).touch(0o600)
        return status

    monkeypatch.setattr(os, "lstat", other_is_faster)
    eventlog.log("disconnect", host="box")
    assert [event["event"] for event in eventlog.read()] == ["connect", "disconnect"]


def test_the_log_that_nobody_has_named_is_not_written_through_a_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("SESH_EVENT_LOG", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    (tmp_path / "sesh" / "remotes").mkdir(parents=True, mode=0o700)
    victim = tmp_path / "victim"
    victim.write_text("precious")
    Path(eventlog.path()).symlink_to(victim)
    eventlog.log("connect", host="box")
    assert victim.read_text() == "precious"
    monkeypatch.setattr(eventlog, "_MAX_SIZE", 1)
    eventlog.log("connect", host="box")
    eventlog.log("disconnect", host="box")
    assert victim.read_text() == "precious"
    assert capfd.readouterr().err == ""
