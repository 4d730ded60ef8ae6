"""Hosts that hang: they hold up no other host, and leave no process behind."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from tests.remote.farm import Farm, SshHost
from tests.remote.hanging import WAYS
from tests.remote.test_live import Row, Watch, held, known, label
from tests.remote.via import Beside, ViaHost
from tests.support import PROMPT, Home, processes, wait_until


def links(farm: Farm) -> list[str]:
    """Describe the processes of this home that hold a link."""
    return [line for line in map(processes.describe, farm.home.processes()) if "--bridge" in line]


def answering(rows: list[Row]) -> set[str]:
    return {row["host"] for row in rows if "stale" not in row}


def holds_up_no_other(home: Home, watch: Watch, sound: SshHost | ViaHost, links_left: Callable[[], object]) -> None:
    """Check that printed and open lists show `sound` and `hangs`, and leave no link."""
    rows = home.sesh("list", "--json").json()
    assert [(row["host"], row["name"], "stale" in row) for row in rows] == [
        ("sound", "work", False),
        ("hangs", "work", True),
    ]
    wait_until(lambda: not links_left(), "the list leaves no link")
    watched = watch()
    watched.until(lambda rows: "sound" in answering(rows))
    changed = label(sound, "1")
    watched.until(lambda rows: changed(rows) and {"hangs", "sound"} == {row["host"] for row in rows})
    opened = home.terminal("@sound", "other")
    opened.wait_for(PROMPT)
    opened.type("\x1c")
    assert opened.exit_code() == 0
    watched.close()
    wait_until(lambda: not links_left(), "so does one that was open")


@pytest.mark.soak
@pytest.mark.usefixtures("hurried")
def test_a_host_whose_sesh_is_stopped_holds_up_no_other_and_leaves_nothing_behind(
    home: Home, beside: Beside, watch: Watch
) -> None:
    """Each list left an ssh behind for a host whose sesh was stopped."""
    far, sound = beside("hangs"), beside("sound")
    known(home, far, sound)
    far.fall_silent()
    holds_up_no_other(home, watch, sound, lambda: far.held() or sound.held())


@pytest.mark.soak
@pytest.mark.needs("bash")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.usefixtures("hurried")
def test_a_host_that_hangs_holds_up_no_other_and_leaves_nothing_behind(
    home: Home, farm: Farm, watch: Watch, way: str
) -> None:
    farm.strict, farm.patience = False, 0.0  # the hanging processes on the host stay
    far, sound = farm.host("hangs", proxied=True), farm.host("sound")
    known(home, far, sound)
    WAYS[way](far)
    holds_up_no_other(home, watch, sound, lambda: links(farm))


@pytest.mark.soak
def test_a_list_that_is_left_while_a_link_logs_in_again_ends_that_login(home: Home, farm: Farm, watch: Watch) -> None:
    """The login went on until ssh's own timeout, though nobody waited for it."""
    far = farm.host("box", config={"ConnectTimeout": "300"}, proxied=True)
    known(home, far)
    masters = set(farm.masters())
    watched = watch()
    watched.until(lambda rows: answering(rows) == {"box"})
    wait_until(lambda: held(far), "a link is held")
    assert far.sesh("label", "work", "a=b").code == 0
    watched.until(lambda rows: any(row["labels"] for row in rows))  # over that link
    far.proxy.silence()
    far.proxy.cut()
    logins = wait_until(lambda: set(farm.masters()) - masters, "it logs in again")
    watched.process.send_signal(signal.SIGINT)
    watched.process.communicate(timeout=30)
    wait_until(lambda: not logins & set(farm.masters()), "that login has ended")
