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


def environment(monkeypatch: pytest.MonkeyPatch, name: str, session_id: str) -> None:
    monkeypatch.setenv("SESH_SESSION", name)
    monkeypatch.setenv("SESH_ENV_FILE", records.file_of(session_id, "env"))


@pytest.fixture
def detached(monkeypatch: pytest.MonkeyPatch) -> None:
    """No process has a terminal, as under setsid."""
    monkeypatch.setattr(processes, "controlling_tty", lambda _=0: 0)


def test_who_asks_is_in_the_session_of_an_ancestors_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "controlling_tty", lambda pid=0: TTY if pid == 7 else 0)
    monkeypatch.setattr(processes, "parent_of", lambda pid: 7 if pid == os.getpid() else 1)
    record("this")
    found = listing.of_asker()
    assert found is not None
    assert found["name"] == "this"


@pytest.mark.usefixtures("detached")
def test_who_asks_without_a_terminal_is_in_the_session_of_its_variables(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    record("this", tty_number=0, id="0123456789abcdef")
    environment(monkeypatch, "earlier", "0123456789abcdef")  # it was renamed since
    monkeypatch.setenv("SESH_DIR", str(tmp_path / "elsewhere"))
    found = listing.of_asker()
    assert found is not None
    assert found["name"] == "this"
    assert paths.directory() == str(tmp_path / "s")


@pytest.mark.usefixtures("detached")
@pytest.mark.parametrize(
    ("name", "session_id"), [("this", "0" * 16), ("../this", "0" * 16), ("this", "../x"), ("", "")]
)
def test_the_variables_of_a_session_that_has_gone_count_for_nothing(
    monkeypatch: pytest.MonkeyPatch, name: str, session_id: str
) -> None:
    record("this", tty_number=0)
    environment(monkeypatch, name, session_id)
    assert listing.of_asker() is None
