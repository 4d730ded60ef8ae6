"""The verbs that keep order, for sessions on other hosts."""

from __future__ import annotations

import json

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
    assert (again.code, again.stdout) == (0, "@one far runs already\n")
