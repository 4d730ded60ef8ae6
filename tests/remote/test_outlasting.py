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


def test_a_lost_session_over_there_is_read_and_started_again_from_here(home: Home, farm: Farm) -> None:
    far = farm.host("box")
    home.sesh("@box", "--open", "work", "--", "sh", "-c", "echo remembered; read x")
    wait_until(lambda: "remembered" in far.run("cat .sesh/.checkpoint.* .sesh/.scrollback* 2>/dev/null || true").stdout)
    far.run(f"kill -9 {json.loads(far.sesh('--status', 'work', '--json').stdout)['daemon_pid']}")
    wait_until(lambda: home.sesh("@box", "--list", "--json").json()[0]["state"] == "lost", interval=0.2)
    assert home.sesh("@box", "--logs", "work").stdout == "remembered\n"
    person = home.terminal("@box", "work")
    person.wait_for("it ran: sh -c")
    person.type("s")
    person.wait_for("remembered")
    person.wait_until(lambda: person.screen().count("remembered") == 2)
    person.type("\r")
    assert person.exit_code() == 0
