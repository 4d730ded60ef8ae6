"""`--deploy @HOST…` and `--upgrade` as they are typed."""

from __future__ import annotations

import pytest

from sesh.about import __version__
from sesh.cli.printed import PrintedForgotten, PrintedHosts
from tests.remote.farm import Farm
from tests.support import Home
from tests.support.typed import differences


@pytest.mark.usefixtures("light")
def test_several_hosts_get_sesh_and_one_that_fails_is_told_of_by_its_step(home: Home, farm: Farm) -> None:
    farm.host("one", installed=False)
    farm.host("two", installed=False)
    done = home.sesh("--deploy", "@one", "@two", "@nowhere.invalid", "--json", timeout=60)
    assert done.code == 1
    answer = done.json()
    assert list(differences(answer, PrintedHosts)) == []
    assert answer["ok"] is False
    assert [(each["host"], each["ok"]) for each in answer["hosts"]] == [
        ("one", True),
        ("two", True),
        ("nowhere.invalid", False),
    ]
    assert {each.get("version") for each in answer["hosts"][:2]} == {__version__}
    assert (answer["hosts"][2]["error"]["code"], answer["hosts"][2]["error"]["step"]) == ("unreachable", "connect")
    assert home.sesh("@one", "--exec", "--print", "--", "echo", "here").stdout == "here\n"
    checked = home.sesh("@one", "--doctor").stdout.splitlines()
    assert checked[-1] == "no problems found", "a host that was deployed to just now is as it should be"
    again = home.sesh("--deploy", "@two", timeout=60)
    assert (again.code, again.stdout) == (0, "")
    assert again.stderr.count("\n") == 1
    assert "already" in again.stderr
    forgotten = home.sesh("@one", "--forget", "--json").json()
    assert list(differences(forgotten, PrintedForgotten)) == []


@pytest.mark.usefixtures("light")
def test_upgrade_goes_to_all_known_remotes_and_passes_over_a_sesh_that_is_not_ours(home: Home, farm: Farm) -> None:
    assert home.sesh("--upgrade").code == 0
    farm.host("ours", installed=False)
    foreign = farm.host("theirs")
    assert home.sesh("--deploy", "@ours", timeout=60).code == 0
    assert home.sesh("@theirs", "--list").code == 0
    before = foreign.read(".local/bin/sesh")
    done = home.sesh("--upgrade", "--json", timeout=60)
    assert done.code == 0
    rows = {each["host"]: each for each in done.json()["hosts"]}
    assert rows["ours"]["changed"] is False
    assert rows["theirs"]["error"]["foreign"] is True
    assert foreign.read(".local/bin/sesh") == before
    refused = home.sesh("--deploy", "@theirs", timeout=60)
    assert (refused.code, refused.stderr.count("\n")) == (1, 1)
    assert "--force" in refused.stderr
    assert home.sesh("--deploy", "@theirs", "--force", timeout=60).code == 0
    assert foreign.read(".local/bin/sesh") != before


def test_the_doctor_names_another_sesh_on_a_host_with_or_without_this_one(home: Home, farm: Farm) -> None:
    other = "#!/bin/sh\n[ $1 = --version ] && echo sesh version v2.28.0 && exit\ntouch ~/ran\n"
    both, bare = farm.host("both"), farm.host("bare", installed=False)
    for far in (both, bare):
        far.write("go/sesh", other, 0o755)
        far.write(".bashrc", "PATH=~/go:$PATH\n")
    found = home.sesh("@both", "--doctor", "--json").json()["checks"]
    (row,) = (each for each in found if each["check"] == "program" and each["state"] == "warning")
    assert row["message"] == f"{both.home}/go/sesh is the session picker for tmux"
    missing = home.sesh("@bare", "--doctor", "--json")
    assert missing.code == 1
    (row,) = missing.json()["checks"]
    assert row["message"].startswith("bare has no sesh")
    assert f"{bare.home}/go/sesh" in row["message"]
    assert row["remedy"] == "install this one too: sesh --deploy @bare"
    assert not both.exists("ran")
    assert not bare.exists("ran")


@pytest.mark.usefixtures("light")
def test_each_host_whose_sesh_was_replaced_is_named_and_the_doctor_there_names_sessions_that_run_on(
    home: Home, farm: Farm
) -> None:
    """`--upgrade` named the first host only, `--deploy` none, and the doctor looked at the version's number alone."""
    hosts = [farm.host(word, installed=False) for word in ("one", "two", "new")]
    words = [f"@{far.word}" for far in hosts]
    assert home.sesh("--deploy", *words[:2], timeout=60).code == 0
    for word in words[:2]:
        assert home.sesh(word, "--open", "work").code == 0
    assert "everywhere" in home.sesh("@one", "--doctor").stdout
    for far in hosts[:2]:
        far.run("rm .local/share/sesh/versions/*/start.py")
    done = home.sesh("--deploy", *words, timeout=60)
    *installed, hint = done.stderr.splitlines()
    assert (done.code, len(installed)) == (0, 3)
    assert hint == "sesh: running sessions keep their old version until: sesh @one @two --reload"
    message = f"work runs on another build of sesh {__version__} than what is installed here"
    for state, moves in (("warning", True), ("ok", False)):
        found = home.sesh("@one", "--doctor", "--json").json()["checks"]
        (row,) = (each for each in found if each["check"] == "versions")
        assert row["state"] == state, row
        if moves:
            assert (row["message"], row["remedy"]) == (message, "sesh @one --reload work")
            assert home.sesh("@one", "--reload", "work").code == 0
