"""`sesh.pyz`: one file, run by a Python that has no packages."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sesh.about import __version__
from sesh.remote.deploy import bundle


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("made") / "sesh.pyz"
    path.write_bytes(bundle.build().archive)
    return path


def test_it_unpacks_itself_once_and_runs_from_there(file: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()

    def ran(*words: str) -> subprocess.CompletedProcess[str]:
        variables = {"PATH": "/usr/bin:/bin", "HOME": os.fspath(home)}
        argv = [sys.executable, "-ISB", os.fspath(file), *words]
        return subprocess.run(argv, env=variables, capture_output=True, text=True, check=False)

    assert ran("--version").stdout == f"sesh {__version__}\n"
    (version,) = (home / ".local/share/sesh/versions").iterdir()
    assert version.name == bundle.build().name
    made = version.stat().st_mtime_ns
    assert ran("status", "work").returncode == 1
    assert version.stat().st_mtime_ns == made
    refused = ran("integrate", "claude")  # its hooks called a file that did not exist, and it reported success
    assert (refused.returncode, "/.local/bin/sesh, which the hooks would call, is no sesh" in refused.stderr) == (
        1,
        True,
    )
    assert not (home / ".claude").exists()
    version.parent.chmod(0o755)
    (version / "start.py").write_text("raise SystemExit(7)\n")
    assert ran().returncode == 7


def test_a_home_that_it_cannot_unpack_to_is_named(file: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / ".local/share/sesh").mkdir(parents=True)
    (home / ".local/share/sesh/versions").touch()
    run = subprocess.run(
        [sys.executable, "-ISB", file], env={"HOME": os.fspath(home)}, capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stderr.count("\n"), "cannot unpack" in run.stderr) == (1, 1, True)
