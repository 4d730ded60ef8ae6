"""The built wheel, installed by pipx and by uv with nothing but files of this machine: what a person has then."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from sesh.about import DISTRIBUTION, PROGRAM, __version__
from tests.support import Home
from tests.support.distribution import build, install, tool, uv_install, wheelhouse

pytestmark = pytest.mark.soak

MANUAL = "share/man/man1/sesh.1"
COMPLETIONS = (
    "bash-completion/completions/sesh.bash",
    "zsh/site-functions/_sesh",
    "fish/vendor_completions.d/sesh.fish",
)


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The wheel, and the directory with those of its dependencies."""
    (wheel,) = build(tmp_path_factory.mktemp("built")).glob("*.whl")
    return wheel, wheelhouse(tmp_path_factory.mktemp("wheels"))


def try_out(home: Home, tools: Path) -> None:
    """Both programs, a session, and the files that other programs look for."""
    for name in (PROGRAM, DISTRIBUTION):
        home.command = [os.path.join(home.path, ".local", "bin", name)]
        assert home.sesh("--version").stdout == f"{PROGRAM} {__version__}\n"
        assert home.sesh("--exec", "--print", "--", "echo", "it works").stdout == "it works\n"
        assert home.sesh("--attach", "nope").stderr.startswith(f"{name}: no session nope; `{name}` lists")
        assert "  sesh kill work\n" in home.sesh("--kill", "--help").stdout
    terminal = home.terminal("work", "--", "sh", "-c", "echo here; exec sleep 600")
    terminal.wait_for("here")
    terminal.type("\x1c")
    assert terminal.exit_code() == 0
    assert [row["name"] for row in home.sesh("--list", "--json").json()] == ["work"]
    share = tools / DISTRIBUTION / "share"
    assert all((share / path).is_file() for path in COMPLETIONS)
    for shell, path in zip(("bash", "zsh", "fish"), COMPLETIONS, strict=True):
        assert home.sesh("--completions", shell).stdout == (share / path).read_text(encoding="utf-8")
    assert (share.parent / MANUAL).is_file()
    assert home.sesh("--reload").code == 0
    assert home.sesh("--kill", "work").code == 0


def test_pipx_installs_the_wheel_offline_with_both_programs_and_the_manual_page(
    home: Home, wheels: tuple[Path, Path]
) -> None:
    wheel, others = wheels
    pip = f"--no-index --find-links {others}"
    install(home, tool("pipx"), "install", "--python", sys.executable, f"--pip-args={pip}", str(wheel))
    try_out(home, Path(home.path, ".local", "share", "pipx", "venvs"))
    linked = (MANUAL, *(f"share/{path}" for path in COMPLETIONS))
    assert [path for path in linked if not Path(home.path, ".local", path).is_file()] == [], "pipx links them"


def test_uv_installs_the_wheel_offline_with_both_programs(home: Home, wheels: tuple[Path, Path]) -> None:
    wheel, others = wheels
    uv_install(home, wheel, others)
    try_out(home, Path(home.path, ".local", "share", "uv", "tools"))
