"""Installs by pipx and `make install`, of two versions, share one directory of sessions."""

from __future__ import annotations

import copy
import importlib.metadata
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from sesh.about import __version__
from tests.support import PROMPT, Home
from tests.support.distribution import NOWHERE, copied, pack, tool, wheelhouse

pytestmark = pytest.mark.soak

NEWER = "99.0.1"
"""The version of the sesh that make installs."""


@dataclass(frozen=True)
class Installs:
    """The home with the sesh of each install, and the newer checkout, where `make` runs."""

    piped: Home
    made: Home
    checkout: Path

    def make(
        self, target: str, variables: dict[str, str] | None = None, code: int = 0
    ) -> subprocess.CompletedProcess[str]:
        """Call make as a user does."""
        return run(self.made, self.checkout, ["make", target], variables or {}, code)


def run(
    home: Home, folder: Path, words: list[str], variables: dict[str, str], code: int = 0
) -> subprocess.CompletedProcess[str]:
    env = {**home.env, **variables}
    done = subprocess.run(
        words, env=env, cwd=folder, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


def another_python() -> str:
    """Return a Python of another version that can create environments, or else this Python."""
    for minor in (13, 12, 11, 10):
        found = shutil.which(f"python3.{minor}") if sys.version_info[:2] != (3, minor) else None
        if found and not subprocess.run([found, "-c", "import venv, ensurepip"], check=False).returncode:
            return found
    return sys.executable


@pytest.fixture
def installs(home: Home, tmp_path: Path) -> Installs:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    pack(importlib.metadata.distribution("setuptools"), wheelhouse(wheels))
    checkout = copied(tmp_path / "checkout")
    offline = {
        "PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels), "https_proxy": NOWHERE,
    }  # fmt: skip

    folder = f"{home.path}/pipx"
    own = {"PIPX_HOME": folder, "PIPX_BIN_DIR": f"{folder}/bin"}
    own |= {"PIPX_MAN_DIR": f"{folder}/man", "PIPX_COMPLETION_DIR": f"{folder}/completion"}
    words = [tool("pipx"), "install", "--python", sys.executable, f"--pip-args=--no-index --find-links {wheels}", "."]
    run(home, checkout, words, {**offline, **own})
    piped, made = copy.copy(home), copy.copy(home)
    piped.command = [f"{folder}/bin/sesh"]

    about = checkout / "sesh" / "about.py"
    about.write_text(about.read_text(encoding="utf-8").replace(f'"{__version__}"', f'"{NEWER}"'), encoding="utf-8")
    shutil.rmtree(checkout / "build", ignore_errors=True)
    # Binary packages are available for one Python only, and sessions need none of them.
    project = checkout / "pyproject.toml"
    lines = project.read_text(encoding="utf-8").splitlines(keepends=True)
    project.write_text("".join(line for line in lines if not line.startswith('    "fabric')), encoding="utf-8")
    offline |= {"PYTHON": another_python()}
    found = Installs(piped, made, checkout)
    found.make("install", offline)
    made.command = [f"{home.path}/.local/bin/sesh"]
    return found


def version_of(home: Home, name: str) -> str:
    return str(home.sesh("--status", name, "--json").json()["version"])


def use(home: Home, theirs: str, attached: str) -> None:
    """Use sessions of the other install as a user and as a script."""
    assert len(home.sesh("--list", "--json").json()) == 8
    done = home.sesh("--run", theirs, "--", "echo $((40+2)); (exit 3)")
    assert (done.code, done.stdout) == (3, "42\n"), done.stderr
    terminal = home.terminal(attached)
    terminal.wait_for(PROMPT)
    terminal.type("echo on-$((40+2))\r")
    terminal.wait_for("on-42")
    terminal.type(b"\x1c")
    assert terminal.exit_code() == 0
    job = home.sesh("--exec", "--print", "--", "sh", "-c", "echo out; exit 5")
    assert (job.code, job.stdout) == (5, "out\n")
    swept = home.sesh("--sweep", "--dry-run", "--older", "0s")
    assert swept.stdout.startswith("no leftovers"), swept.stdout


def test_two_installs_share_and_move_sessions_and_an_uninstall_names_those_it_leaves(
    installs: Installs,
) -> None:
    piped, made = installs.piped, installs.made
    assert piped.sesh("--version").stdout.split() == ["sesh", __version__]
    assert made.sesh("--version").stdout.split() == ["sesh", NEWER]
    for number in range(4):  # each install has its zygote, which must not fork for the other
        assert piped.sesh("--open", f"p{number}").code == 0
        assert made.sesh("--open", f"m{number}").code == 0
    use(piped, "m3", "m2")
    use(made, "p3", "p2")
    assert [version_of(piped, name) for name in ("p3", "m3")] == [__version__, NEWER]

    # Each moves a session of the other, up and down.
    for mine, name, version in ((made, "p2", NEWER), (piped, "m2", __version__)):
        moved = mine.sesh("--reload", name)
        assert (moved.code, moved.stdout) == (0, f"{name} runs the installed sesh now\n"), moved.stderr
        assert version_of(mine, name) == version
        assert "on-42" in mine.sesh("--screen", name).stdout

    # --doctor warns of the sesh that comes first in PATH, and of sessions of another version.
    first = {"PATH": f"{made.path}/.local/bin:/usr/bin:/bin"}
    checks = piped.sesh("--doctor", "--json", env=first).json()["checks"]
    found = [check for check in checks if check["check"] in ("program", "versions") and check["state"] == "warning"]
    assert {check["check"] for check in found} == {"program", "versions"}
    assert all(__version__ in check["message"] for check in found)
    assert all(check["remedy"] for check in found)

    # Uninstalling is refused, with the names of the sessions that run from this install.
    refused = installs.make("uninstall", code=2).stderr
    assert "4 sessions run from" in refused
    assert ": m0, m1, m3, p2; end them: sesh --kill m0 m1 m3 p2; FORCE=1 " in refused
    assert made.sesh("--status", "m0").code == 0
    for name in ("m1", "m3", "p2"):
        assert made.sesh("--kill", name).code == 0
    assert made.sesh("--wait", "m0", "--idle", "1.5").code == 0

    # FORCE=1 removes the install; its sessions go on, and can be moved to the other install.
    gone = installs.make("uninstall", {"FORCE": "1"})
    assert f"stays: {made.directory} (sessions and how they ended)\n" in gone.stdout
    assert "rm -r" not in gone.stdout, "not with sessions that run"
    assert gone.stdout.endswith(f"removed: {made.path}/.local/share/sesh/venv and its link\n")
    assert not os.path.lexists(f"{made.path}/.local/bin/sesh")
    assert piped.sesh("--reload", "m0").code == 0
    assert piped.sesh("--run", "m0", "--", "echo alive").stdout == "alive\n"
