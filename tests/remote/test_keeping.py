"""The verbs that keep order, for sessions on other hosts."""

from __future__ import annotations

import json
import os

from sesh import identity
from tests.remote.farm import Farm
from tests.support import Home


def test_a_layout_of_several_hosts_is_written_here_and_made_again_there(home: Home, farm: Farm) -> None:
    farm.host("one")
    home.sesh("--open", "near")
    home.sesh("@one", "--open", "far", "/tmp", "--label", "a=b", "--", "sleep", "1000")
    layout = home.sesh("--export").json()["sessions"]
    assert [(each["name"], each["host"]) for each in layout] == [("near", None), ("far", "one")]
    assert (layout[1]["directory"], layout[1]["command"]) == ("/tmp", ["sleep", "1000"])
    home.sesh("@one", "--kill", "far")
    made = home.sesh("--import", "--json", input=json.dumps(layout))
    assert made.json() == {
        "ok": True,
        "sessions": [
            {"name": "near", "host": None, "created": False},
            {"name": "far", "host": "one", "created": True},
        ],
    }
    there = home.sesh("@one", "--export")
    assert [each["host"] for each in there.json()["sessions"]] == ["one"]
    again = home.sesh("@one", "--import", "-", input=there.raw)
    assert (again.code, again.stdout) == (0, "@one far already runs\n")


def test_a_host_is_swept_from_here_and_asked_about_here(home: Home, farm: Farm) -> None:
    far = farm.host("one")
    assert home.sesh("@one", "--exec", "done", "--keep", "--", "true").code == 0
    assert home.sesh("@one", "--sweep", "--dry-run", "--json").json()["pieces"] == [], (
        "nobody can be asked, and it is new"
    )
    dry = home.sesh("@one", "--sweep", "--dry-run", "--older", "0s", "--json").json()
    assert (dry["host"], [(each["kind"], each["what"]) for each in dry["pieces"]]) == ("one", [("ended", "done")])
    swept = home.sesh("@one", "--sweep", "--older", "0s")
    assert (swept.code, swept.stdout.splitlines()[-1]) == (0, "1 of 1 cleared")
    far.sesh("--open", "lonely")
    pid = json.loads(far.sesh("--status", "lonely", "--json").stdout)["daemon_pid"]
    far.run("rm .sesh/lonely.*")
    terminal = home.terminal("@one", "--sweep")
    terminal.wait_for("end what still runs on @one?")
    terminal.type("y")
    assert terminal.exit_code() == 0
    assert not identity.start_time(pid)


def test_a_shared_connection_without_its_socket_is_a_stray(home: Home, farm: Farm) -> None:
    farm.host("one")
    home.sesh("@one", "--list")
    (master,) = farm.masters()
    assert home.sesh("--sweep", "--json").json()["pieces"] == [], "it is in use"
    folder = os.path.join(home.directory, ".control")
    for entry in os.listdir(folder):
        os.unlink(os.path.join(folder, entry))
    (piece,) = home.sesh("--sweep", "--all", "--older", "0s", "--json").json()["pieces"]
    assert (piece["kind"], piece["pid"], piece["cleared"]) == ("connection", master, True)


def test_the_doctor_visits_other_hosts(home: Home, farm: Farm) -> None:
    far = farm.host("one")
    well = home.sesh("@one", "--doctor", "--json", env={"TERM": "xterm-256color"})
    assert (well.code, well.json()["host"]) == (0, "one")
    assert [each["check"] for each in well.json()["checks"]][:2] == ["link", "python"]
    far.run("chmod 755 .sesh")
    ill = home.sesh("@one", "--doctor")
    assert ill.code == 1
    assert "chmod 700" in ill.stdout
    farm.host("bare", installed=False)
    bare = home.sesh("@bare", "--doctor", "--json").json()
    assert (bare["ok"], bare["checks"][0]["remedy"]) == (False, "install it with: sesh --deploy @bare")
    far.run("chmod 700 .sesh")
