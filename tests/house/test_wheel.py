"""What is installed: `sesh` alone, with everything in it, and the same program as in the checkout."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from sesh.about import DISTRIBUTION, PROGRAM, __version__
from tests.house.distribution import build, missing, relative, source
from tests.house.source import modules, python_files, read

pytestmark = pytest.mark.installs

DATA = {
    "share/man/man1/sesh.1",
    "share/man/man1/sesh-mux.1",
    "share/bash-completion/completions/sesh.bash",
    "share/bash-completion/completions/sesh-mux.bash",
    "share/zsh/site-functions/_sesh",
    "share/fish/vendor_completions.d/sesh.fish",
    "share/fish/vendor_completions.d/sesh-mux.fish",
}
"""What lies where other programs look for it, below the prefix."""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the sdist, and the wheel that was built from it."""
    return build(tmp_path_factory.mktemp("built"))


def test_the_wheel_holds_sesh_alone_and_every_module_of_it(built: Path) -> None:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        names = set(wheel.namelist())
        assert wheel.read("sesh/cli/skill.md").decode() == read("docs/AGENTS.md"), "a link in the repository"
    stem = f"{DISTRIBUTION.replace('-', '_')}-{__version__}"
    assert {name.split("/")[0] for name in names} == {"sesh", f"{stem}.dist-info", f"{stem}.data"}
    assert {name.partition("/data/")[2] for name in names if name.startswith(f"{stem}.data/")} == DATA
    expected = {os.path.join("sesh", m.path) if m.room else m.path for m in modules()}
    assert {name for name in names if name.endswith(".py")} == expected
    assert {"sesh/py.typed", "sesh/cli/skill.md"} <= names
    scripts = ("sesh.bash", "_sesh", "sesh.fish", "init.bash", "init.zsh", "init.fish")
    assert {f"sesh/completions/{script}" for script in scripts} <= names


def test_the_wheel_bears_the_name_of_the_distribution_and_has_both_programs(built: Path) -> None:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        (metadata,) = (wheel.read(name) for name in wheel.namelist() if name.endswith("/METADATA"))
        (scripts,) = (wheel.read(name) for name in wheel.namelist() if name.endswith("/entry_points.txt"))
    assert f"\nName: {DISTRIBUTION}\n" in metadata.decode()
    assert re.findall(r"^(\S+) = sesh\.__main__:start$", scripts.decode(), re.MULTILINE) == [PROGRAM, DISTRIBUTION]


def test_the_sdist_holds_what_the_wheel_is_made_of(built: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    assert {os.path.join("sesh", m.path) if m.room else m.path for m in modules()} <= names
    assert {"pyproject.toml", "LICENSE", "README.md", "CHANGELOG.md", "Makefile", ".ci/venv.sh", "docs/sesh.1"} <= names
    assert {path for folder in ("tests", "docs", "examples") for path in python_files(folder)} <= names
    assert not {name for name in names if "__pycache__" in name or name.startswith("tests/fidelity/node_modules")}


def test_what_an_index_shows_has_no_relative_link_and_one_extra(built: Path) -> None:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        (metadata,) = (wheel.read(name) for name in wheel.namelist() if name.endswith("/METADATA"))
    with tarfile.open(next(built.glob("*.tar.gz"))) as sdist:
        (member,) = (member for member in sdist.getmembers() if re.fullmatch(r"[^/]+/PKG-INFO", member.name))
        file = sdist.extractfile(member)
        assert file is not None
        for shown in (metadata.decode(), file.read().decode()):
            assert relative(shown) == []
            assert missing(shown) == []
            assert f"{source()}/blob/v{__version__}/docs/" in shown
            assert re.findall(r"^Provides-Extra: (.*)$", shown, re.MULTILINE) == ["mcp"]


def test_the_wheel_runs_away_from_the_checkout(built: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        wheel.extractall(tmp_path)
    says = "import sesh, sesh.__main__, sesh.daemon, sesh.client; print(sesh.__file__, sesh.daemon.__file__)"
    run = subprocess.run(
        [sys.executable, "-c", says],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == [str(tmp_path / "sesh/__init__.py"), str(tmp_path / "sesh/daemon/__init__.py")]
