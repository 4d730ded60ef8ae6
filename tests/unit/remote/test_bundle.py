"""The archive that is deployed: what is in it, that it is the same every time, and that it fits the machine."""

from __future__ import annotations

import email
import email.message
import importlib.metadata
import io
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from sesh.about import __version__
from sesh.errors import Refused
from sesh.remote.deploy import bundle
from sesh.remote.deploy.bundle import Bundle
from sesh.remote.deploy.survey import Platform, Python
from tests.house.source import modules
from tests.support import ROOT

HERE = Python("/usr/bin/python3", "{}.{}.{}".format(*sys.version_info[:3]))
DEBIAN = Platform("Linux", "x86_64", "glibc", "2.36")
ALPINE = Platform("Linux", "aarch64", "musl", "1.2.4")
MAC = Platform("Darwin", "arm64", "", "14.2")


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing was built or fetched before; pip is not there, so that nothing is fetched now."""
    monkeypatch.setattr(bundle, "_bundles", {})
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(bundle, "_run_pip", lambda _: "there is no pip")


@pytest.fixture
def made(fresh: None, monkeypatch: pytest.MonkeyPatch) -> Bundle:
    """The bundle for a machine like this one."""
    monkeypatch.setattr(bundle, "fits", lambda *_: True)
    return bundle.build(DEBIAN, HERE)


def members(made: Bundle) -> list[tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(made.packed())) as archive:
        return archive.getmembers()


def some(files: dict[str, bytes]) -> dict[str, bytes]:
    """A tenth of them, which are compressed in a tenth of the time."""
    return dict([*files.items()][::10])


def test_all_of_sesh_is_in_it_and_nothing_else_of_the_checkout(made: Bundle) -> None:
    own = {path for path in made.files if path.startswith("lib/sesh/") and path.endswith(".py")}
    assert own == {os.path.join("lib", "sesh", m.path) if m.room else f"lib/{m.path}" for m in modules()}
    assert {"lib/sesh/py.typed", "lib/sesh/cli/skill.md"} <= made.files.keys()
    assert [path for path in made.files if re.search(r"__pycache__|\.pyc$|(^|/)tests/", path)] == []


def test_what_sesh_needs_is_in_it_and_what_only_deploying_needs_is_not(made: Bundle) -> None:
    tops = {path.split("/")[1] for path in made.files if path.count("/") > 1 and ".dist-info" not in path}
    assert {"ptyprocess", "pyte", "wcwidth", "typer", "rich", "sesh"} <= tops
    assert tops.isdisjoint(
        {"pydantic", "fabric", "paramiko", "invoke", "cryptography", "pytest", "hypothesis", "pip", "mypy"}
    )


def test_members_are_plain_sorted_and_nobodys(made: Bundle) -> None:
    found = members(made)
    names = [member.name for member in found]
    assert names == ["MANIFEST", *sorted(names[1:])]
    assert {(m.type, m.mode, m.mtime, m.uid, m.gid, m.uname, m.gname) for m in found} == {
        (tarfile.REGTYPE, 0o644, bundle.EPOCH, 0, 0, "", "")
    }
    assert sum(member.size for member in found) == made.size


def test_its_name_is_made_of_the_version_and_of_all_that_is_in_it(made: Bundle) -> None:
    assert re.fullmatch(rf"{re.escape(__version__)}-[0-9a-f]{{12}}", made.name)
    assert Bundle(made.files).name == made.name
    assert Bundle({**made.files, "lib/sesh/__init__.py": b"#"}).name != made.name
    assert Bundle(some(made.files)).packed() == Bundle(some(made.files)).packed()


def test_the_same_input_gives_the_same_bytes_in_another_process_at_another_time(tmp_path: Path) -> None:
    code = (
        "import hashlib, os, sys; os.umask(int(sys.argv[1], 8))\n"
        "from sesh.remote.deploy import bundle\n"
        "from sesh.remote.deploy.survey import Platform, Python\n"
        "bundle.fits = lambda *_: True\n"
        f"made = bundle.build(Platform('Linux', 'x86_64', 'glibc', '2.36'), Python('/p', {HERE.version!r}))\n"
        "few = bundle.Bundle(dict([*made.files.items()][::10]))\n"
        "print(made.name, hashlib.sha256(few.packed()).hexdigest())\n"
    )
    said = []
    for umask, seed, zone in (("022", "1", "UTC"), ("077", "2", "Asia/Tokyo")):
        variables = {**os.environ, "PYTHONPATH": ROOT, "PYTHONHASHSEED": seed, "TZ": zone, "LC_ALL": "C"}
        words = [sys.executable, "-c", code, umask]
        run = subprocess.run(words, env=variables, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stderr
        said.append(run.stdout)
    assert said[0] == said[1]


@pytest.mark.parametrize(
    ("tag", "platform", "version", "flags", "fit"),
    [
        ("cp311-cp311-manylinux_2_17_x86_64", DEBIAN, "3.11.9", "", True),
        ("cp311-cp311-manylinux2014_x86_64", DEBIAN, "3.11.9", "", True),
        ("cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64", DEBIAN, "3.11.9", "", True),
        ("cp311-cp311-manylinux_2_39_x86_64", DEBIAN, "3.11.9", "", False),
        ("cp311-cp311-manylinux_2_17_aarch64", DEBIAN, "3.11.9", "", False),
        ("cp311-cp311-musllinux_1_1_x86_64", DEBIAN, "3.11.9", "", False),
        ("cp311-cp311-linux_x86_64", DEBIAN, "3.11.9", "", False),
        ("cp311-cp311-manylinux_2_17_x86_64", DEBIAN, "3.12.0", "", False),
        ("cp313-cp313-manylinux_2_17_x86_64", DEBIAN, "3.13.0", "t", False),
        ("cp313-cp313t-manylinux_2_17_x86_64", DEBIAN, "3.13.0", "t", True),
        ("cp310-abi3-manylinux_2_17_x86_64", DEBIAN, "3.13.0", "", True),
        ("cp310-abi3-manylinux_2_17_x86_64", DEBIAN, "3.13.0", "t", False),
        ("cp312-abi3-manylinux_2_17_x86_64", DEBIAN, "3.11.0", "", False),
        ("py3-none-any", ALPINE, "3.11.0", "", True),
        ("py2.py3-none-any", ALPINE, "3.11.0", "", True),
        ("cp312-cp312-musllinux_1_1_aarch64", ALPINE, "3.12.0", "", True),
        ("cp312-cp312-musllinux_1_3_aarch64", ALPINE, "3.12.0", "", False),
        ("cp312-cp312-manylinux_2_17_aarch64", ALPINE, "3.12.0", "", False),
        ("cp312-cp312-macosx_11_0_arm64", MAC, "3.12.0", "", True),
        ("cp312-cp312-macosx_14_0_universal2", MAC, "3.12.0", "", True),
        ("cp312-cp312-macosx_15_0_arm64", MAC, "3.12.0", "", False),
        ("cp312-cp312-macosx_11_0_x86_64", MAC, "3.12.0", "", False),
        ("cp312-cp312-macosx_11_0_arm64", DEBIAN, "3.12.0", "", False),
    ],
)
def test_a_wheel_fits_a_machine_or_not(tag: str, platform: Platform, version: str, flags: str, fit: bool) -> None:
    assert bundle.fits([tag], platform, Python("/p", version, flags)) == fit


def test_a_package_for_a_newer_python_is_refused(fresh: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "fits", lambda *_: True)
    with pytest.raises(Refused, match=r"needs Python >=3\.\d+, but the host has 3\.2\.0$"):
        bundle.build(DEBIAN, Python("/p", "3.2.0"))


def test_a_package_that_names_no_python_fits_any(fresh: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its metadata raises for a field that is missing: by a warning from Python 3.12 on, later by KeyError."""

    class Strict(email.message.Message):
        def __getitem__(self, name: str) -> Any:
            if name not in self:
                raise KeyError(name)
            return super().__getitem__(name)

    def strict(distribution: importlib.metadata.Distribution) -> Any:
        return email.message_from_string(distribution.read_text("METADATA") or "", _class=Strict)

    monkeypatch.setattr(importlib.metadata.Distribution, "metadata", property(strict))
    monkeypatch.setattr(bundle, "fits", lambda *_: True)
    assert "Requires-Python" not in importlib.metadata.distribution("ptyprocess").metadata
    assert "lib/ptyprocess/__init__.py" in bundle.build(DEBIAN, HERE).files
