"""Installing with pipx, uv or neither, uninstalling, and sesh.pyz on other Pythons."""

from __future__ import annotations

import glob
import importlib.metadata
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from sesh.about import DISTRIBUTION, PROGRAM, __version__
from sesh.remote.deploy import bundle
from tests.support import Home
from tests.support.distribution import NOWHERE, copied, pack, tool, wheelhouse

pytestmark = pytest.mark.soak

SHARED = {
    "bash": "bash-completion/completions/sesh.bash",
    "zsh": "zsh/site-functions/_sesh",
    "fish": "fish/vendor_completions.d/sesh.fish",
}
MANUAL = "man/man1/sesh.1"
INTEGRATION = "fish/vendor_conf.d/00-sesh.fish"


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with wheels of what sesh needs, and of what builds it."""
    folder = wheelhouse(tmp_path_factory.mktemp("wheels"))
    pack(importlib.metadata.distribution("setuptools"), folder)
    return folder


def make(home: Home, checkout: Path, target: str, **variables: str) -> str:
    """What make prints for a target."""
    env = {**home.env, **variables}
    done = subprocess.run(["make", target], env=env, cwd=checkout, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def has(home: Home, wheels: Path, tools: Path, by: str) -> None:
    """Give the home only this installer, or none, and the wheels instead of a network."""
    tools.mkdir()
    if by:
        (tools / by).symlink_to(tool(by))
    home.env |= {
        "PATH": f"{tools}:{home.path}/.local/bin:/usr/bin:/bin", "PYTHON": sys.executable, "https_proxy": NOWHERE,
        "PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels),
        "PIPX_DEFAULT_PYTHON": sys.executable,
        "UV_NO_CONFIG": "1", "UV_OFFLINE": "1", "UV_NO_INDEX": "1", "UV_FIND_LINKS": str(wheels),
        "UV_PYTHON": sys.executable, "UV_PYTHON_DOWNLOADS": "never",
    }  # fmt: skip


def files(home: Home) -> list[str]:
    """Return the files below ~/.local, except those that pipx and uv keep for themselves."""
    below = Path(home.path, ".local")
    own = (below / "share" / "pipx", below / "share" / "uv", below / "state")
    return sorted(str(path) for path in below.rglob("*") if not path.is_dir() and not set(own) & set(path.parents))


def works(home: Home) -> None:
    """Check that `home.command` runs jobs and sessions, and prints errors and help."""
    assert home.sesh("--version").stdout == f"{PROGRAM} {__version__}\n"
    assert home.sesh("exec", "--print", "--", "echo", "it works").stdout == "it works\n"
    assert home.sesh("attach", "nope").stderr.startswith(f"{PROGRAM}: no session nope; `{PROGRAM}` lists")
    assert "  sesh kill work\n" in home.sesh("kill", "--help").stdout
    terminal = home.terminal("work", "--", "sh", "-c", "echo here; exec sleep 600")
    terminal.wait_for("here")
    terminal.type("\x1c")
    assert terminal.exit_code() == 0
    assert [row["name"] for row in home.sesh("list", "--json").json()] == ["work"]
    assert home.sesh("kill", "work").code == 0


@pytest.mark.parametrize("by", ["pipx", "uv", ""])
def test_make_installs_by_what_the_machine_has_and_takes_exactly_that_away(
    home: Home, wheels: Path, tmp_path: Path, by: str
) -> None:
    checkout = copied(tmp_path / "checkout")
    has(home, wheels, tmp_path / "tools", by)
    if not by:  # uv links nothing there, and what pipx links is up to pipx
        home.write(f".local/share/{SHARED['zsh']}", "# mine\n")
    before = files(home)

    for _ in range(2):
        said = make(home, checkout, "install")
        assert ("_sesh was not installed by sesh and stays\n" in said) == (not by)
    (environment,) = {os.path.dirname(os.path.dirname(os.readlink(f"{home.path}/.local/bin/{PROGRAM}")))}
    assert {"pipx": "/pipx/venvs/", "uv": "/uv/tools/", "": "/share/sesh/venv"}[by] in environment
    for name in (PROGRAM, DISTRIBUTION):
        home.command = [os.path.join(home.path, ".local", "bin", name)]
        works(home)
    home.sesh("open", "work")
    for shell, path in SHARED.items():
        shared = Path(home.path, ".local", "share", path).read_text(encoding="utf-8")
        assert shared in (home.sesh("completions", shell).stdout, "# mine\n")
    assert Path(home.path, ".local", "share", MANUAL).is_file()
    assert "shell-init fish" in Path(home.path, ".local", "share", INTEGRATION).read_text(encoding="utf-8")
    assert "sesh reload" in make(home, checkout, "install"), "what runs is to be moved"
    assert home.sesh("reload").code == 0
    assert home.sesh("kill", "work").code == 0

    make(home, checkout, "uninstall")
    assert files(home) == before
    assert not os.path.exists(environment)


@pytest.mark.parametrize("by", ["pipx", "uv", ""])
def test_make_replaces_another_program_if_told_so_and_leaves_one_that_came_later(
    home: Home, wheels: Path, tmp_path: Path, by: str
) -> None:
    """With pipx the other program stayed, but sesh was said to be installed; `make uninstall` said that it was not."""
    checkout = copied(tmp_path / "checkout")
    has(home, wheels, tmp_path / "tools", by)
    other = home.write(".local/bin/sesh", "#!/bin/sh\necho other\n", 0o755)
    before = files(home)
    assert f"installed: {other}\n" in make(home, checkout, "install", FORCE="1")
    home.command = [other]
    assert home.sesh("--version").stdout == f"{PROGRAM} {__version__}\n"
    os.unlink(other)
    home.write(".local/bin/sesh", "#!/bin/sh\necho other\n", 0o755)
    make(home, checkout, "uninstall")
    assert files(home) == before
    assert home.sesh("--version").stdout == "other\n"


def test_make_does_not_replace_another_program(home: Home, tmp_path: Path) -> None:
    mine, checkout = home.write(".local/bin/sesh", "#!/bin/sh\n"), copied(tmp_path / "checkout")
    done = subprocess.run(["make", "install"], env=home.env, cwd=checkout, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"{mine} is another program and stays" in done.stderr
    assert Path(mine).read_text(encoding="utf-8") == "#!/bin/sh\n"


@pytest.mark.parametrize("version", ["3.10", "3.13"])
def test_sesh_pyz_runs_on_a_python_without_any_package(home: Home, tmp_path: Path, version: str) -> None:
    file = tmp_path / "sesh.pyz"
    file.write_bytes(bundle.build().archive)
    home.command = [python(version), "-IS", os.fspath(file)]
    works(home)


def python(version: str) -> str:
    """Return a Python of this version from PATH or pyenv, or skip the test."""
    pyenv = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    for program in (f"python{version}", *glob.glob(f"{pyenv}/versions/{version}.*/bin/python")):
        with suppress(OSError):
            ask = [program, "-c", "import sys; print(sys.executable)"]
            done = subprocess.run(ask, capture_output=True, text=True, check=False)
            if done.returncode == 0:
                return done.stdout.strip()
    pytest.skip(f"no Python {version} here")
