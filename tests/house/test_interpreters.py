"""The tests on each interpreter: what fails once is named as flaky, what fails twice fails the run."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests import interpreters
from tests.interpreters import Outcome, candidates, find, report, run, supported


def test_what_passes_at_the_second_try_is_flaky(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interpreters, "WORKERS", 0)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # what the toy does not need takes long to load
    monkeypatch.setenv("PYTEST_PLUGINS", "xdist.plugin")
    venv, ran, toy = tmp_path / "venv", tmp_path / "ran", tmp_path / "test_toy.py"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (venv / "bin" / "python").chmod(0o755)
    toy.write_text(
        f"import os\ndef test_good(): pass\ndef test_bad(): assert False\n"
        f"def test_flaky():\n    if not os.path.exists({str(ran)!r}):\n        open({str(ran)!r}, 'w').close()\n"
        "        raise ValueError('once')\n"
    )
    outcome = run("3.x", str(venv), [str(toy)], retry=True)
    assert outcome.passed == 2
    assert [name.rpartition("::")[2] for name in outcome.flaky] == ["test_flaky"]
    assert [name.rpartition("::")[2] for name in outcome.failed] == ["test_bad"]
    capfd.readouterr()
    assert report([outcome], ["3.y"]) == 1
    lines = capfd.readouterr().out.splitlines()
    assert "Python 3.y: not on this machine" in lines
    assert sum("FLAKY" in line and line.endswith("test_flaky - ValueError: once") for line in lines) == 1
    assert lines[-1] == "2 passed, 1 failed"


@pytest.mark.parametrize(("does", "code"), [("echo 3 >'$(CODE)'", 3), ("exit 1", 127)])
def test_make_test_that_does_not_come_to_its_end_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, does: str, code: int
) -> None:
    monkeypatch.setattr(interpreters, "ROOT", str(tmp_path))
    (tmp_path / "venv").mkdir()
    (tmp_path / "Makefile").write_text(f"test:\n\t@printf '%s\\n' $(ARGS) >said; {does}\n")
    outcome = run("3.x", "venv", ["-k", "one and two"], retry=True, make=True)
    assert outcome.broken == f"pytest did not come to its end (exit code {code})"
    assert (tmp_path / "said").read_text().endswith("\n-k\none and two\n")


def test_a_flaky_test_alone_is_no_failure() -> None:
    assert report([Outcome("3.x", passed=5, flaky={"test_x": "once"})], []) == 0


def test_a_run_that_broke_off_is_a_failure(tmp_path: Path) -> None:
    assert report([Outcome("3.x", passed=5, broken="no environment")], []) == 1


def test_interpreters_are_found_where_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "3.10" in supported()
    for build in ("3.10.2", "3.10.13", "3.1.4"):
        (tmp_path / "versions" / build / "bin").mkdir(parents=True)
        (tmp_path / "versions" / build / "bin" / "python").symlink_to("/bin/false")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    found = [path.removeprefix(f"{tmp_path}/versions/") for path in candidates("3.10")]
    assert found[:3] == ["python3.10", "3.10.13/bin/python", "3.10.2/bin/python"]
    assert find("3.99") is None
    here = find(interpreters.HERE)
    assert here is None or os.access(here, os.X_OK)
