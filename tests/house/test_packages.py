"""`make` changes a person's machine only if that is asked for."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.tools import ROOT

_TOOLS = ("cat", "dirname", "mktemp", "rm", "tail", "true")


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A machine without the programs that tests drive, where a person may use sudo; it notes what is called."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in _TOOLS:
        (folder / tool).symlink_to(str(shutil.which(tool)))
    (folder / "id").write_text("#!/bin/sh\necho 1000\n")
    for tool in ("sudo", "apt-get"):
        (folder / tool).write_text(f'#!/bin/sh\necho {tool} "$@" >>{tmp_path}/called\n')
    for path in folder.iterdir():
        if not path.is_symlink():
            path.chmod(0o755)
    return tmp_path


@pytest.mark.parametrize("script", ["tests/packages.sh", ".ci/packages.sh debootstrap"])
@pytest.mark.parametrize("asked", ["", "INSTALL", "CI"])
def test_packages_are_installed_with_sudo_only_if_that_is_asked_for(machine: Path, script: str, asked: str) -> None:
    """`make test` installed packages with sudo on the machine of anyone who need not type a password for it."""
    environment = {"PATH": str(machine / "bin"), **({asked: "1"} if asked else {})}
    words = ["/bin/sh", *script.split()]
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    called = machine / "called"
    assert ("sudo -n" in called.read_text() if called.exists() else False) == bool(asked), done
    if not asked:
        assert not called.exists()
        assert "not installed: " in done.stderr
        assert "INSTALL=1" in done.stderr
