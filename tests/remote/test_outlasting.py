"""Sessions on other hosts: another sesh in their daemon's place, and their daemon's death."""

from __future__ import annotations

import json

from tests.remote.farm import Farm
from tests.support import Home, wait_until


def test_sessions_over_there_are_reloaded_with_their_clients_attached(home: Home, farm: Farm) -> None:
    farm.host("box")
    person = home.terminal("@box", "work")
    person.wait_for("ready>")
    assert home.sesh("@box", "--reload", "--json").json() == {"ok": True, "reloaded": ["work"]}
    assert home.sesh("--reload", "work").code == 0, "it is found where it is"
    person.type("echo st''ill\r")
    person.wait_for("still")
    person.type("exit 3\r")
    assert person.exit_code() == 3


def lost(home: Home, host: str) -> None:
    wait_until(lambda: home.sesh(f"@{host}", "--list", "--json").json()[0]["state"] == "lost", interval=0.2)


def test_sessions_of_hosts_that_were_lost_are_restored_from_here(home: Home, farm: Farm) -> None:
    hosts = {name: farm.host(name) for name in ("box", "den")}
    for name, far in hosts.items():
        far.run("printf '#!/bin/sh\\necho \"$@\" >> runs; exec cat\\n' > agent; chmod +x agent")
        home.sesh(f"@{name}", "--open", f"on-{name}", "--", "./agent", "first")
        words = ("--resume-with", f"on-{name}", "--", "./agent", "again")
        # Found where it is, as other verbs find a session; a script is told.
        done = home.sesh(*(() if name == "den" else ("@box",)), *words)
        assert (done.code, done.stderr) == (0, "[on-den on @den]\n" if name == "den" else "")
        wait_until(lambda far=far: "first" in far.run("cat runs || true").stdout)  # type: ignore[misc]
        far.run(f"kill -9 {json.loads(far.sesh('--status', f'on-{name}', '--json').stdout)['daemon_pid']}")
    for name in hosts:
        lost(home, name)
    done = home.sesh("@box", "@den", "--restore")
    assert done.code == 0
    assert done.stdout == "box: started @box on-box: ./agent again\nden: started @den on-den: ./agent again\n"
    for name, far in hosts.items():
        wait_until(lambda far=far: far.run("cat runs").stdout == "first\nagain\n")  # type: ignore[misc]
        assert home.sesh(f"@{name}", "--status", f"on-{name}", "--json").json()["resume"] == ["./agent", "again"]
    rows = home.sesh("@box", "--restore", "on-box", "--json").json()["sessions"]
    assert [(row["name"], row["host"], row["created"]) for row in rows] == [("on-box", "box", False)]
    done = home.sesh("@box", "--resume-with", "--", "./agent")
    assert (done.code, "no session given" in done.stderr) == (2, True)
    layout = home.sesh("--export").json()["sessions"]
    assert [entry["resume"] for entry in layout] == [["./agent", "again"]] * 2
