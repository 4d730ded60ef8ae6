"""The programs that sesh runs by itself: PATH without the current directory."""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path

import pytest

from sesh.system import programs


@pytest.mark.parametrize(
    ("path", "searched"),
    [
        (None, os.defpath),
        ("", os.defpath),
        (":", os.defpath),
        (".:..", os.defpath),
        (":/usr/bin:", "/usr/bin"),
        ("/a::/b:.:bin:/c", "/a:/b:/c"),
        ("/a b:~/bin", "/a b"),
    ],
)
def test_what_means_the_current_directory_is_not_searched(
    monkeypatch: pytest.MonkeyPatch, path: str | None, searched: str
) -> None:
    monkeypatch.delenv("PATH") if path is None else monkeypatch.setenv("PATH", path)
    assert programs.search_path() == searched
    assert programs.environment() == {**os.environ, "PATH": searched}


def test_a_program_is_found_by_its_name_or_by_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder, mode in (("here", 0o755), ("data", 0o644), ("first", 0o755), ("second", 0o755)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "tool").write_text("#!/bin/sh\necho $0\n")
        (tmp_path / folder / "tool").chmod(mode)
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("PATH", ":".join(("", ".", *(str(tmp_path / each) for each in ("data", "first", "second")))))
    assert programs.find("tool") == f"{tmp_path}/first/tool"
    assert subprocess.run(["tool"], env=programs.environment(), capture_output=True, text=True, check=True).stdout == (
        f"{tmp_path}/first/tool\n"
    )
    assert programs.find("./tool") == "./tool"
    assert programs.find("nothing") is None
    assert programs.find("../data/tool") is None


@pytest.mark.parametrize(("number", "local"), [(errno.EMFILE, True), (errno.EAGAIN, True), (errno.ENOENT, False)])
def test_what_keeps_a_program_from_starting_is_this_machine_or_the_program(number: int, local: bool) -> None:
    """Without a free descriptor, ssh counted as missing."""
    error = programs.cannot_run("ssh", OSError(number, os.strerror(number)), "install the OpenSSH client")
    assert error.reason == (f"{os.strerror(number)} here" if local else f"cannot run ssh: {os.strerror(number)}")
    assert bool(error.hint) != local
