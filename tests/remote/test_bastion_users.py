"""A host whose user is what only ssh and its bastion understand is one in every place that takes a host."""

from __future__ import annotations

import os

from tests.remote.via import Beside
from tests.support import PROMPT, Home

WORD = "root@db:SSH:me#1/x%y~z=!$@gate:22"


def test_a_user_of_a_bastion_is_taken_wherever_a_host_is(home: Home, beside: Beside) -> None:
    """Users with `:`, `#`, `%`, `=` and `~` were refused."""
    beside(WORD)
    home.write(".config/sesh/sync", "note\n")
    home.write("note", "pushed")
    assert home.sesh(f"@{WORD}", "open", "work").code == 0
    synced = os.listdir(os.path.join(home.path, ".local/state/sesh/remotes"))
    assert synced == ["root@db:SSH:me%231%2Fx%25y%7Ez%3D%21%24@gate:22.synced"]
    assert home.sesh("list", "--json").json()[0]["host"] == WORD
    assert f"@{WORD} " in home.sesh("hosts").stdout
    assert home.sesh("label", "work", "a=b").stderr == f"[work on @{WORD}]\n"
    terminal = home.terminal("work", columns=100)
    terminal.wait_for(PROMPT)
    terminal.type(b"\x1c")
    assert terminal.exit_code() == 0
    with open(os.path.join(home.path, ".config/sesh/config.toml"), "a", encoding="utf-8") as file:
        file.write(f'[groups]\nall = ["@{WORD}"]\n')
    assert [row["name"] for row in home.sesh("@all", "list", "--json").json()] == ["work"]
    assert home.sesh(f"@{WORD}", "kill", "-y", "work").code == 0
    assert home.sesh("forget", f"@{WORD}").code == 0
    assert os.listdir(os.path.join(home.path, ".local/state/sesh/remotes")) == []
