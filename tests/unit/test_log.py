"""What goes wrong: the last faults of a daemon, one line each."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sesh import log
from sesh.errors import Refused, UsageError
from sesh.log import KEPT, FaultLog


def test_a_fault_is_one_line_with_its_kind_and_place() -> None:
    faults = FaultLog()
    try:
        int("none")
    except ValueError as error:
        faults.note("a fault in a verb", error)
    (line,) = faults.lines()
    assert re.search(r"Z a fault in a verb: ValueError \(test_log\.py:\d+\)$", line)
    assert line[10] == "T"


def test_only_the_last_ones_are_kept() -> None:
    faults = FaultLog()
    for number in range(KEPT + 5):
        faults.note(f"fault {number}")
    assert len(faults.lines()) == KEPT
    assert faults.lines()[-1].endswith(f"fault {KEPT + 4}")
    assert faults.lines()[0].endswith("fault 5")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(28, "No space left on device"), "No space left on device"),
        (OSError(28, "No space left on device", "/full/.x"), "No space left on device, /full/.x"),
        (OSError("odd"), "OSError"),
        (ValueError("odd"), "ValueError"),
    ],
)
def test_a_daemon_keeps_faults_of_the_system_in_its_words(error: Exception, told: str) -> None:
    """`[Errno 28]` and the name of a class stood in `--status` and in reports."""
    faults = log.FaultLog()

    def fail() -> None:
        raise error

    faults.guard(fail, "a timer")
    assert re.fullmatch(rf"\S+ a fault in a timer: {told} \(test_log\.py:\d+\)", faults.lines()[0])


@pytest.mark.parametrize("debug", ["", "0", "1"])
def test_faults_are_in_a_private_file_where_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, debug: str
) -> None:
    monkeypatch.setenv("SESH_DIR", str(tmp_path))
    monkeypatch.setenv("SESH_DEBUG", debug)
    FaultLog().note("a fault in a verb", ValueError("typed"))
    log.write_error("command --send", Refused("typed"))
    log.write_error("command --send", UsageError("expected"))
    if debug != "1":
        assert list(tmp_path.iterdir()) == []
        return
    (file,) = tmp_path.iterdir()
    assert (file.name, file.stat().st_mode & 0o777) == ("debug.log", 0o600)
    faults = [line.split(": ", 1)[1] for line in file.read_text().splitlines()]
    assert faults == ["a fault in a verb: ValueError", "refused"]
