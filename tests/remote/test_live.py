"""Open lists hold a link to each host, and show its changes at once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from sesh.link import health, opening
from sesh.reach import host_target
from tests.remote.farm import Farm, SshHost
from tests.remote.via import Beside, ViaHost
from tests.support import PROMPT, Home, processes, wait_until

Row = dict[str, Any]


class Watched:
    """`sesh watch --json`, and the rows that it printed last."""

    def __init__(self, home: Home, *words: str) -> None:
        self.process: subprocess.Popen[bytes] = home.start(*words, "watch", "--json")

    def until(self, holds: Callable[[list[Row]], object]) -> list[Row]:
        """Return the first rows for which `holds` is true."""
        assert self.process.stdout is not None
        rows: list[Row] = []
        while not holds(rows):
            rows = json.loads(self.process.stdout.readline())
        return rows

    def close(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=30)


Watch = Callable[..., Watched]


def label(far: SshHost | ViaHost, value: str) -> Callable[[list[Row]], object]:
    """Label the session on the host; return a check whether rows show the label."""
    far.sesh("label", "work", f"n={value}")
    return lambda rows: (far.word, value) in [(row["host"], row["labels"].get("n")) for row in rows]


def known(home: Home, *hosts: SshHost | ViaHost) -> None:
    for far in hosts:
        far.sesh("open", "work", "--", "sleep", "1000")
        assert home.sesh(far.at, "list").code == 0


def held(far: SshHost) -> list[int]:
    """Return the processes on a host that serve a link."""
    return [pid for pid in far.processes() if processes.describe(pid).find("--bridge") >= 0]


def test_what_changes_on_any_host_is_seen_and_nobody_is_asked_for_it(home: Home, beside: Beside, watch: Watch) -> None:
    """The more hosts there were, the less often each was asked."""
    hosts = [beside(f"h{number}") for number in range(3)]
    known(home, *hosts)
    before = [len(far.links()) for far in hosts]
    watched = watch()
    watched.until(lambda rows: {row["host"] for row in rows} == {"h0", "h1", "h2"})
    wait_until(lambda: all(far.held() for far in hosts), "a link is held to each")
    for number, far in enumerate(hosts):
        watched.until(label(far, str(number)))
    hosts[1].sesh("open", "more")
    watched.until(lambda rows: ("h1", "more") in [(row["host"], row["name"]) for row in rows])
    hosts[1].sesh("kill", "more")
    watched.until(lambda rows: rows and "more" not in [row["name"] for row in rows])
    assert [len(far.links()) for far in hosts] == [number + 1 for number in before], "each has one link"


@pytest.mark.soak
def test_a_held_link_whose_other_end_dies_cuts_nobody_who_is_attached(home: Home, farm: Farm, watch: Watch) -> None:
    """To replace the held link, sesh closed the ssh connection that the attached client shared."""
    far = farm.host("box")
    opened = home.terminal("@box", "work")
    opened.wait_for(PROMPT)
    masters, own = farm.masters(), set(held(far))
    watched = watch()
    watched.until(bool)
    wait_until(lambda: set(held(far)) - own, "a link is held")
    watched.until(label(far, "before"))  # over that link
    links_held = set(held(far)) - own
    for pid in links_held:
        with suppress(ProcessLookupError):  # a bridge that has ended meanwhile
            os.kill(pid, signal.SIGKILL)
    wait_until(lambda: set(held(far)) - own - links_held, "another is held")
    watched.until(label(far, "after"))
    assert set(masters) <= set(farm.masters())
    opened.type("echo still he''re\r")
    opened.wait_for("still here")
    opened.type("\x1c")
    assert opened.exit_code() == 0


def test_a_question_on_a_host_is_told_by_a_terminal_that_is_attached_there(home: Home, beside: Beside) -> None:
    far = beside("box")
    opened = home.terminal("@box", "work", env={"TERM_PROGRAM": "iTerm.app"})
    opened.wait_for(PROMPT)
    opened.type("echo ty''ped\r")
    opened.wait_for("typed")
    far.sesh("open", "agent", "--", "sh", "-c", "printf 'push it? '; read x; sleep 60")
    opened.wait_for_raw(b"\x1b]9;agent@box waits: push it?\x1b\\")


@pytest.mark.soak
@pytest.mark.needs_fork("a link that is doubted sooner and lost later")
def test_a_host_that_does_not_answer_is_marked_before_its_link_is_lost_and_is_back_with_the_network(
    home: Home, beside: Beside, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For eleven seconds the rows of a silent host looked current."""
    monkeypatch.setattr(host_target, "LIST_DOUBTED_AFTER", 0.5)
    monkeypatch.setattr(opening, "START_TIMEOUT", 99.0)  # an attempt that ends wakes the loop, too
    for name, seconds in {"PING_AFTER": 0.5, "LOST_AFTER": 99.0}.items():
        monkeypatch.setattr(health, name, seconds)
    far = beside("box")
    known(home, far)
    watched = watch()
    watched.until(label(far, "before"))
    wait_until(far.held, "a link is held")
    for _ in range(2):
        far.fall_silent()
        (row,) = watched.until(lambda rows: rows and "stale" in rows[0])
        assert (row["labels"], row["stale"]["reason"]) == ({"n": "before"}, "no answer yet")
        far.end_silence()
        watched.until(lambda rows: rows and "stale" not in rows[0])
