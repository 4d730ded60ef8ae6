"""What a person sees of other hosts: completed names, the watched list, the picker."""

from __future__ import annotations

import re

from tests.remote.farm import Far, Farm
from tests.support import PROMPT, Home, wait_until


def offered(home: Home, *typed: str) -> list[str]:
    """What is offered behind these words, without what it is."""
    lines = home.sesh("--complete", "bash", "--", *typed).stdout.splitlines()
    return [line.partition("\t")[0] for line in lines[1:]]


def known(home: Home, *hosts: Far) -> None:
    for far in hosts:
        assert home.sesh(far.at, "--list").code == 0


def test_names_on_a_host_are_completed_from_what_it_said_last(home: Home, farm: Farm) -> None:
    far = farm.host("box", proxied=True)
    known(home, far)
    far.sesh("--open", "work")
    wait_until(lambda: offered(home, "@box", "wo") == ["work"], interval=0.3)
    assert offered(home, "wo") == ["work"]
    completions = home.sesh("--complete", "zsh", "--", "@box", "wo").stdout
    assert re.search(r"work\trunning, @box, ", completions)
    far.proxy.silence()
    assert offered(home, "@box", "wo") == ["work"]


def test_the_watched_list_and_the_picker_show_other_hosts(home: Home, farm: Farm) -> None:
    far = farm.host("box")
    known(home, far)
    home.sesh("--open", "here")
    far.sesh("--open", "work", "--", "sh", "-c", "echo seen from afar; sleep 60")
    watched = home.terminal("--watch")
    watched.wait_for(re.compile(r"\n here +detached .*\n@box\n work +detached", re.DOTALL))
    watched.type("q")
    assert watched.exit_code() == 0
    alone = home.terminal("@box", "--list", "--watch")
    alone.wait_for(re.compile(r"@box\n work +detached"))
    assert "here" not in alone.text()
    alone.type("\x03")
    assert alone.exit_code() == 0
    picked = home.terminal("--pick")
    picked.wait_for("@box work")
    picked.type("box")
    picked.wait_for(re.compile(r"^ @box work .*│ seen from afar", re.MULTILINE))
    picked.type("\r")
    picked.wait_until(lambda: "\n".join(picked.screen()).strip() == "seen from afar", what="the session alone")
    assert far.sesh("--status", "work", "--json").json()["attached"] == 1
    picked.type("\x1c")
    assert picked.exit_code() == 0
    created = home.terminal("@box", "--pick")
    created.wait_for("1/1")
    created.type("fresh\r")
    created.wait_for(PROMPT)
    assert far.names() == ["fresh", "work"]
