"""The wheel installs the package `sesh` alone and complete, and works without the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from sesh.about import DISTRIBUTION, __version__
from tests.house.source import ROOMS, modules, read
from tests.support.distribution import build

pytestmark = pytest.mark.soak

DATA = {
    "share/man/man1/sesh.1",
    "share/man/man1/sesh-mux.1",
    "share/bash-completion/completions/sesh.bash",
    "share/bash-completion/completions/sesh-mux.bash",
    "share/zsh/site-functions/_sesh",
    "share/fish/vendor_completions.d/sesh.fish",
    "share/fish/vendor_completions.d/sesh-mux.fish",
    "share/fish/vendor_conf.d/00-sesh.fish",
}
"""Files below the prefix, where man and the shells look for them."""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the sdist, and the wheel that was built from it."""
    return build(tmp_path_factory.mktemp("built"))


def installed() -> set[str]:
    """The paths of all modules as an installed sesh has them."""
    return {f"sesh/{m.path}" if m.path.split("/")[0] in ROOMS else m.path for m in modules()}


def test_the_wheel_holds_sesh_alone_and_every_module_of_it(built: Path) -> None:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        names = set(wheel.namelist())
        assert wheel.read("sesh/cli/skill.md").decode() == read("docs/AGENTS.md"), "a link in the repository"
    stem = f"{DISTRIBUTION.replace('-', '_')}-{__version__}"
    assert {name.split("/")[0] for name in names} == {"sesh", f"{stem}.dist-info", f"{stem}.data"}
    assert {name.partition("/data/")[2] for name in names if name.startswith(f"{stem}.data/")} == DATA
    assert {name for name in names if name.endswith(".py")} == installed()
    scripts = ("sesh.bash", "_sesh", "sesh.fish", "init.bash", "init.zsh", "init.fish")
    assert {"sesh/py.typed", *(f"sesh/completions/{script}" for script in scripts)} <= names


def test_the_sdist_holds_what_the_wheel_is_made_of(built: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    assert installed() <= names
    assert {"pyproject.toml", "LICENSE", "README.md", "CHANGELOG.md", "Makefile", ".ci/venv.sh", "docs/sesh.1"} <= names


def test_the_wheel_runs_away_from_the_checkout(built: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        wheel.extractall(tmp_path)
    says = "import sesh, sesh.__main__, sesh.daemon, sesh.client; print(sesh.__file__, sesh.daemon.__file__)"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    words = [sys.executable, "-c", says]
    run = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert run.stdout.split() == [str(tmp_path / "sesh/__init__.py"), str(tmp_path / "sesh/daemon/__init__.py")]
