"""The launcher of an old pip, and what becomes of it."""

from __future__ import annotations

import os
import subprocess
import venv
from pathlib import Path

import pytest

from tests.support.tools import ROOT

_SLOW = """\
# -*- coding: utf-8 -*-
import re
import sys
from sesh.__main__ import start
if __name__ == '__main__':
    sys.argv[0] = re.sub(r'(-script\\.pyw|\\.exe)?$', '', sys.argv[0])
    sys.exit(start())
"""
"""By pip 23.0.1 to 25.1 (distlib's SCRIPT_TEMPLATE)."""
_FAST = """\
# -*- coding: utf-8 -*-
import sys
from sesh.__main__ import start
if __name__ == '__main__':
    sys.exit(start())
"""


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """The directory of programs of a virtual environment in which sesh can be imported."""
    venv.create(tmp_path / "environment")
    (packages,) = (tmp_path / "environment" / "lib").glob("python*/site-packages")
    packages.joinpath("sesh.pth").write_text(f"{ROOT}\n")
    return tmp_path / "environment" / "bin"


def _written(programs: Path, text: str, mode: int = 0o755) -> Path:
    path = programs / "sesh"
    path.write_text(f"#!{programs}/python\n{text}")
    path.chmod(mode)
    return path


def _runs(path: Path, *before: str) -> None:
    done = subprocess.run([*before, path, "--version"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout[:5], done.stderr) == (0, "sesh ", "")


def test_the_first_run_exchanges_the_launcher_of_an_old_pip(programs: Path, tmp_path: Path) -> None:
    path = _written(programs, _SLOW, 0o750)
    link = tmp_path / "sesh"  # as pipx and uv make one
    link.symlink_to(path)
    _runs(link)
    assert path.read_text() == f"#!{programs}/python\n{_FAST}"
    assert path.stat().st_mode & 0o7777 == 0o750
    assert link.is_symlink()
    assert sorted(os.listdir(programs)).count("sesh") == 1
    assert not [name for name in os.listdir(programs) if name.startswith("sesh.")]
    _runs(link)


def test_the_first_line_stays_as_it_is(programs: Path) -> None:
    """Of a long path, or one with a blank."""
    path = programs / "sesh"
    first = f"#!/bin/sh\n'''exec' \"{programs}/python\" \"$0\" \"$@\"\n' '''\n"
    path.write_text(first + _SLOW)
    path.chmod(0o755)
    _runs(path)
    assert path.read_text() == first + _FAST


def test_an_environment_below_a_link_is_the_same(programs: Path, tmp_path: Path) -> None:
    """As with a home that is a link."""
    (tmp_path / "link").symlink_to(tmp_path / "environment")
    path = _written(tmp_path / "link" / "bin", _SLOW)
    _runs(path)
    assert path.read_text().endswith(_FAST)


@pytest.mark.parametrize(
    "text", [_FAST, _SLOW + "\n", "import os\n" + _SLOW.replace("import sys\n", "import sys, os\n")]
)
def test_any_other_text_stays(programs: Path, text: str) -> None:
    path = _written(programs, text)
    before = path.stat()
    _runs(path)
    assert (path.read_text(), path.stat().st_ino) == (f"#!{programs}/python\n{text}", before.st_ino)


def test_a_launcher_outside_of_the_environment_stays(programs: Path, tmp_path: Path) -> None:
    """Of a system's package, or of another environment."""
    path = _written(programs, _SLOW)
    outside = tmp_path / "sesh"
    path.rename(outside)
    _runs(outside)
    assert outside.read_text().endswith(_SLOW)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_launcher_in_a_directory_that_is_not_writable_stays(programs: Path) -> None:
    path = _written(programs, _SLOW)
    programs.chmod(0o555)
    try:
        _runs(path)
    finally:
        programs.chmod(0o755)
    assert path.read_text().endswith(_SLOW)


def test_a_full_directory_is_no_failure(programs: Path) -> None:
    """What stands in the way of the new file."""
    path = _written(programs, _SLOW)
    code = "import os, sys; from sesh import old_launcher; open(f'{sys.argv[1]}.{os.getpid()}', 'x'); "
    code += "sys.argv = sys.argv[1:]; old_launcher.exchange()"
    done = subprocess.run([programs / "python", "-c", code, path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert path.read_text().endswith(_SLOW)


def test_a_file_system_that_takes_nothing_any_more_is_no_failure(programs: Path) -> None:
    path = _written(programs, _SLOW)
    code = "import os, sys; from sesh import old_launcher; os.replace = os.unlink = lambda *_: os.mkdir('/'); "
    code += "sys.argv = sys.argv[1:]; old_launcher.exchange()"
    done = subprocess.run([programs / "python", "-c", code, path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert path.read_text().endswith(_SLOW)
