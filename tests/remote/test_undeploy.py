"""`--undeploy @HOST`: nothing of sesh is left on the host, and nothing of anybody else's is touched."""

from __future__ import annotations

import glob
import json
import os
from pathlib import Path

import pytest

from sesh.cli.printed import PrintedUndeployed
from tests.remote.farm import Far, Farm
from tests.support import Home, processes, wait_until
from tests.support.schemas import described
from tests.support.typed import differences

LEFT = "find . -path ./.ssh -prune -o -print | grep sesh"

pytestmark = pytest.mark.usefixtures("light")


def deployed(home: Home, farm: Farm, word: str) -> Far:
    far = farm.host(word, installed=False)
    assert home.sesh("--deploy", far.at, timeout=60).code == 0
    return far


def records(home: Home) -> list[str]:
    """The records of known remotes."""
    return glob.glob(os.path.join(home.path, ".local/state/sesh/remotes/*.json"))


def left(far: Far) -> list[str]:
    return far.run(LEFT).stdout.split()


def test_a_host_without_sessions_is_left_as_if_sesh_had_never_been_there(home: Home, farm: Farm) -> None:
    far = deployed(home, farm, "box")
    far.write(".config/sesh/config.toml", "keep = 'always'\n")
    assert home.sesh("@box", "--open", "1").code == 0
    refused = home.sesh("--undeploy", "@box")
    assert refused.stderr == "sesh: session 1 runs; nothing was removed; end it: sesh @box --kill 1\n"
    assert home.sesh("@box", "--kill", "1").code == 0
    for name in ("a", "b", "c", "d"):  # so many have a process that they are forked from
        assert home.sesh("@box", "--open", name).code == 0
    before = left(far)
    refused = home.sesh("--undeploy", "@box")
    assert (refused.code, refused.stdout) == (1, "")
    assert refused.stderr == ("sesh: a, b, c, d run; nothing was removed; end them: sesh @box --kill a b c d\n")
    assert set(before) <= set(left(far))
    assert home.sesh("@box", "--kill", "a", "b", "c", "d").code == 0
    assert home.sesh("@box", "--exec", "kept", "--keep", "--", "false").code == 1
    (master,) = farm.masters()
    done = home.sesh("--undeploy", "@box", "--json")
    assert done.code == 0, done
    assert list(differences(done.json(), PrintedUndeployed)) == []
    assert described(done.json(), home.sesh("--schema", "undeploy").json()) == []
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


def test_another_name_of_a_host_that_was_left_is_forgotten_with_its_sessions(home: Home, farm: Farm) -> None:
    """With another port or address it counts as a host of its own: it stayed in lists, with a session that was gone."""
    far = deployed(home, farm, "box")
    farm.host("inner", same_user=far, proxied=True)
    assert home.sesh("@box", "--open", "work").code == 0
    for words in (["@inner", "--list"], ["@box", "--list"], ["--list"]):
        assert "work" in home.sesh(*words).stdout
    assert home.sesh("@box", "--kill", "work").code == 0
    done = home.sesh("--undeploy", "@box")
    assert (done.code, done.stderr) == (0, "sesh: the same machine is forgotten by its other names too: @inner\n")
    assert home.sesh("--list").stdout == ""
    assert "no known remotes" in home.sesh("--upgrade").stderr
    assert not far.exists(".local/bin/sesh")
    gone = home.sesh("--undeploy", "@inner")
    assert (gone.code, gone.stderr) == (1, "sesh: inner has no sesh\n")


def test_a_machine_of_two_names_is_upgraded_once(home: Home, farm: Farm) -> None:
    """Two deployments to one account ran at the same time."""
    far = deployed(home, farm, "box")
    farm.host("inner", same_user=far)
    for word in ("@inner", "@box"):
        assert home.sesh(word, "--list").code == 0
    assert [row["host"] for row in home.sesh("--upgrade", "--json", timeout=60).json()["hosts"]] == ["box"]


def test_sessions_that_were_ended_by_another_name_of_a_host_are_in_no_list(home: Home, farm: Farm) -> None:
    """The host was not asked for its sessions between their end and its own."""
    far = deployed(home, farm, "box")
    inner = farm.host("inner", same_user=far, proxied=True)
    assert home.sesh("@box", "--open", "work").code == 0
    for words in (["@inner", "--list"], ["@box", "--list"]):
        assert "work" in home.sesh(*words).stdout
    assert home.sesh("@box", "--kill-all", "-y").code == 0
    (inner_record,) = (path for path in records(home) if '"inner"' in Path(path).read_text(encoding="utf-8"))
    record = json.loads(Path(inner_record).read_text(encoding="utf-8"))
    home.write(inner_record, json.dumps({**record, "account": ""}), 0o600)  # which is not known
    assert home.sesh("--undeploy", "@box").code == 0
    assert home.sesh("--list").stdout == "@inner  not deployed; install it with: sesh --deploy @inner\n"
    processes.kill(farm.masters())
    inner.proxy.refuse()
    assert "work" not in home.sesh("--list").stdout


def test_of_several_hosts_each_is_tried(home: Home, farm: Farm) -> None:
    busy, free = deployed(home, farm, "busy"), deployed(home, farm, "free")
    assert home.sesh("@busy", "--open", "work").code == 0
    done = home.sesh("--undeploy", "@busy", "@free", "--json")
    assert done.code == 1
    assert [(row["host"], row["exit_code"]) for row in done.json()] == [("busy", 1), ("free", 0)]
    assert (busy.exists(".local/bin/sesh"), left(free)) == (True, [])


def test_a_person_is_asked_before_kept_sessions_are_forgotten(home: Home, farm: Farm) -> None:
    far = deployed(home, farm, "box")
    assert home.sesh("@box", "--exec", "kept", "--keep", "--", "false").code == 1
    terminal = home.terminal("--undeploy", "@box")
    terminal.wait_for("forget what is kept of kept?")
    terminal.type("n")
    assert terminal.exit_code() == 1
    assert far.names() == ["kept"]
    terminal = home.terminal("--undeploy", "@box")
    terminal.wait_for("forget what is kept of kept?")
    terminal.type("y")
    assert terminal.exit_code() == 0
    assert left(far) == []


def test_a_daemon_of_another_directory_of_sessions_keeps_its_version(home: Home, farm: Farm) -> None:
    far = deployed(home, farm, "box")
    other = {"SESH_DIR": f"{far.home}/elsewhere"}
    assert far.run(".local/bin/sesh --open hidden", env=other).code == 0
    assert home.sesh("@box", "--exec", "kept", "--keep", "--", "false").code == 1  # its daemon holds the version, too
    refused = home.sesh("--undeploy", "@box")
    assert (refused.code, "a daemon still runs" in refused.stderr, far.exists(".local/bin/sesh")) == (1, True, True)
    assert far.names() == ["kept"], "it was forgotten, and then the rest was refused"
    assert far.run(".local/bin/sesh --kill hidden", env=other).code == 0
    done = home.sesh("--undeploy", "@box", "--json")
    assert (done.code, done.json()["forgotten"]) == (0, ["kept"])
