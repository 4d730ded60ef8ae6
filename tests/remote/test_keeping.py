"""The verbs that keep order, for sessions on other hosts."""

from __future__ import annotations

import json
import os
import re

import pytest

from sesh import identity
from tests.remote.farm import Farm
from tests.remote.patches import patch_host
from tests.support import Home, wait_until


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


@pytest.mark.parametrize(("shift", "state", "said"), [
    (0, "ok", "as here"),
    (-3 * 86400 + 60, "warning", "2 d behind the clock here"),
    (7300, "warning", "2 h ahead of the clock here"),
])  # fmt: skip
def test_the_doctor_compares_the_clock_of_a_host_with_the_one_here(
    home: Home, farm: Farm, shift: int, state: str, said: str
) -> None:
    far = farm.host("box")
    patch_host(far, f"import time; real = time.time; time.time = lambda: real() + {shift}")
    checks = home.sesh("@box", "--doctor", "--json").json()["checks"]
    (clock,) = (each for each in checks if each["check"] == "clock")
    assert (clock["state"], clock["message"]) == (state, said)
    assert [each for each in home.sesh("--doctor", "--json").json()["checks"] if each["check"] == "clock"] == []


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


def test_a_session_over_there_is_recorded_here(home: Home, farm: Farm) -> None:
    far = farm.host("one")
    home.sesh("@one", "--exec", "done", "--keep", "--", "echo", "hello")
    path = os.path.join(home.path, "done.cast")
    for words in (["@one", "--record", "done", path], ["--record", "done", path, "--force"]):
        assert home.sesh(*words, "--since-start").code == 0
        with open(path, encoding="utf-8") as file:
            assert "hello" in file.read()
    assert not far.exists("done.cast")


def test_a_recording_outlasts_its_link_and_has_each_line_once(home: Home, farm: Farm) -> None:
    far = farm.host("one", proxied=True)
    home.sesh("@one", "--open", "work", "--", "sh", "-c", "read go; i=0; while [ $i -lt 900 ]; do i=$((i+1)); "
              "echo line-$i-; [ $((i%100)) = 0 ] && sleep 0.1; done; read go; exit 3")  # fmt: skip
    path = os.path.join(home.path, "work.cast")
    recorder = home.start("@one", "--record", "work", path, "--json")
    wait_until(lambda: os.path.exists(path) and os.path.getsize(path) > 0, 15)
    home.sesh("@one", "--send", "work", "--enter")
    for number in (100, 400):
        wait_until(lambda number=number: f"line-{number}-" in recorded(path), 15)  # type: ignore[misc]
        far.proxy.cut()
    wait_until(lambda: "line-900-" in recorded(path), 30)
    home.sesh("@one", "--send", "work", "--enter")
    report = json.loads(recorder.communicate(timeout=30)[0])
    assert (report["ok"], report["exit_code"]) == (True, 3)
    assert re.findall(r"line-(\d+)-", recorded(path)) == [str(number) for number in range(1, 901)]


def recorded(path: str) -> str:
    """The output that a recording holds so far."""
    with open(path, encoding="utf-8") as file:
        events = [json.loads(line) for line in file.read().splitlines()[1:]]
    return "".join(data for _, kind, data in events if kind == "o")
