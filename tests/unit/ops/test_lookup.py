"""The known remotes, asked all at once: answers as they come, silence that ends, one choice among several."""

from __future__ import annotations

import itertools
import os
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sesh import moments
from sesh.about import SESH
from sesh.errors import Late, LoginRefused, NotFound, Refused, Unreachable, silent_host
from sesh.names import natural
from sesh.ops import lookup
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
            self.over.wait(20)
            raise silent_host(destination)
        if isinstance(answer, Exception):
            raise answer
        return [summary(name=row, host=destination) if isinstance(row, str) else row for row in answer]


def told(host: str, *rows: Summary) -> None:
    """What a host had when it told its sessions five minutes ago."""
    known.write(known.path_of(host, ".names"), {"word": host, "at": time.time() - 300, "sessions": list(rows)})


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[World]:
    own, others = World(), set(threading.enumerate())
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setattr(lookup, "PATIENCE", 10.0)
    monkeypatch.setattr(lookup, "sessions_of", own.sessions_of)
    yield own
    own.over.set()
    for thread in {*threading.enumerate()} - others:
        thread.join(10)  # what it notes must not reach the next test


CALLER = Caller()


class Noting(Caller):
    """One who sees notes at once."""

    watched = True

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.statuses: list[str] = []

    def note(self, line: str) -> None:
        self.notes.append(line)

    def status(self, line: str) -> None:
        self.statuses.append(line)


def test_the_one_host_that_has_it_is_found(world: World) -> None:
    world.hosts = {"a": ["x"], "b": ["work", "x"], "c": []}
    assert lookup.host_of(CALLER, "work") == "b"
    assert lookup.host_of(CALLER, "missing") is None
    local = Caller()
    local.local = True
    assert lookup.host_of(local, "work") is None


def test_faults_of_the_settings_are_noted_once_and_by_no_thread(
    tmp_path: Path, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread wrote them over the list that was shown."""

    def asked(caller: Caller, *_: object, **__: object) -> list[Summary]:
        caller.settings()
        return []

    class Where(Noting):
        def note(self, line: str) -> None:
            super().note(threading.current_thread().name)

    folder = tmp_path / ".config" / "sesh"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text("relay = 5\n")
    monkeypatch.setattr(lookup, "sessions_of", asked)
    world.hosts = {"a": [], "b": []}
    caller = Where()
    assert len(list(lookup.summaries(caller, ["a", "b"]))) == 2
    assert caller.notes == [threading.main_thread().name]


def test_several_names_cost_one_question_a_host(world: World) -> None:
    world.hosts = {"a": ["one"], "b": ["two", "one"]}
    whereabouts = lookup.located(CALLER, ["one", "two", "three"])
    assert {name: each.hosts for name, each in whereabouts.items()} == {"one": ["a", "b"], "two": ["b"], "three": []}
    assert sorted(world.asked) == ["a", "b"]


def test_several_hosts_that_have_it_are_named_where_nobody_can_be_asked(world: World) -> None:
    world.hosts = {"a": ["work"], "b": ["work"]}
    with pytest.raises(Refused, match="@a, @b; choose one: sesh @a --status work"):
        lookup.host_of(CALLER, "work", "--status")


def test_hosts_that_fail_or_say_nothing_keep_nobody_waiting_and_only_those_that_refuse_are_skipped_then(
    world: World, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    silent = {"late": None, "down": Unreachable("no"), "odd": OSError(13, "no")}
    world.hosts = {**silent, "locked": LoginRefused("no"), "here": ["work"]}
    monkeypatch.setattr(lookup, "PATIENCE", 1.0)
    began = time.monotonic()
    assert lookup.host_of(CALLER, "work") == "here"
    assert time.monotonic() - began < 5
    assert lookup.known_hosts(CALLER) == (["down", "here", "late", "odd"], {"locked": "no"})
    assert capfd.readouterr().err == ""


def test_a_host_that_had_it_and_does_not_answer_is_named(world: World) -> None:
    world.hosts = {"late": Unreachable("no"), "other": []}
    told("late", summary(name="work"))
    told("other", summary(name="gone"))
    for _ in range(2):
        with pytest.raises(NotFound, match=r"here; @late does not answer \(no\); work was there 5m ago"):
            lookup.host_of(CALLER, "work")
    assert lookup.host_of(CALLER, "gone") is None
    world.hosts = {**world.hosts, "third": ["work"]}
    noting = Noting()
    assert lookup.host_of(noting, "work") == "third"
    assert noting.notes == ["@late does not answer (no); work was there 5m ago"], "it may be the one that is meant"
    assert world.asked.count("late") == 4, "it may be back at any moment"


def test_of_a_host_that_is_not_asked_it_is_not_said_that_it_does_not_answer(world: World) -> None:
    world.hosts = {"box": LoginRefused("no")}
    told("box", summary(name="work"))
    words = r"no session work here; @box is not asked until \d\d:\d\d:\d\d \(no\); work was there 5m ago"
    for _ in range(2):  # the second time it is not asked
        with pytest.raises(NotFound, match=words) as error:
            lookup.host_of(CALLER, "work")
        assert error.value.hint == f"`{SESH} @box` asks it at once"
    assert world.asked == ["box"]
    ((_, _, why),) = lookup.lists(CALLER)
    assert re.fullmatch(r"no; not asked until \d\d:\d\d:\d\d, `sesh @box` asks at once", why)


def test_the_line_that_names_whom_is_waited_for_stays_short(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup, "PATIENCE", 1.0)
    world.hosts = {f"h{number}": None for number in range(50)}
    noting = Noting()
    assert lookup.host_of(noting, "work") is None
    assert noting.statuses == ["looking for work on @h0, @h1, @h2, @h3, @h4 and 45 more", ""]


def test_a_host_that_refuses_is_asked_again(world: World) -> None:
    world.hosts = {"a": Refused("not now")}
    assert lookup.host_of(CALLER, "work") is None
    assert lookup.known_hosts(CALLER) == (["a"], {})


def test_answers_of_the_list_come_as_they_come(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup, "PATIENCE", 1.0)
    world.hosts = {"late": None, "here": ["work"], "down": Unreachable("no")}
    answers = lookup.summaries(CALLER, list(world.hosts))
    first = dict((next(answers), next(answers)))
    assert first.keys() == {"here", "down"}
    assert first["here"] == [summary(name="work", host="here")]
    word, answer = next(answers)
    assert (word, type(answer)) == ("late", Late)
    assert next(answers, None) is None


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


def test_one_account_under_two_names_has_each_session_once(world: World) -> None:
    """A session was listed twice, and `sesh work` asked which of the two was meant."""
    one, other = (summary(name="work", host=host, id="0f") for host in ("lan", "vpn"))
    rows = {"vpn": [other, summary(name="own", host="vpn")], "lan": [one]}
    assert [(host, [row["name"] for row in own]) for host, own in lookup.once(rows).items()] == [
        ("lan", ["work"]),
        ("vpn", ["own"]),
    ]
    stale: Summary = {**one, "stale": {"since": "2026-03-01T12:00:00Z", "reason": "no answer yet"}}
    assert lookup.once({"lan": [stale], "vpn": [other]}) == {"lan": [], "vpn": [other]}, "what is sure goes first"
    world.hosts = {"vpn": ["work"], "lan": ["work"]}
    assert lookup.located(CALLER, ["work"])["work"].hosts == ["lan", "vpn"], "two that look alike"


def test_one_account_is_listed_under_the_name_that_was_used_first(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was the first in the alphabet: a name used once renamed a host in all lists."""
    for number, word in enumerate(("me@web", "web", "jump")):
        monkeypatch.setattr(moments, "stamp", lambda number=number: f"2026-03-01T12:00:0{number}Z")
        world.hosts = {word: [summary(name="work", id="0f")]}
    world.hosts = {word: [summary(name="work", id="0f")] for word in ("jump", "web", "me@web")}
    assert lookup.located(CALLER, ["work"])["work"].hosts == ["web"]
    assert [host for host, rows, _ in lookup.lists(CALLER) if rows] == ["web"]


def test_what_a_silent_host_told_last_is_not_listed_beside_the_same_sessions_of_another_name(world: World) -> None:
    """One that was passed over came at once, and its sessions again by the other name."""
    now = summary(name="work", id="0f")
    for failure in (None, Unreachable("no")):
        world.hosts = {"lan": failure, "other": [], "vpn": [now]}
        told("lan", now, summary(name="own", id="1e"))
        if failure is None:
            known.record_failure("lan", "no", refused=True)
        listed = [(host, [row["name"] for row in own], why[:2]) for host, own, why in lookup.lists(CALLER)]
        assert listed == [
            ("lan", ["own"], "no"),
            ("other", [], ""),
            ("vpn", ["work"], ""),
        ]


def test_a_silent_host_without_sessions_holds_up_no_list(world: World) -> None:
    world.hosts = {"empty": Unreachable("no"), "here": ["work"], "late": None}
    lists = lookup.lists(CALLER)
    assert [next(lists)[0], next(lists)[0]] == ["empty", "here"]
    world.over.set()
    assert [host for host, _, _ in lists] == ["late"]


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


def test_once_a_session_is_found_hosts_that_had_none_of_its_name_are_not_waited_for(world: World) -> None:
    """With five of fifty hosts that hang `sesh NAME` took two seconds each time."""
    world.hosts = {"late": None, "here": ["work"]}
    told("late", summary(name="other"))
    assert lookup.host_of(CALLER, "work", brief=True) == "here"
    answers = lookup.summaries(CALLER, ["late", "here"], names=["work"], brief=True)
    assert [host for host, _ in answers] == ["here"]


@pytest.mark.parametrize("rows", [["work"], None])
def test_a_host_that_may_have_the_session_too_is_waited_for(
    world: World, monkeypatch: pytest.MonkeyPatch, rows: list[str] | None
) -> None:
    monkeypatch.setattr(lookup, "PATIENCE", 1.0)
    world.hosts = {"late": None, "here": ["work"]}
    if rows is not None:
        told("late", summary(name="work"))
    answers = lookup.summaries(CALLER, ["late", "here"], names=["work"], brief=True)
    assert [host for host, _ in answers] == ["here", "late"]
