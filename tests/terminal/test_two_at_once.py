"""Several commands at once on one name: one wins, the others report correctly, nothing leaks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.support import Home, rounds, wait_until
from tests.support.race import Race, is_daemon
from tests.terminal.looking import screen


def lost(home: Home, *names: str) -> None:
    """Create these sessions, and kill their daemons."""
    for name in names:
        assert home.sesh("open", name, "--", "sh", "-c", "echo here; exec cat").code == 0
        home.crash(name)


def ended_unseen(home: Home, name: str) -> None:
    assert home.sesh("open", name, "--", "sh", "-c", "exit 3").code == 0
    wait_until(lambda: home.summary(name)["state"] == "exited", f"the session {name} has ended")
    wait_until(lambda: not [pid for pid in home.processes() if is_daemon(pid)], "no daemon is left")


CAT = ("--", "cat")
Pair = Callable[[Race], None]
PAIRS: dict[str, Pair] = {}


def pair(function: Pair) -> Pair:
    """Register a race for `test_two_at_once`."""
    PAIRS[function.__name__] = function
    return function


def one_new(race: Race, name: str, word: str) -> None:
    """Check that all commands succeeded, and that one of them created the session."""
    assert set(race.codes) == {0}, race.story
    made = [each for each in race.results if each.json()["created"]]
    assert len(made) == 1, race.story
    if word:
        assert [word in each.stderr for each in race.results] == [each in made for each in race.results], race.story
    assert race.check()[name]["state"] == "running"


@pair
def open_and_open_of_a_lost_one(race: Race) -> None:
    lost(race.home, "w")
    race.run(*[("open", "w", "--json")] * 3)
    one_new(race, "w", "w was lost: its daemon died; started again")
    assert "here" in race.home.sesh("logs", "w").stdout


@pair
def open_and_open_of_a_new_one(race: Race) -> None:
    race.run(*[("open", "w", "--json", "--label", "a=b")] * 4)
    one_new(race, "w", "")


@pair
def rename_and_attach(race: Race) -> None:
    race.home.sesh("open", "a", *CAT)
    renamed, attached = race.run(("rename", "a", "b"), ("tty", "attach", "a"), keys=b"\x1c")
    assert renamed.code == 0, race.story
    assert attached.code in (0, 1, 130), race.story
    if attached.code == 1:
        assert "no session a" in attached.stderr, race.story
    assert list(race.check()) == ["b"], race.story


@pair
def rename_and_rename_to_one_name(race: Race) -> None:
    for name in "ab":
        race.home.sesh("open", name, *CAT)
    race.run(("rename", "a", "c", "--json"), ("rename", "b", "c", "--json"))
    assert sorted(race.codes) == [0, 1], race.story
    (loser,) = [each for each in race.results if each.code]
    assert loser.json()["error"]["code"] == "exists", race.story
    assert sorted(race.check()) == sorted(["c", loser.command[2]])


@pair
def rename_and_open_of_a_lost_one(race: Race) -> None:
    lost(race.home, "a")
    renamed, opened = race.run(("rename", "a", "b", "--json"), ("open", "a", "--json"))
    assert opened.code == 0, race.story
    found = {name: each["state"] for name, each in race.check().items()}
    assert found in ({"a": "running", "b": "lost"}, {"a": "running"}, {"b": "running"}), (found, race.story)
    assert renamed.code == 0 or renamed.json()["error"]["code"] in ("not_found", "exists"), race.story


@pair
def kill_and_open(race: Race) -> None:
    race.home.sesh("open", "w", *CAT)
    race.run(("kill", "w", "--json"), ("open", "w", "--json", *CAT))
    assert race.codes == [0, 0], race.story
    assert list(race.check()) in (["w"], []), race.story


@pair
def kill_all_and_kill(race: Race) -> None:
    for name in "ab":
        race.home.sesh("open", name, *CAT)
    race.run(("kill-all", "-y", "--json"), ("kill", "a", "--json"))
    assert race.codes[0] == 0, race.story
    assert race.check() == {}


@pair
def reload_and_rename(race: Race) -> None:
    race.home.sesh("open", "w", *CAT)
    reloaded, renamed = race.run(("reload", "w", "--json"), ("rename", "w", "v", "--json"))
    assert renamed.code == 0, race.story
    assert reloaded.code == 0 or reloaded.json()["error"]["code"] == "not_found", race.story
    assert list(race.check()) == ["v"], race.story
    assert race.home.sesh("send", "v", "typed", "--enter").code == 0
    wait_until(lambda: "typed" in screen(race.home, "v"), "v shows 'typed'")


@pair
def open_and_sweep(race: Race) -> None:
    ended_unseen(race.home, "w")
    race.run(("open", "w", "--json", *CAT), ("sweep", "--older", "0", "--all", "-y", "--json"))
    assert race.codes == [0, 0], race.story
    assert race.check()["w"]["state"] == "running", race.story


@pair
def sweep_and_sweep(race: Race) -> None:
    lost(race.home, "a", "b")
    race.run(*[("sweep", "--older", "0", "--all", "-y", "--json")] * 2)
    assert race.codes == [0, 0], race.story
    assert race.check() == {}


@pair
def new_and_new_of_the_lowest_number(race: Race) -> None:
    count = 3
    race.run(*[("new", "-d", "--json", *CAT)] * count)
    assert set(race.codes) == {0}, race.story
    numbers = [str(number) for number in range(1, count + 1)]
    assert sorted(each.json()["name"] for each in race.results) == numbers, race.story
    assert sorted(race.check()) == numbers


@contextmanager
def cleared(home: Home) -> Iterator[None]:
    """Kill the sessions that a round leaves."""
    try:
        yield
    finally:
        home.leave()
        if names := home.names():
            home.sesh("kill", *names)


OFTEN = ("open_and_open_of_a_lost_one", "open_and_open_of_a_new_one", "kill_and_open", "reload_and_rename")
"""The pairs that `make test` tries, too."""


@pytest.mark.timeout(rounds(120, 1800))
@pytest.mark.parametrize(
    "name", [pytest.param(each, marks=[] if each in OFTEN else pytest.mark.soak) for each in PAIRS]
)
def test_two_at_once(home: Home, name: str) -> None:
    """Pairs for the verbs that create, end, reload or rename; each pair takes other locks."""
    first, _, second = name.partition("_and_")
    few = 1 if second.startswith(first) else 2  # if the two differ, each goes on first once
    for number in range(rounds(few, 50)):
        with cleared(home):
            PAIRS[name](Race(home, number))
