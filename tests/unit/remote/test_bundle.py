"""The deployed archive: its contents, and the same bytes every time."""

from __future__ import annotations

import hashlib
import importlib.metadata
import io
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from sesh.about import DISTRIBUTION, __version__
from sesh.remote.deploy import bundle
from sesh.remote.deploy.bundle import Bundle
from tests.house.source import modules


@pytest.fixture(scope="module")
def made() -> Bundle:
    return bundle.build()


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return bundle.files()


def test_all_of_sesh_is_in_it_and_nothing_else_of_the_checkout(files: dict[str, bytes]) -> None:
    own = {path for path in files if path.startswith("lib/sesh/") and path.endswith(".py")}
    assert own == {os.path.join("lib", "sesh", m.path) if m.room else f"lib/{m.path}" for m in modules()}
    assert {"lib/sesh/py.typed", "lib/sesh/cli/skill.md"} <= files.keys()
    assert [path for path in files if re.search(r"__pycache__|\.pyc$|(^|/)tests/", path)] == []


def test_what_sesh_needs_is_in_it_as_plain_python_and_what_only_deploying_needs_is_not(files: dict[str, bytes]) -> None:
    tops = {path.split("/")[1] for path in files if path.count("/") > 1 and ".dist-info" not in path}
    needed = {"ptyprocess", "pyte", "wcwidth", "typer", "shellingham", "rich", "tomli", "sesh"}
    assert needed <= tops
    assert tops.isdisjoint(
        {"pydantic", "pygments", "fabric", "paramiko", "invoke", "cryptography", "pytest", "hypothesis", "pip", "mypy"}
    )
    outside = {path for path in files if not path.startswith("lib/sesh/") and ".dist-info/" not in path}
    assert [path for path in outside if not path.endswith((".py", "/LICENSE.txt"))] == []


def test_what_a_build_left_in_a_checkout_changes_nothing(
    files: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`make pyz` took the list of sources there for that of an installation."""
    left = tmp_path / f"{DISTRIBUTION.replace('-', '_')}.egg-info"
    left.mkdir()
    needs = "".join(f"Requires-Dist: {each}\n" for each in importlib.metadata.requires(DISTRIBUTION) or ())
    (left / "PKG-INFO").write_text(f"Metadata-Version: 2.4\nName: {DISTRIBUTION}\nVersion: {__version__}\n{needs}")
    (left / "SOURCES.txt").write_text("other.py\n")
    (tmp_path / "other.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    assert bundle.files() == files


def test_it_runs_alone_on_any_python_of_the_host_and_makes_the_same_archive_there(made: Bundle, tmp_path: Path) -> None:
    """A deployed sesh can deploy itself to a further host, whatever its environment."""
    with zipfile.ZipFile(io.BytesIO(made.archive)) as archive:
        archive.extractall(tmp_path)
    code = (
        f"import hashlib, os, sys; os.umask(0o77); sys.path.insert(0, {str(tmp_path / 'lib')!r})\n"
        "import tomli, rich.progress, sesh.cli.app, typer\n"
        "from sesh.remote.deploy import bundle\n"
        "made = bundle.build(); print(made.name, hashlib.sha256(made.archive).hexdigest())\n"
    )
    variables = {"PATH": os.environ["PATH"], "PYTHONHASHSEED": "2", "TZ": "Asia/Tokyo", "LC_ALL": "C"}
    words = [sys.executable, "-SsBc", code]
    run = subprocess.run(words, env=variables, check=True, cwd="/", capture_output=True, text=True)
    assert run.stdout == f"{made.name} {hashlib.sha256(made.archive).hexdigest()}\n"


def test_its_name_is_made_of_the_version_and_of_all_that_is_in_it(made: Bundle, files: dict[str, bytes]) -> None:
    assert re.fullmatch(rf"{re.escape(__version__)}-[0-9a-f]{{12}}", made.name)
    assert bundle.packed(files) == made
    assert bundle.packed({**files, "lib/sesh/__init__.py": b"#"}).name != made.name
