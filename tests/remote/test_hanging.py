"""Hosts that hang: what they hold up, and what is left of asking them."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterator

import pytest

from tests.remote.accounts import ROOT
from tests.remote.farm import Far, Farm
from tests.remote.hanging import WAYS
from tests.remote.patches import patch
from tests.remote.test_live import Row, Watched, held, label
from tests.support import PROMPT, Home, processes, rounds, wait_until

# Without root each sesh on a host is loaded anew (see `door`), which takes a busy machine longer than half a second.
SHORT = 0.5 if ROOT else 3
IMPATIENT, PATIENT = (f"from sesh.ops import lookup\nlookup.PATIENCE = {seconds}\n" for seconds in (SHORT, 12))


@pytest.fixture
def watch(home: Home) -> Iterator[Callable[[], Watched]]:
    opened: list[Watched] = []

    def begin() -> Watched:
        opened.append(Watched(home))
        return opened[-1]

    yield begin
    for each in opened:
        each.close()


def known(home: Home, *hosts: Far) -> None:
    for far in hosts:
        far.sesh("--open", "work")
        assert home.sesh(far.at, "--list").code == 0


def links(farm: Farm) -> list[str]:
    """What is left of links and logins of this home that do not stand."""
    told = [processes.describe(pid) for pid in farm.home.processes()]
    return [line for line in told if "--bridge" in line or "alone.py" in line]


def answering(rows: list[Row]) -> set[str]:
    return {row["host"] for row in rows if "stale" not in row}


@pytest.mark.needs("bash")
@pytest.mark.parametrize("way", [*WAYS])
def test_a_host_that_hangs_holds_up_no_other_and_leaves_nothing_behind(
    home: Home, farm: Farm, watch: Callable[[], Watched], way: str
) -> None:
    """Each list left an ssh behind for a host whose sesh was stopped."""
    patch(home, IMPATIENT)
    farm.strict = False  # what hangs there stays
    far, sound = farm.host("hangs", proxied=True), farm.host("sound")
    known(home, far, sound)
    WAYS[way](far)
    rows = home.sesh("--list", "--json").json()
    assert [(row["host"], row["name"], "stale" in row) for row in rows] == [
        ("hangs", "work", True),
        ("sound", "work", False),
    ]
    wait_until(lambda: not [line for line in links(farm) if "--bridge" in line], what="the list leaves no link")
    watched = watch()
    watched.until(lambda rows: "sound" in answering(rows))
    changed = label(sound, "1")
    watched.until(lambda rows: changed(rows) and {"hangs", "sound"} == {row["host"] for row in rows})
    opened = home.terminal("@sound", "work")
    opened.wait_for(PROMPT)
    opened.type("\x1c")
    assert opened.exit_code() == 0
    watched.close()
    wait_until(lambda: not [line for line in links(farm) if "--bridge" in line], what="so does one that was open")


def test_a_list_that_is_left_while_a_link_logs_in_again_ends_that_login(
    home: Home, farm: Farm, watch: Callable[[], Watched]
) -> None:
    """It went on for a minute, though nobody waited for it."""
    far = farm.host("box", proxied=True)
    known(home, far)
    masters = set(farm.masters())
    watched = watch()
    wait_until(lambda: held(farm, far), what="a link is held")
    far.proxy.silence()
    far.proxy.cut()
    logins = wait_until(lambda: set(farm.masters()) - masters, what="it logs in again")
    watched.process.send_signal(signal.SIGINT)
    watched.process.communicate(timeout=10)
    wait_until(lambda: not logins & set(farm.masters()), timeout=30, what="that login has ended")


def test_fifty_hosts_of_which_some_hang_are_listed_watched_and_looked_through(
    home: Home, farm: Farm, watch: Callable[[], Watched]
) -> None:
    ways = [*WAYS.values()]
    farm.strict = False
    hosts = [farm.host(f"h{number}", proxied=number % 10 == 3) for number in range(rounds(5, 50))]
    hanging = [far for number, far in enumerate(hosts) if number % 10 == 3]
    sound = [far for far in hosts if far not in hanging]
    known(home, *hosts)
    sound[-1].sesh("--open", "only")
    for number, far in enumerate(hanging):
        ways[number % len(ways)](far)
    patch(home, PATIENT)
    named = home.start(*(far.at for far in hosts), "--list", "--json")
    rows = home.sesh("--list", "--json", timeout=60).json()
    words = {far.word for far in sound}
    assert answering(rows) == words
    assert {row["host"] for row in rows if "stale" in row} == {far.word for far in hanging}
    assert named.wait(60) == 1
    opened = home.terminal("only")
    opened.wait_for(PROMPT, 30)
    opened.type("\x1c")
    assert opened.exit_code() == 0
    assert f"[only on {sound[-1].at}]" in re.sub(r"\s+", " ", opened.text())
    watched = watch()
    watched.until(lambda rows: words <= answering(rows))
    wait_until(lambda: all(held(farm, far) for far in sound), 60, what="a link is held to each")
    for number, far in enumerate(sound):
        watched.until(label(far, str(number)))
    watched.close()
    wait_until(lambda: not [line for line in links(farm) if "--bridge" in line], 20, what="nothing is left")
