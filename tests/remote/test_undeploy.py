"""`--undeploy @HOST`: nothing of sesh is left on the host, and nothing of anybody else's is touched."""

from __future__ import annotations

import os

import pytest

from sesh.cli.printed import PrintedUndeployed
from tests.remote.farm import Far, Farm
from tests.support import Home, processes, wait_until
from tests.support.typed import differences

LEFT = "find . -path ./.ssh -prune -o -print | grep sesh"

pytestmark = pytest.mark.usefixtures("light")


def deployed(home: Home, farm: Farm, word: str) -> Far:
    far = farm.host(word, installed=False)
    assert home.sesh("--deploy", far.at, timeout=60).code == 0
    return far


def left(far: Far) -> list[str]:
    return far.run(LEFT).stdout.split()


def test_a_host_without_sessions_is_left_as_if_sesh_had_never_been_there(home: Home, farm: Farm) -> None:
    far = deployed(home, farm, "box")
    far.write(".config/sesh/config.toml", "keep = 'always'\n")
    for name in ("a", "b", "c", "d"):  # so many have a process that they are forked from
        assert home.sesh("@box", "--open", name).code == 0
    before = left(far)
    refused = home.sesh("--undeploy", "@box")
    assert (refused.code, refused.stdout) == (1, "")
    assert refused.stderr == ("sesh: a, b, c, d run; nothing was removed; end them: sesh @box --kill a b c d\n")
    assert set(before) <= set(left(far))
    assert home.sesh("@box", "--kill", "a", "b", "c", "d").code == 0
    assert home.sesh("@box", "--exec", "kept", "--keep", "--", "false").code == 1
    terminal = home.terminal("--undeploy", "@box")
    terminal.wait_for("forget what is kept of kept?")
    terminal.type("n")
    assert terminal.exit_code() == 1
    assert far.names() == ["kept"]
    (master,) = farm.masters()
    done = home.sesh("--undeploy", "@box", "--json")
    assert done.code == 0, done
    assert list(differences(done.json(), PrintedUndeployed)) == []
    assert (done.json()["host"], done.json()["forgotten"]) == ("box", ["kept"])
    assert f"{far.home}/.sesh" in done.json()["removed"]
    assert left(far) == ["./.config/sesh", "./.config/sesh/config.toml"]
    wait_until(lambda: not processes.exists(master), what="the end of the shared connection")
    calls = len(farm.connections())
    assert home.sesh("--list").code == 0
    assert len(farm.connections()) == calls
    gone = home.sesh("--undeploy", "@box")
    assert (gone.code, gone.stderr) == (1, "sesh: box has no sesh\n")
    wait_until(lambda: not farm.masters(), what="the end of that which looked")


def test_what_sesh_did_not_install_stays(home: Home, farm: Farm) -> None:
    far = farm.host("theirs")
    assert home.sesh("@theirs", "--exec", "--keep", "--", "true").code == 0
    refused = home.sesh("--undeploy", "@theirs")
    assert (refused.code, "not put here by --deploy" in refused.stderr) == (1, True)
    assert far.exists(".local/bin/sesh")
    assert far.exists(".sesh")
    ours = deployed(home, farm, "ours")
    ours.write(
        ".local/bin/sesh", f"#!/bin/sh\nexec {ours.run('sed -n 3p .local/bin/sesh').stdout.partition(' ')[2]}", 0o755
    )
    mine = [
        ".sesh/notes.json", ".sesh/.results/mine", ".local/state/sesh/work/box/diary.md", ".cache/sesh/mine",
        ".local/share/sesh/versions/mine/start.py",
    ]  # fmt: skip
    for path in mine:
        ours.write(path, "mine\n")
    for path in (".sesh", ".sesh/.results", ".local/state/sesh"):
        ours.run(f"chmod 700 {path}")
    done = home.sesh("--undeploy", "@ours")
    assert (done.code, done.stderr.count(" stays: ")) == (0, 5)
    assert sorted(path for path in left(ours) if os.path.isfile(os.path.join(ours.home, path))) == sorted(
        f"./{path}" for path in (".local/bin/sesh", *mine)
    )
