"""Links that a list holds to hosts that say odd things, too much, or nothing."""

from __future__ import annotations

import json
import os
import select
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sesh.ops.index import Report, SessionIndex
from sesh.reach.caller import Caller
from tests.faults.bridges import GOOD, ODD_ROWS
from tests.faults.daemons import far_end
from tests.support import Home, processes, wait_until
from tests.support.waiting import PATIENCE

Row = Any


class Host:
    """The host `@evil`, and a link that this process holds to the host."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.others = set(processes.descendants(os.getpid()))

    def does(self, attack: str, *words: str) -> None:
        """Make the host carry out an attack."""
        via = json.dumps(far_end(self.home, attack, *words))
        self.home.write(".config/sesh/config.toml", f"[remotes.evil]\nvia = {via}\n")

    def says(self, *items: list[Row]) -> None:
        """Make the host send these items; an empty one says that the report is complete."""
        self.does("says", self.home.write("items", "".join(json.dumps(item) + "\n" for item in items)))

    def until(self, holds: Callable[[Report], object]) -> Report:
        """Return the first report of the link for which `holds` is true."""
        with SessionIndex(Caller(), ["evil"]) as index:
            while index.pending or not holds(index.machines["evil"]):
                assert select.select([index.inbound], [], [], PATIENCE)[0], "it says nothing more"
                index.update()
            return index.machines["evil"]

    def processes(self) -> set[int]:
        """Return the processes of the links that are open, or opening."""
        return set(processes.descendants(os.getpid())) - self.others


@pytest.fixture
def host(home: Home, inside: None) -> Iterator[Host]:
    before = set(threading.enumerate())
    yield Host(home)
    for thread in set(threading.enumerate()) - before:
        thread.join(30)


def test_a_list_with_a_malformed_row_is_not_shown(host: Host) -> None:
    host.says([{**GOOD, "name": "one"}], [ODD_ROWS["labels"]], [{**GOOD, "name": "two"}], [])
    report = host.until(lambda report: report.why_silent)
    assert ("malformed" in report.why_silent, report.rows) == (True, [])


@pytest.mark.soak
def test_a_host_says_no_more_over_a_held_link_than_in_an_answer(host: Host) -> None:
    """Such a host filled the memory of this process."""
    host.does("many")
    assert "malformed" in host.until(lambda report: report.why_silent).why_silent
    wait_until(lambda: not host.processes(), "the link is closed")
