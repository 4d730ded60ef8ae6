"""The event log: whole lines, bounded in size; a failed write stops nothing."""

from __future__ import annotations

import json
import os
import re
import stat
from pathlib import Path

import pytest

from sesh.remote import eventlog, known
from tests.unit.writers import at_once


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The log that the user has named."""
    path = tmp_path / "events"
    monkeypatch.setenv("SESH_EVENT_LOG", str(path))
    return path


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The default log, which is written once a remote is known."""
    monkeypatch.delenv("SESH_EVENT_LOG", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    eventlog.log("connect", host="box")
    assert os.listdir(tmp_path) == []
    known.record("box")
    return tmp_path / "sesh" / "events.jsonl"


def test_an_event_is_one_line_of_json(log: Path) -> None:
    eventlog.log("sync_start", host="box")
    eventlog.log("sync_path_failed", host="box", path="a\nb", exit_code=None, stderr=os.fsdecode(b"\x1b[2J \xe9"))
    first, second = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", first.pop("ts"))
    assert first == {"event": "sync_start", "host": "box"}
    assert list(second) == ["ts", "event", "host", "path", "exit_code", "stderr"]
    assert (second["path"], second["exit_code"], second["stderr"]) == ("a\nb", None, "\x1b[2J ?")
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


@pytest.mark.parametrize("kind", ["missing", "fifo"])
def test_a_log_that_cannot_be_written_holds_nothing_up_and_is_reported_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], kind: str
) -> None:
    os.mkfifo(tmp_path / "fifo")
    monkeypatch.setenv("SESH_EVENT_LOG", str(tmp_path / kind / "log" if kind == "missing" else tmp_path / kind))
    eventlog.log("sync_start")
    eventlog.log("sync_done")
    assert capfd.readouterr().err.count("\n") == 1


def test_many_writers_share_one_log(log: Path) -> None:
    def write(_: str) -> None:
        for number in range(100):
            eventlog.log("connect", host="h" * 500, n=number)

    at_once(write, "abcd")
    numbers = [json.loads(line)["n"] for line in log.read_text().splitlines()]
    assert sorted(numbers) == sorted([*range(100)] * 4)


def test_the_log_that_nobody_has_named_stays_small(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        eventlog.log("connect", host="box", number=number)
    assert (eventlog.path(), stat.S_IMODE(own.stat().st_mode)) == (str(own), 0o600)
    monkeypatch.setattr(eventlog, "_MAX_SIZE", 1)
    eventlog.log("disconnect", host="box")
    assert [len(Path(path).read_text().splitlines()) for path in (f"{own}.1", own)] == [3, 1]
    assert [event["event"] for event in eventlog.read()] == ["connect"] * 3 + ["disconnect"]


def test_a_log_that_another_process_has_just_rotated_is_not_rotated_again(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second rotation replaced the older file by the one that had just been begun."""
    eventlog.log("connect", host="box", note="x" * 200)
    monkeypatch.setattr(eventlog, "_MAX_SIZE", 100)
    lstat = os.lstat

    def other_is_faster(path: str) -> os.stat_result:
        status = lstat(path)
        if path == str(own) and status.st_size > 100:
            os.replace(own, f"{own}.1")
            own.touch(0o600)
        return status

    monkeypatch.setattr(os, "lstat", other_is_faster)
    eventlog.log("disconnect", host="box")
    assert [event["event"] for event in eventlog.read()] == ["connect", "disconnect"]


def test_the_log_that_nobody_has_named_is_not_written_through_a_link(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    own.symlink_to(victim)
    for size in (1 << 20, 1):
        monkeypatch.setattr(eventlog, "_MAX_SIZE", size)
        eventlog.log("connect", host="box")
    assert (victim.read_text(), capfd.readouterr().err) == ("precious", "")
