"""The known remotes, asked all at once: answers as they come, silence that ends, one choice among several."""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sesh.errors import LoginRefused, NotFound, Unreachable, silent_host
from sesh.names import natural
from sesh.ops import lookup
from sesh.reach import workers
from sesh.reach.caller import Caller
from sesh.remote import known
from sesh.remote.ssh.destination import Destination
from sesh.schema import Summary
from sesh.stop import Stop
from tests.support import wait_until
from tests.support.data import summary


class World:
    """Hosts by their word: the names of their sessions or these, an error, or None for one that says nothing."""

    def __init__(self) -> None:
        self._hosts: dict[str, Any] = {}
        self.asked: list[str] = []
        self.late: list[str] = []
        """Hosts whose silence has come to an end."""
        self.over = threading.Event()

    @property
    def hosts(self) -> dict[str, Any]:
        """The known remotes."""
        return self._hosts

    @hosts.setter
    def hosts(self, hosts: dict[str, Any]) -> None:
        self._hosts = hosts
        for host in hosts:
            known.record(Destination(host, via=["true"]))

    def sessions_of(
        self, _caller: Caller, destination: str, _deadline: float, _stop: Stop, **_: object
    ) -> list[Summary]:
        self.asked.append(destination)
        answer = self.hosts[destination]
        if answer is None:
            self.over.wait(30)
            self.late.append(destination)
            raise silent_host(destination)
        if isinstance(answer, Exception):
            raise answer
        return [summary(name=row, host=destination) if isinstance(row, str) else row for row in answer]


def told(host: str, *rows: Summary) -> None:
    """What a host had when it told its sessions five minutes ago."""
    known.write(
        known.path_of(host, ".names"),
        {"word": host, "at": time.time() - 300, "sessions": [known._kept(row) for row in rows]},
    )


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[World]:
    own, others = World(), set(threading.enumerate())
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setattr(workers, "_LEAVING", 0.1)  # those that say nothing do not hear that they are to end
    monkeypatch.setattr(lookup, "PATIENCE", 60.0)
    monkeypatch.setattr(lookup, "sessions_of", own.sessions_of)
    yield own
    own.over.set()
    for thread in {*threading.enumerate()} - others:
        thread.join(30)  # what it notes must not reach the next test


CALLER = Caller()


def test_hosts_that_fail_or_say_nothing_keep_nobody_waiting_and_only_those_that_refuse_are_skipped_then(
    world: World, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    silent = {"late": None, "down": Unreachable("no"), "odd": OSError(13, "no")}
    world.hosts = {**silent, "locked": LoginRefused("no"), "here": ["work"]}
    monkeypatch.setattr(lookup, "PATIENCE", 1.0)
    assert lookup.located(CALLER, ["work"])["work"].hosts == ["here"]
    assert lookup.known_hosts(CALLER) == (["down", "here", "late", "odd"], {"locked": "no"})
    assert capfd.readouterr().err == ""


def test_hosts_that_were_asked_leave_nothing_open(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each list of the sessions of all hosts, as a program asks for by the Python API, left a pipe."""
    monkeypatch.setattr(lookup, "PATIENCE", 0.3)
    before = len(os.listdir("/dev/fd"))
    world.hosts = {"late": None, "here": ["work"]}
    for _ in range(3):
        assert len(list(lookup.summaries(CALLER, list(world.hosts)))) == 2
    world.over.set()
    wait_until(lambda: len(os.listdir("/dev/fd")) == before)


def test_no_answer_of_many_is_lost(world: World) -> None:
    """Threads add answers while others are taken."""
    world.hosts = {f"h{number}": ["work"] for number in range(60)}
    for _ in range(5):
        assert len(lookup.located(CALLER, ["work"])["work"].hosts) == 60


def test_each_known_host_is_asked_or_skipped_while_the_minute_ends(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read twice, a host could be in both, and was listed twice; or in neither."""
    world.hosts = {f"h{number}": [] for number in range(4)}
    for host in world.hosts:
        known.record_failure(host, "no", refused=True)
    failed = os.stat(known.path_of("h0", ".failed")).st_mtime
    for start in range(8):
        seconds = itertools.count(failed + known.FAILURE_PAUSE - start)
        monkeypatch.setattr(time, "time", lambda seconds=seconds: next(seconds))
        hosts, failures = lookup.known_hosts(CALLER)
        assert sorted([*hosts, *failures]) == sorted(world.hosts)


def test_what_a_host_says_of_its_own_silence_and_clock_is_not_believed() -> None:
    row: Summary = summary(name="work", home="/x", clock=9.0, stale={"since": "2026-03-01T12:00:00Z", "reason": "no"})
    placed = lookup.placed(row, "box", "", 0.0)
    assert placed == summary(name="work", host="box")


def test_names_are_in_the_order_that_people_expect() -> None:
    names = ["s10", "s2", "s1", "s02", "a", "s2b", "s", "S3", "n100.x", "n9.x"]
    assert sorted(names, key=natural) == ["S3", "a", "n9.x", "n100.x", "s", "s1", "s02", "s2", "s2b", "s10"]


def test_a_host_that_failed_a_moment_ago_is_waited_for_only_if_it_had_the_session(world: World) -> None:
    """Each new name cost two seconds as long as any known host was away."""
    world.hosts = {"away": None, "here": ["work"]}
    known.record_failure("away", "no route")
    place = lookup.located(CALLER, ["work"])["work"]
    assert (place.hosts, place.silent, place.unknown) == (["here"], {}, {"away": "no answer yet"})
    assert lookup.located(CALLER, ["other"])["other"].hosts == []
    assert world.late == []
    told("away", summary(name="other"))
    world.hosts["away"] = ["other"]  # it is back
    assert lookup.located(CALLER, ["other"])["other"].hosts == ["away"]


def test_a_session_that_two_names_lead_to_is_listed_once(world: World) -> None:
    row = {name: summary(name=name, id=f"id-{name}") for name in ("work", "other")}
    world.hosts = {"b": [row["work"], row["other"]], "a": [row["work"]]}
    assert [(host, [each["name"] for each in rows]) for host, rows, _ in lookup.lists(CALLER)] == [
        ("a", ["work"]),
        ("b", ["other"]),
    ]
    assert lookup.located(CALLER, ["work"])["work"].hosts == ["a"]
    world.hosts = {"a": LoginRefused("no"), "b": [row["work"]]}
    told("a", row["work"])
    assert lookup.located(CALLER, ["work"])["work"] == lookup.Whereabouts(["b"], {}, {"a": "no"})


def test_a_session_of_a_host_that_does_not_answer_is_named_and_not_created(world: World) -> None:
    world.hosts = {"away": Unreachable("no route")}
    told("away", summary(name="work"))
    place = lookup.located(CALLER, ["work"])["work"]
    for verb, line in (("", "--local work"), ("--kill", "@away")):
        with pytest.raises(NotFound, match="@away") as caught:
            lookup.host_of(CALLER, "work", place, verb)
        assert caught.value.hint.endswith(line)
    assert lookup.host_of(CALLER, "other", lookup.located(CALLER, ["other"])["other"]) is None
