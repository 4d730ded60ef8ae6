"""The session that the caller is in, which only the controlling terminal decides."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from sesh.errors import UsageError
from sesh.store import listing, records
from sesh.system import files, paths, platforms, processes
from tests.support import data

TTY = 34822


@pytest.fixture(autouse=True)
def _own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SESH_DIR", str(tmp_path / "s"))
    monkeypatch.setenv("SESH_SESSION", "liar")
    monkeypatch.setattr(processes, "controlling_tty", lambda: TTY)
    files.ready_directory()


def record(name: str, **more: object) -> None:
    records.write(data.record(name, **{"tty_number": TTY, "terminals": platforms.terminal_filesystem(), **more}))


def test_the_session_whose_terminal_it_is() -> None:
    record("other", tty_number=TTY + 1)
    record("this")
    found = listing.current()
    assert found is not None
    assert found["name"] == "this"
    assert listing.required("kill") == "this"


@pytest.mark.parametrize(
    "more",
    [
        {"tty_number": TTY + 1},
        {"tty_number": 0},
        {"terminals": -1},
        {"machine": "elsewhere"},
        {"boot": "before"},
        {"daemon_pid": (1 << 22) - 1},
        {"daemon_start": "0"},
    ],
)
def test_no_other_session_counts(more: dict[str, object]) -> None:
    record("this", **more)
    assert listing.current() is None
    with pytest.raises(UsageError, match="kill NAME"):
        listing.required("kill")


def test_a_session_that_begins_is_waited_for_as_its_record_has_no_terminal_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    record("this", pid=0, tty_number=0)
    monkeypatch.setattr(time, "sleep", lambda _: record("this"))
    assert listing.required("kill") == "this"


def test_without_a_terminal_nobody_is_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    record("this", tty_number=0)
    monkeypatch.setattr(processes, "controlling_tty", lambda: 0)
    assert listing.current() is None


def test_a_foreign_file_among_the_records_is_passed_over() -> None:
    os.symlink("/etc/passwd", paths.record_path("a-link"))
    record("this")
    found = listing.current()
    assert found is not None
    assert found["name"] == "this"
