"""Kept results are found by id and by name, bounded in number and age, private."""

from __future__ import annotations

import json
import os
import stat
import time
from pathlib import Path

import pytest

from sesh import files
from sesh.errors import Refused
from sesh.schema import JobResult
from sesh.store import records, results
from tests.support.data import job_result

pytestmark = pytest.mark.usefixtures("sessions")


def result(number: int, name: str = "job", ended: float = 0.0) -> JobResult:
    return job_result(id=f"{number:016x}", name=name, exit_code=number % 256, ended=ended, job=True)


def test_a_result_is_found_by_id_and_the_newest_by_name() -> None:
    results.keep(result(1, ended=10), b"one\r\n")
    results.keep(result(2, ended=30), b"two\r\n")
    results.keep(result(3, ended=20), None)
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
    assert len(list(folder.glob("*.out"))) == results.NEWEST
    old = time.time() - records.KEPT_SECONDS - 1
    os.utime(folder / kept[0], (old, old))
    results.keep(result(501), None)
    assert not (folder / kept[0]).exists()


def test_an_output_without_its_result_goes_with_the_next_one(tmp_path: Path) -> None:
    """A killed daemon leaves such a file, and so does one with a full disk."""
    results.keep(result(1), b"output")
    folder = tmp_path / "sessions" / ".results"
    for number, age in ((2, 0.0), (3, files.ABANDONED_AFTER + 1)):
        (folder / f"{number:016x}.out").write_bytes(b"output")
        then = time.time() - age
        os.utime(folder / f"{number:016x}.out", (then, then))
    results.keep(result(4), None)
    assert sorted(path.stem for path in folder.glob("*.out")) == [f"{1:016x}", f"{2:016x}"]


@pytest.mark.parametrize("key", ["directory", "name", "reason"])
def test_a_result_with_text_that_no_file_name_holds_is_damaged(key: str, tmp_path: Path) -> None:
    """No path, argument or frame can hold half a surrogate or a NUL."""
    results.keep(result(1), None)
    file = tmp_path / "sessions" / ".results" / f"{1:016x}.json"
    for text in ("/tmp/\ud800", "/tmp/\0"):
        file.write_text(json.dumps({**result(1), key: text}))
        with pytest.raises(Refused, match=rf"damaged \({key} is not"):
            results.by_id(f"{1:016x}")
