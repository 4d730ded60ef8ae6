"""Links that a list holds to hosts that say odd things, too much, or nothing."""

from __future__ import annotations

import json
import os
import select
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sesh.ops import lookup
from sesh.ops.host_links import HostLinks
from sesh.reach import links
from sesh.reach.caller import Caller
from sesh.remote import known
from tests.faults.bridges import GOOD, ODD_ROWS
from tests.support import ROOT, Home, processes, wait_until

Row = Any


def row(name: str, **more: object) -> Row:
    return {**GOOD, "name": name, **more}


class Host:
    """`@evil`, and links that are held to it by this process."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.links = HostLinks()
        self.others = set(processes.descendants(os.getpid()))

    def does(self, attack: str, *words: str) -> None:
        """Has it do this; hosts named `mute1` and so on say nothing."""
        line = f"{sys.executable} -m tests.faults.bridges"
        via = {"evil": " ".join([line, attack, *words]), "mute*": f"{line} mute"}
        settings = "".join(f"[remotes.{json.dumps(word)}]\nvia = {json.dumps(way)}\n" for word, way in via.items())
        self.home.write(".config/sesh/config.toml", settings)

    def says(self, *items: list[Row]) -> None:
        """Has it say these items; an empty one says that this is how all stand now."""
        self.does("says", self.home.write("items", "".join(json.dumps(item) + "\n" for item in items)))

    def until(self, holds: Callable[[Any], object]) -> tuple[Any, str]:
        """The first list that is as it is to be, with the remark on it."""
        self.links.hold("evil")
        while True:
            assert select.select([self.links.inbound], [], [], 10)[0], "it says nothing more"
            for rows, remark in self.links.take().values():
                if holds(rows):
                    return rows, remark

    def processes(self) -> set[int]:
        """The processes of the links that are open, or opening."""
        return set(processes.descendants(os.getpid())) - self.others


@pytest.fixture
def host(home: Home, inside: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    monkeypatch.setenv("PYTHONPATH", ROOT)
    before = set(threading.enumerate())
    own = Host(home)
    with own.links:
        yield own
    for thread in set(threading.enumerate()) - before:
        thread.join(20)


def test_what_a_host_leaves_out_is_said_once_however_often_it_says_so(host: Host) -> None:
    """The remark had one more copy of it with each change."""
    malformed: list[Row] = [row("good"), ODD_ROWS["labels"]]
    host.says(*[malformed, []] * 4, [row("good", attached=1)], [])
    assert host.until(lambda rows: rows[0]["attached"])[1] == "@evil: one row was left out: malformed, or too many"


def test_an_item_of_which_nothing_is_left_does_not_say_that_this_is_all(host: Host) -> None:
    """A list was shown, and kept, that was not yet whole."""
    host.says([row("one")], [ODD_ROWS["labels"]], [row("two")], [], [row("three")], [])
    lists: list[list[str]] = []

    def three(rows: list[Row]) -> bool:
        lists.append([each["name"] for each in rows])
        return len(rows) == 3

    host.until(three)
    assert ["one"] not in lists


def test_a_host_says_no_more_over_a_held_link_than_in_an_answer(host: Host) -> None:
    """It filled this process."""
    host.does("many")
    host.links.hold("evil")
    wait_until(host.processes)
    wait_until(lambda: host.links.take() == {} and not host.processes(), timeout=30, what="the link is closed")
    host.links.hold("evil")
    assert not host.processes(), "it is only asked for a while"


def test_the_sessions_of_a_busy_host_are_not_written_with_each_change(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every change of a hundred hosts wrote a file, and read a hundred."""
    kept: list[list[str]] = []
    keep = known.keep

    def counted(word: str, rows: Any) -> bool:
        kept.append([each["cwd"] for each in rows])
        return keep(word, rows)

    monkeypatch.setattr(known, "keep", counted)
    known.record(links.destination_of(Caller(), "evil"))
    busy = [[row("work", cwd=f"/{number}")] for number in range(20)]
    host.says(*[item for change in busy for item in (change, [])], [row("more")], [], [row("more", cwd="/last")], [])
    host.until(lambda rows: rows[0]["cwd"] == "/last")
    assert kept == [["/0"], ["/", "/19"]], "at first, and as one comes"
    host.links.keep(set())
    wait_until(lambda: kept[2:] == [["/last", "/19"]], what="at the end what was not written is")
    assert [each["cwd"] for each in lookup.last_known("evil", "no answer yet")] == ["/last", "/19"]


def test_links_that_are_being_opened_are_given_up_with_their_list_and_keep_no_other_waiting(host: Host) -> None:
    """Eight hosts that say nothing kept all others without a link for fourteen seconds, also once they were left."""
    host.says([row("work")], [])
    for number in range(8):
        host.links.hold(f"mute{number}")
    wait_until(lambda: len(host.processes()) >= 8, what="eight are being opened")
    host.links.hold("evil")
    host.links.keep({"evil"})
    host.until(lambda rows: [each["name"] for each in rows] == ["work"])
    host.links.keep(set())
    wait_until(lambda: not host.processes(), what="nothing is left")
