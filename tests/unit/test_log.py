"""What goes wrong: the last faults of a daemon, one line each, and the file that `SESH_LOG` names."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from sesh import log
from sesh.errors import Exists, InternalError, NotFound, Refused, Unreachable, UsageError
from sesh.log import KEPT, FaultLog


def test_a_fault_is_one_line_with_its_kind_and_place() -> None:
    faults = FaultLog()
    try:
        int("none")
    except ValueError as error:
        faults.note("a fault in a verb", error)
    (line,) = faults.lines()
    assert re.search(r"Z a fault in a verb: ValueError: invalid .*'none' \(test_log\.py:\d+\)$", line)
    assert line[10] == "T"


def test_only_the_last_ones_are_kept() -> None:
    faults = FaultLog()
    for number in range(KEPT + 5):
        faults.note(f"fault {number}")
    assert len(faults.lines()) == KEPT
    assert faults.lines()[-1].endswith(f"fault {KEPT + 4}")
    assert faults.lines()[0].endswith("fault 5")


def test_a_fault_that_was_never_raised_has_no_place() -> None:
    faults = FaultLog()
    faults.note("said", ValueError("why"))
    assert faults.lines()[0].endswith("said: ValueError: why")


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that is named; a relative name lies in HOME."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SESH_LOG", "sesh.log")
    return tmp_path / "sesh.log"


def test_without_the_variable_nothing_is_written(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SESH_LOG")
    log.write("daemon", "a fault")
    assert log.path() == ""
    assert os.listdir(file.parent) == []


def test_a_line_has_the_moment_the_process_and_its_part_and_a_bound(file: Path) -> None:
    log.write("daemon", "one\n\x1b[31mline " + "x" * 5000)
    (line,) = file.read_text().splitlines()
    assert re.fullmatch(rf"\d{{4}}-\d\d-\d\dT[\d:]{{8}}Z {os.getpid()} daemon: one \[31mline x+", line)
    assert len(line) < 1100
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_full_or_not_to_be_written_stays_as_it_is(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_bytes(b"x" * 10)
    monkeypatch.setattr(log, "LARGEST", 10)
    log.write("daemon", "a fault")
    assert file.read_bytes() == b"x" * 10
    monkeypatch.setenv("SESH_LOG", "/dev/full")
    log.write("daemon", "a fault")
    monkeypatch.setenv("SESH_LOG", "/nowhere/at/all")
    log.write("daemon", "a fault")


@pytest.mark.parametrize("error", [UsageError("SECRET"), NotFound("SECRET"), Exists("SECRET"), KeyboardInterrupt("x")])
def test_what_the_user_mistook_is_no_fault(file: Path, error: BaseException) -> None:
    log.write_error("command", error)
    assert not file.exists()


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (Refused("SECRET"), "refused"),
        (InternalError("SECRET"), "internal"),
        (KeyError("SECRET"), "internal: KeyError"),
        (OSError(28, "No space left on device", "SECRET"), "internal: OSError: No space left on device"),
        (Unreachable("box does not answer"), "unreachable: box does not answer"),
    ],
)
def test_an_error_is_told_without_words_that_may_be_the_user_s(file: Path, error: Exception, told: str) -> None:
    try:
        raise error
    except Exception as raised:
        log.write_error("command", raised)
    assert re.fullmatch(rf"\S+ \d+ command: {told} \(test_log\.py:\d+\)\n", file.read_text())


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(28, "No space left on device"), "No space left on device"),
        (OSError(28, "No space left on device", "/full/.x"), "No space left on device, /full/.x"),
        (OSError("odd"), "OSError: odd"),
        (ValueError("odd"), "ValueError: odd"),
    ],
)
def test_a_daemon_keeps_faults_of_the_system_in_its_words(error: Exception, told: str) -> None:
    """`[Errno 28]` and the name of a class stood in `--status` and in reports."""
    faults = log.FaultLog()

    def fail() -> None:
        raise error

    faults.guard(fail, "a timer")
    assert re.fullmatch(rf"\S+ a fault in a timer: {told} \(test_log\.py:\d+\)", faults.lines()[0])
