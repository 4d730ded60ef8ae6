"""The sessions that a list shows, kept up to date at a bounded cost."""

from __future__ import annotations

import itertools
import os
import select
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sesh import wire
from sesh.errors import SeshError, Unreachable, silent_host
from sesh.ops import index as indexes
from sesh.ops import local_index, lookup
from sesh.ops.index import SessionIndex
from sesh.ops.local_index import LocalIndex
from sesh.reach import workers
from sesh.reach.caller import Caller
from sesh.remote import known
from sesh.stop import Stop
from sesh.store import listing, records
from tests.support import data, wait_until


def test_events_without_end_have_the_sessions_here_asked_twice_a_second(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A title that changed a thousand times a second had `--watch` ask all sessions fifteen times."""
    monkeypatch.setenv("SESH_DIR", str(tmp_path))
    tmp_path.chmod(0o700)
    now = [1000.0]
    asked: list[float] = []

    def summaries(_patience: float, _known: list[Any]) -> list[Any]:
        asked.append(now[0])
        return []

    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "process_time", lambda: 0.01 * len(asked))
    monkeypatch.setattr(listing, "summaries", summaries)
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with LocalIndex() as index, theirs:
        descriptor = ours.detach()
        index._followed[descriptor] = ("job", wire.Connection(descriptor, descriptor))

        def passes(seconds: float, *, loud: bool) -> list[float]:
            """When they were asked, from the first event on, while so much time passed."""
            began, before = now[0], len(asked)
            theirs.send(b"event")
            while now[0] < began + seconds:
                if loud:
                    theirs.send(b"event")
                watched = [each for each in index.descriptors if each == descriptor]
                ready = set(select.select(watched, [], [], 0)[0])
                now[0] += 0.001 if ready else min(0.6, max(index.next - now[0], 0.001))
                index.take(ready)
            return [each - began for each in asked[before:]]

        now[0] += 0.6
        assert passes(1.0, loud=False)[0] == pytest.approx(0.05, abs=0.01), "the first is shown at once"
        now[0] += 0.6
        assert len(passes(60, loud=True)) <= 2 * 60 + 4
        passes(1.0, loud=False)
        now[0] += 0.6
        assert passes(1.0, loud=False)[0] == pytest.approx(0.05, abs=0.01)


def test_after_an_answer_other_hosts_are_asked_at_once_and_once_more_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first list may still show the question that was answered, and the next came after up to 50 seconds."""
    now, spent = [1000.0], [0.0]
    asked: list[float] = []

    class Answered:
        waiting, inbound, finished = frozenset[str](), -1, True

        def __init__(self, *_: object, anew: bool) -> None:
            asked.append(now[0])
            spent[0] += 0.05  # what ssh takes on a busy machine

        def give_up(self) -> list[str]:
            return []

        def close(self) -> None:
            pass

    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(indexes, "_spent_by_children", lambda: spent[0])
    monkeypatch.setattr(indexes, "Asking", Answered)
    with SessionIndex(Caller(), ["box"]) as index:

        def passes(seconds: float) -> list[int]:
            """In which seconds they were asked while so much time passed, from its beginning on."""
            began, before = now[0], len(asked)
            while now[0] < began + seconds:
                index.take(set())
                now[0] += max(0.001, min(index.due, 1.0))
            return [round(each - began) for each in asked[before:]]

        passes(10)
        assert passes(20) == [18], "asking is dear"
        index.refresh()
        assert passes(20) == [0, 3]


def test_a_silent_host_is_asked_again_soon_whatever_it_costs_and_at_once_when_it_has_answered_another_sesh(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A list that was begun while a host was away showed it up to fifty seconds after it was back."""
    now, spent, told = [1000.0], [0.0], [0.0]
    asked: list[float] = []

    class Silent:
        waiting, inbound, finished = frozenset[str](), 99, True

        def __init__(self, *_: object, anew: bool) -> None:
            asked.append(now[0])
            spent[0] += 0.5

        def take(self) -> list[tuple[str, SeshError]]:
            return [("box", silent_host("box"))]

        def give_up(self) -> list[str]:
            return []

        def close(self) -> None:
            pass

    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "time", lambda: now[0])
    monkeypatch.setattr(indexes, "_spent_by_children", lambda: spent[0])
    monkeypatch.setattr(indexes, "Asking", Silent)
    monkeypatch.setattr(known, "last_told", lambda _host: (told[0], []))
    with SessionIndex(Caller(), ["box"]) as index:

        def longest_pause(seconds: float) -> float:
            """The longest time between two questions while so much time passed."""
            until, before = now[0] + seconds, len(asked) - 1
            while now[0] < until:
                index.take({99})
                now[0] += max(0.001, min(index.due, 1.0))
            return max(later - earlier for earlier, later in itertools.pairwise(asked[before:]))

        assert longest_pause(30) < 4
        assert longest_pause(120) < 20
        assert 40 < longest_pause(1000) < 52, "nobody waits for a host that is off"
        told[0] = now[0]
        index.take({99})
        assert asked[-1] == now[0]
        assert longest_pause(30) < 4


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The hosts that have been asked: each hangs until the test is over."""
    asked: list[str] = []
    over, others = threading.Event(), set(threading.enumerate())

    def sessions_of(_caller: Caller, host: str, _deadline: float, _stop: Stop, **_: object) -> list[Any]:
        asked.append(host)
        over.wait(10)
        raise Unreachable("no")

    monkeypatch.setattr(lookup, "sessions_of", sessions_of)
    monkeypatch.setattr(lookup, "_note_failure", lambda *_: None)
    yield asked
    over.set()
    for thread in {*threading.enumerate()} - others:
        thread.join(10)


def test_a_hundred_hosts_are_asked_some_at_a_time_while_links_are_held(
    monkeypatch: pytest.MonkeyPatch, hanging: list[str]
) -> None:
    """All logged in in the same moment, and a jump host that they share let most of them wait."""
    monkeypatch.setattr(workers, "_COUNTS_FOR", 60.0)
    names = [f"h{number}" for number in range(50)]
    with SessionIndex(Caller(), names, holds=True) as index:
        wait_until(lambda: len(hanging) == 20)
        index.take(set())
        assert len(hanging) == 20
        assert index.pending
        hanging.clear()
    with SessionIndex(Caller(), names):
        wait_until(lambda: len(hanging) == 50, what="a list that is printed waits two seconds for all of them")


def test_hosts_that_hang_keep_the_others_from_being_asked_for_a_moment_only(hanging: list[str]) -> None:
    """The next twenty were asked once all of the first twenty had answered, or were late after two seconds."""
    names = [f"h{number}" for number in range(50)]
    with SessionIndex(Caller(), names, holds=True) as index:
        wait_until(lambda: len(hanging) == 50)
        assert index.there == {}, "before any of them is late"


def test_while_all_links_stand_no_host_is_asked_and_no_record_read_until_one_has_changed(
    monkeypatch: pytest.MonkeyPatch, sessions: Path
) -> None:
    """All records were read twice every three seconds, for as long as a list was open."""
    now, changed = [1000.0], [1]
    read: list[float] = []
    asked: list[list[str]] = []

    class Answered:
        waiting, inbound, finished = frozenset[str](), -1, True

        def __init__(self, hosts: list[str], _turns: object, *, anew: bool) -> None:
            asked.append(hosts)

        def give_up(self) -> list[str]:
            return []

        def close(self) -> None:
            pass

    def known_hosts(_caller: Caller) -> tuple[list[str], dict[str, str]]:
        read.append(now[0])
        return ["a", "b"], {}

    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(listing, "summaries", lambda *_: [])
    monkeypatch.setattr(indexes, "Asking", Answered)
    monkeypatch.setattr(indexes, "known_hosts", known_hosts)
    monkeypatch.setattr(known, "changed_at", lambda: changed[0])

    def passes(index: SessionIndex, seconds: float) -> int:
        """How often it woke while so much time passed."""
        until, woken = now[0] + seconds, 0
        while now[0] + index.due <= until:
            now[0] += max(0.001, index.due)
            index.take(set())
            woken += 1
        now[0] = until
        return woken

    with SessionIndex(Caller(), holds=True) as index:
        index._links.standing = {"a", "b"}
        assert passes(index, 60) <= 60 / local_index.HERE[0] + 1, "it wakes for the sessions here alone"
        assert (len(read), asked) == (1, [["a", "b"]])
        changed[0] = 2
        passes(index, 10)
        assert len(read) == 2, "once for that change"
        index._links.standing = {"a"}
        passes(index, 10)
        assert len(read) > 3
        assert asked[1:] == [["b"]] * (len(asked) - 1)
        assert len(asked) > 2
    with SessionIndex(Caller(), ["a"], holds=True) as index:
        index._links.standing = {"a"}
        passes(index, 10)
        assert passes(index, 1000) == 0, "nothing wakes for hosts that were named, once their links stand"


def test_the_list_that_a_host_tells_wakes_for_its_own_sessions_only(
    monkeypatch: pytest.MonkeyPatch, sessions: Path
) -> None:
    """It woke every three seconds to look for hosts, and a host has none."""
    now = [1000.0]
    woken: list[float] = []

    def polled(_watched: object, deadline: float) -> list[int]:
        if now[0] >= 1100:
            raise BrokenPipeError
        if deadline > now[0]:
            woken.append(deadline)
            now[0] = deadline
        return []

    monkeypatch.setattr(wire, "polled", polled)
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(listing, "summaries", lambda *_: [])
    with pytest.raises(BrokenPipeError):
        list(local_index.follow(Caller()))
    assert len(woken) <= 100 / local_index.HERE[0]


def test_a_session_that_ends_before_its_events_are_asked_for_leaves_no_descriptor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each look at a session that took no request kept another connection open."""
    ours, theirs = socket.socketpair()
    connection = wire.adopt(ours)
    descriptor = connection.inbound

    def send(*_: object) -> None:
        raise Unreachable("it has ended")

    monkeypatch.setattr(wire.Connection, "send", send)
    monkeypatch.setattr(wire, "connect", lambda *_words, **_more: connection)
    index = LocalIndex()
    with theirs:
        index._follow("gone")
        assert index._followed == {}
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)


def test_many_sessions_are_there_at_once_by_their_records_and_are_asked_after_that(
    sessions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The picker of a thousand sessions showed nothing until each had answered."""
    asked: list[float] = []

    def summaries(patience: float, _known: list[Any]) -> list[Any]:
        asked.append(patience)
        return listing.recorded()

    monkeypatch.setattr(listing, "summaries", summaries)
    records.write(data.record("lost", id="ff", daemon_pid=(1 << 22) - 1))
    records.write(data.record("foreign", id="ee", machine="another"))
    for number in range(local_index._MANY):
        records.write(data.record(f"s{number}", id=f"a{number}"))
    with LocalIndex(at_once=True) as index:
        assert asked == []
        rows = {row["name"]: row for row in index.rows}
        assert [row["name"] for row in index.rows][2:5] == ["s0", "s1", "s2"]
        assert (rows["lost"]["state"], rows["s0"]["state"], rows["foreign"]["machine"]) == (
            "lost",
            "running",
            "another",
        )
        assert "responding" not in rows["s0"]
        assert index.next <= time.monotonic()
        index.take(set())
        assert len(asked) == 1
    records.forget("lost", "ff")
    for number in range(2):
        records.forget(f"s{number}", f"a{number}")
    with LocalIndex(at_once=True):  # so few answer soon
        assert len(asked) == 2
