"""Text with `--enter` for a composer on a host, while links break: submitted once, whichever step the cut comes at."""

from __future__ import annotations

import os

import pytest

from tests.remote.farm import Farm
from tests.remote.pace import brisk
from tests.support import Home, wait_until
from tests.terminal.test_submitting import COMPOSER

pytestmark = pytest.mark.skipif(not os.path.exists("/proc/self/syscall"), reason="this kernel does not say who reads")

TEXT = " ".join(f"word{number}" for number in range(900))


@pytest.mark.parametrize("step", ["asked", "typed", "submitted"])
def test_a_text_is_submitted_once_whichever_step_the_cut_comes_at(
    home: Home, farm: Farm, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    brisk(monkeypatch)
    far = farm.host("box", proxied=True)
    source = far.write("composer.py", COMPOSER)
    opened = home.sesh(
        "@box", "--open", "agent", "--", "python3", source, os.path.join(far.home, "taken"), "0.5", "takes"
    )
    assert opened.code == 0, opened.stderr
    wait_until(lambda: "ready" in home.sesh("@box", "--screen", "agent").stdout)
    position = home.sesh("@box", "--status", "agent", "--json").json()["position"]
    process = home.start("@box", "--send", "agent", TEXT, "--enter", "--json")
    if step == "asked":
        far.proxy.cut()
    elif step == "typed":
        wait_until(lambda: far.sesh("--status", "agent", "--json").json()["position"] > position)
        far.proxy.cut()
    else:
        wait_until(lambda: far.exists("taken"))
        far.proxy.cut()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert b'"submitted": true' in out
    assert [eval(line).rstrip("\n") for line in far.read("taken").splitlines()] == [TEXT]  # noqa: S307 (the composer's)
