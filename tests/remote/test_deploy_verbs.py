"""`deploy @HOST…` and `upgrade` as they are typed."""

from __future__ import annotations

import os

import pytest

from sesh.about import __version__
from sesh.remote.deploy import bundle
from tests.remote.accounts import ROOT
from tests.remote.farm import Farm
from tests.remote.test_deploy import deployed, versions
from tests.remote.via import Beside
from tests.support import Home, need


@pytest.mark.long
@pytest.mark.needs("runuser")
@pytest.mark.needs_fork("a newer sesh")
@pytest.mark.skipif(not ROOT, reason="another user's programs take root")
def test_hosts_get_sesh_and_a_newer_one_replaces_none_that_runs_or_is_not_ours(
    home: Home, farm: Farm, monkeypatch: pytest.MonkeyPatch, light: dict[str, bytes]
) -> None:
    hosts, foreign = [farm.host("one", installed=False), farm.host("elsewhere")], farm.host("theirs")
    runuser = need("runuser")
    home.write(".config/sesh/config.toml", f'[remotes.two]\nvia = "{runuser} -u {hosts[1].user} --"\n')
    assert home.sesh("upgrade").code == 0, "nothing is known yet"
    done = home.sesh("deploy", "@one", "@two", "@nowhere.invalid", "--force", "--json", timeout=60)
    assert done.code == 1, done
    answer = done.json()
    assert [(each["host"], each["ok"]) for each in answer["hosts"]] == [
        ("one", True),
        ("two", True),
        ("nowhere.invalid", False),
    ], done
    assert {each.get("version") for each in answer["hosts"][:2]} == {__version__}
    assert (answer["hosts"][2]["error"]["code"], answer["hosts"][2]["error"]["step"]) == ("unreachable", "connect")
    assert home.sesh("@one", "open", "work", "--", "sleep", "1000").code == 0
    assert home.sesh("@theirs", "list").code == 0
    before = foreign.read(".local/bin/sesh")
    newer = bundle.packed({**light, "lib/sesh/newer.py": b""})
    monkeypatch.setattr(bundle, "build", lambda: newer)
    upgraded = home.sesh("upgrade", "-y", timeout=60)
    lines = sorted(upgraded.stderr.splitlines())
    assert (upgraded.code, len(lines)) == (0, 3), upgraded
    assert [line.split()[1] for line in lines] == ["installed", "installed", "theirs"]
    assert lines[2].startswith(f"sesh: theirs skipped: {foreign.home}/.local/bin/sesh "), "it is no failure"
    assert [len(versions(far)) for far in hosts] == [2, 2]
    again = home.sesh("deploy", "@one", "@theirs", "--json", timeout=60)
    assert again.code == 1
    one, theirs = again.json()["hosts"]
    assert (one["changed"], theirs["error"]["foreign"]) == (False, True)
    assert theirs["error"]["message"].startswith(f"theirs: {foreign.home}/.local/bin/sesh ")
    assert "--force" in theirs["error"]["message"]
    assert versions(foreign) == []
    assert foreign.read(".local/bin/sesh") == before
    assert home.sesh("@one", "forget", "--json").json()["hosts"] == ["one"]


@pytest.mark.soak
def test_sesh_is_removed_from_a_host_without_sessions_with_nothing_of_others(home: Home, farm: Farm) -> None:
    far = farm.host("one", installed=False)
    deployed(far, "1.0-0123456789ab", f"exec(open({farm.ground.runtime.launcher!r}).read())\n")
    assert home.sesh("@one", "open", "work", "--", "sleep", "1000").code == 0
    far.write(".sesh/notes.txt", "mine")
    for entry in ("shot.png", "~made"):  # of a session whose daemon was killed while it removed its files
        far.write(f".sesh/.files.0123456789abcdef/{entry}", "shot.png\n", 0o600)
    os.chmod(f"{far.home}/.sesh/.files.0123456789abcdef", 0o700)
    fish_file = ".local/share/fish/vendor_conf.d/00-sesh.fish"
    far.write(fish_file, "# sesh's part of fish, of a deploy\n")
    refused = home.sesh("forget", "--remove", "@one", "--json")
    assert (refused.code, refused.json()["error"]["code"]) == (1, "refused")
    assert "one: the host has sessions: work" in home.sesh("forget", "--remove", "@one", "@nowhere.invalid").stderr
    assert home.sesh("@one", "kill", "work").code == 0, "nothing was removed"
    done = home.sesh("forget", "--remove", "@one", "--json")
    gone = (".local/bin/sesh", ".local/share/sesh/versions", fish_file)
    assert done.json()["removed"]["one"] == [f"{far.home}/{path}" for path in gone]
    assert far.exists(".sesh/notes.txt")
    assert not far.exists(".sesh/.files.0123456789abcdef")
    assert not far.exists(".local/bin/sesh")
    assert not far.exists(".local/share/sesh")
    assert not far.exists(os.path.dirname(fish_file))
    assert "@one is not a known remote" in home.sesh("forget", "@one").stderr
    several = home.sesh("forget", "@one", "@two", "--json").json()["error"]["message"]
    assert all(f"@{host} is not a known remote" in several for host in ("one", "two")), several
    assert home.sesh("forget", "--remove", "@one", "--json").json()["error"]["code"] == "not_deployed"


def test_the_doctor_names_another_sesh_on_a_host_and_nothing_runs_it(home: Home, farm: Farm) -> None:
    other = "#!/bin/sh\n[ $1 = --version ] && echo sesh version v2.28.0 && exit\ntouch ~/ran\n"
    both, bare = farm.host("both"), farm.host("bare", installed=False)
    for far in (both, bare):
        far.write("go/sesh", other, 0o755)
        far.write(".bashrc", "PATH=~/go:$PATH\n")
    found = home.sesh("@both", "doctor", "--json").json()["checks"]
    (row,) = (each for each in found if each["check"] == "program" and each["state"] == "warning")
    assert row["message"].startswith(f"{both.home}/go/sesh says that it is 'sesh version v2.28.0'")
    missing = home.sesh("@bare", "doctor", "--json")
    assert missing.code == 1
    (row,) = missing.json()["checks"]
    assert row["message"] == "bare has no sesh"
    assert row["remedy"] == "install it with: sesh deploy @bare"
    assert not both.exists("ran")
    assert not bare.exists("ran")


def test_an_upgrade_of_all_known_hosts_is_something_that_somebody_has_said(home: Home, beside: Beside) -> None:
    """Without a terminal it deployed to all of them without a question."""
    far = beside("box")
    assert home.sesh(far.at, "list").code == 0
    links = len(far.links())
    done = home.sesh("upgrade", "--json")
    assert (done.code, done.json()["error"]["code"]) == (1, "refused")
    assert done.json()["error"]["message"].endswith("to @box; to deploy without a question, write: sesh upgrade -y")
    for words in ((), ("--json",)):
        asked = home.terminal("upgrade", *words)
        asked.wait_for(f"deploy sesh {__version__} to @box? [y/N]")
        asked.type("\r")
        assert asked.exit_code() == 1
    assert len(far.links()) == links
    assert home.sesh("upgrade", "-y", timeout=60).code == 1, "it does try: the host takes nothing that ssh brings"
