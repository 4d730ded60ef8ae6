"""Build sesh's sdist and wheel, pack wheels of its requirements, and install them."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
import zipfile
from email.parser import HeaderParser
from pathlib import Path

from packaging.requirements import Requirement

from sesh.about import DISTRIBUTION
from tests.support import ROOT, Home, need

NOWHERE = "http://127.0.0.1:9"
"""A proxy that does not exist, so that each use of the network fails."""

_LEFT = shutil.ignore_patterns(
    ".git", ".venv*", "__pycache__", "node_modules", "build", "dist", "*.egg-info", ".*_cache", ".hypothesis"
)


def copied(folder: Path) -> Path:
    """Copy the checkout to `folder`, without anything that was built in it."""
    return Path(shutil.copytree(ROOT, folder, symlinks=True, ignore=_LEFT))


def build(folder: Path) -> Path:
    """Build the sdist from a copy of the checkout, then the wheel; return their directory."""
    source = copied(folder / "source")
    run = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "-o", folder / "dist", source],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return folder / "dist"


def wheelhouse(folder: Path, extra: str = "") -> Path:
    """Pack wheels of all requirements, and of an extra's, from the installed packages; return `folder`."""
    wanted, packed = [DISTRIBUTION], {DISTRIBUTION}
    while wanted:
        for line in importlib.metadata.distribution(wanted.pop()).requires or ():
            requirement = Requirement(line)
            if requirement.name in packed or not (
                requirement.marker is None or requirement.marker.evaluate({"extra": extra})
            ):
                continue
            packed.add(requirement.name)
            wanted.append(requirement.name)
            pack(importlib.metadata.distribution(requirement.name), folder)
    return folder


def pack(found: importlib.metadata.Distribution, folder: Path) -> None:
    """Make a wheel of an installed distribution, without the programs that pip installed with it."""
    tags = HeaderParser().parsestr(found.read_text("WHEEL") or "").get_all("Tag", [])
    interpreters, abi, systems = (
        ".".join(dict.fromkeys(part)) for part in zip(*(tag.split("-") for tag in tags), strict=True)
    )
    name = f"{found.name.replace('-', '_').replace('.', '_')}-{found.version}-{interpreters}-{abi}-{systems}.whl"
    with zipfile.ZipFile(folder / name, "w") as wheel:
        for path in found.files or ():
            if (
                ".." in path.parts
                or path.suffix == ".pyc"
                or path.name in ("INSTALLER", "REQUESTED", "direct_url.json")
            ):
                continue
            wheel.write(str(path.locate()), str(path))


def tool(name: str) -> str:
    """Return the path of a program in the development environment, or on the machine."""
    beside = os.path.join(os.path.dirname(sys.executable), name)
    return beside if os.path.exists(beside) else need(name)


def install(home: Home, *command: str) -> None:
    """Run an installer in the home without a network; put the installed sesh on PATH."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        home.env[name] = NOWHERE
    home.env |= {"PIP_CONFIG_FILE": os.devnull, "UV_NO_CONFIG": "1", "UV_PYTHON_DOWNLOADS": "never"}
    done = subprocess.run(command, env=home.env, cwd=home.path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    os.unlink(os.path.join(home.path, "bin", "sesh"))
    home.env["PATH"] = f"{home.path}/.local/bin:{os.environ['PATH']}"


def uv_install(home: Home, wheel: Path, others: Path) -> None:
    """Run `uv tool install` with the wheel, offline."""
    offline = ("--offline", "--no-index", "--find-links", str(others), "--python", sys.executable)
    install(home, tool("uv"), "tool", "install", *offline, str(wheel))
