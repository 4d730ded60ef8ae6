"""What a person sees of other hosts: completed names, the watched list, the picker."""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path

from tests.remote.farm import Far, Farm
from tests.support import PROMPT, Home, processes, wait_until
from tests.support.crowd import crowd


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
    started = time.monotonic()
    assert offered(home, "@box", "wo") == ["work"]
    assert time.monotonic() - started < 2


def test_tab_offers_what_is_known_of_many_sessions_and_of_hosts_and_waits_for_none(home: Home, farm: Farm) -> None:
    """A host that says nothing is asked aside, and a session that says nothing is offered as its record has it."""
    far = farm.host("box", proxied=True)
    known(home, far)
    far.sesh("--open", "work")
    wait_until(lambda: offered(home, "@box", "wo") == ["work"], interval=0.3)
    far.proxy.silence()
    with crowd(home, 200) as (names, pid):
        (cache,) = Path(home.path, ".local/state/sesh/remotes").glob("*.names")
        os.utime(cache, (1, 1))  # what is some seconds old is renewed
        calls, running = farm.calls(), home.processes()
        for _ in range(2):
            assert offered(home, "--status", "") == [*names, "work", "@box"]
            os.kill(pid, signal.SIGSTOP)
        assert (farm.calls(), home.processes()) == (calls, running)
        assert offered(home, "@box", "") == ["work"]
        asking = [pid for pid in home.processes() if pid not in running and processes.called(pid) != "ssh"]
        assert asking, "it is still being asked"
    processes.kill([pid for pid in home.processes() if pid not in running])


def test_the_list_of_one_host_fits_the_terminal_here(home: Home, farm: Farm) -> None:
    far = farm.host("box")
    known(home, far)
    far.sesh("--open", "work", "--", "sh", "-c", "sleep 60 # which is longer than the terminal is wide")
    for words in (("@box",), ("@box", "--list")):
        calls = len(farm.calls())
        listed = home.terminal(*words, columns=60)
        listed.wait_for(re.compile(r"^ NAME .*\n work +detached .*…$", re.MULTILINE))
        assert listed.exit_code() == 0
        assert sum("-G" in call for call in farm.calls()[calls:]) == 1
    assert "wide" in home.sesh("@box").stdout, "a pipe gets all of it"
    empty = home.terminal("@box", "--list", "--label", "a=b")
    assert empty.exit_code() == 0
    assert "no session on @box" in empty.text()


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


def test_a_name_on_two_hosts_typed_at_a_dumb_terminal_chooses_neither(home: Home, farm: Farm) -> None:
    """The one in the last row was attached."""
    farm.host("one")
    other = farm.host("other")
    assert home.sesh("@one", "@other", "--open", "web", "--", "cat").code == 0
    terminal = home.terminal("@one", "@other", "--pick", env={"TERM": "dumb"})
    terminal.wait_for("[1]:")
    terminal.type("web\r")
    terminal.wait_until(lambda: terminal.text().count("[1]:") == 2)
    terminal.type("@one web\r")
    wait_until(lambda: home.sesh("@one", "--status", "web", "--json").json()["attached"] == 1)
    assert other.sesh("--status", "web", "--json").json()["attached"] == 0
