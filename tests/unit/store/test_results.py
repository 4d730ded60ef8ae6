"""Kept results are found by id and by name, bounded in number and age, private."""

from __future__ import annotations

import json
import os
import stat
import time
from pathlib import Path

import pytest

from sesh.errors import Refused
from sesh.schema.facts import JobResult
from sesh.store import records, results
from sesh.system import files
from tests.support.data import job_result

pytestmark = pytest.mark.usefixtures("sessions")


def result(number: int, name: str = "job", ended: float = 0.0) -> JobResult:
    return job_result(id=f"{number:016x}", name=name, exit_code=number % 256, ended=ended, job=True)


def test_a_result_is_found_by_id_and_the_newest_by_name() -> None:
    results.keep(result(1, ended=10), b"one\r\n")
    results.keep(result(2, ended=30), b"two\r\n")
    results.keep(result(3, ended=20), b"")
    assert results.by_id(f"{1:016x}") == result(1, ended=10)
    newest = results.newest("job")
    assert newest == result(2, ended=30)
    assert newest is not None
    assert results.output(newest) == b"two\r\n"
    assert results.output(result(3)) == b""
    assert results.newest("other") is None


def test_results_are_private(tmp_path: Path) -> None:
    results.keep(result(1), b"secret")
    folder = tmp_path / "sessions" / ".results"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}


def test_only_the_newest_hundred_of_the_last_week_are_kept(tmp_path: Path) -> None:
    folder = tmp_path / "sessions" / ".results"
    for number in range(results.NEWEST + 5):
        results.keep(result(number), b"x")
        moment = time.time() - 1000 + number
        os.utime(folder / f"{number:016x}.json", (moment, moment))
    results.keep(result(500), b"x")
    kept = sorted(path.name for path in folder.glob("*.json"))
    assert len(kept) == results.NEWEST
    assert f"{0:016x}.json" not in kept
    old = time.time() - records.KEPT_SECONDS - 1
    os.utime(folder / kept[0], (old, old))
    results.keep(result(501), b"")
    assert not (folder / kept[0]).exists()


def test_an_unfinished_file_goes_with_a_later_result(tmp_path: Path) -> None:
    """A killed daemon leaves such a file, and so does one with a full disk."""
    results.keep(result(1), b"output")
    folder = tmp_path / "sessions" / ".results"
    for thread, age in ((1, 0.0), (2, files.ABANDONED_AFTER + 1)):
        path = folder / f".{1:016x}.json.{thread}.sesh"
        path.write_bytes(b"output")
        os.utime(path, (time.time() - age, time.time() - age))
    results.keep(result(2), b"")
    assert sorted(path.name for path in folder.glob("*.sesh")) == [f".{1:016x}.json.1.sesh"]


@pytest.mark.parametrize("key", ["directory", "name", "reason"])
def test_a_result_with_text_that_no_file_name_holds_is_damaged(key: str, tmp_path: Path) -> None:
    """No path, argument or frame can hold half a surrogate or a NUL."""
    results.keep(result(1), b"")
    file = tmp_path / "sessions" / ".results" / f"{1:016x}.json"
    for text in ("/tmp/\ud800", "/tmp/\0"):
        file.write_text(json.dumps({**result(1), key: text}))
        with pytest.raises(Refused, match=rf"damaged \({key} is not"):
            results.by_id(f"{1:016x}")
