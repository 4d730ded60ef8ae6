"""A sesh that uv installed deploys and upgrades like one from a checkout."""

from __future__ import annotations

from pathlib import Path

import pytest

from sesh.about import __version__
from tests.remote.farm import Farm
from tests.support import Home
from tests.support.distribution import build, uv_install, wheelhouse


@pytest.mark.soak
def test_a_sesh_that_uv_installed_deploys_itself_and_upgrades(home: Home, farm: Farm, tmp_path: Path) -> None:
    far = farm.host("box", installed=False)
    (wheel,) = build(tmp_path).glob("*.whl")
    (tmp_path / "wheels").mkdir()
    path = home.env["PATH"]
    uv_install(home, wheel, wheelhouse(tmp_path / "wheels"))
    home.env["PATH"] = f"{home.path}/.local/bin:{path}"
    home.command = [f"{home.path}/.local/bin/sesh"]
    assert f"installed sesh {__version__} on box" in home.sesh("deploy", "@box").stderr
    assert far.run(".local/bin/sesh exec --print -- echo hello").stdout == "hello\n"
    assert home.sesh("@box", "open", "work").code == 0
    upgraded = home.sesh("upgrade", "-y")
    assert (upgraded.code, f"box has sesh {__version__} already" in upgraded.stderr) == (0, True)
    assert home.sesh("@box", "kill", "work").code == 0
