"""More sessions than descriptors: verbs ask many daemons in portions."""

from __future__ import annotations

import pytest

from tests.support import Home, wait_until

COUNT = 18


@pytest.mark.soak
def test_each_verb_that_asks_many_daemons_asks_them_in_portions(home: Home) -> None:
    """With a limit of 64 open files, `list` of 300 sessions failed with EMFILE."""
    names = [f"s{number:02}" for number in range(COUNT)]
    for name in names:
        assert home.sesh("open", name, "--", "sleep", "600").code == 0
    plain, home.command = home.command, ["sh", "-c", 'ulimit -n 16; exec "$@"', "sh", *home.command]
    listed = home.sesh("list", "--json")
    assert (listed.code, listed.stderr) == (0, "")
    assert [(each["name"], each["state"], each.get("responding")) for each in listed.json()] == [
        (name, "running", None) for name in names
    ]
    assert len(home.sesh("export", "--json").json()["sessions"]) == COUNT
    assert home.sesh("sweep", "--older", "0s").stdout == "no leftovers\n"
    ended = home.sesh("kill-all", "-y", "--json", timeout=60)
    assert (ended.code, ended.json()["killed"]) == (0, names)
    wait_until(lambda: not home.names(), "no session is left")
    home.command = plain
