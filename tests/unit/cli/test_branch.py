"""Children that carry one line out at once: how they are ended."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest

from sesh.cli import branch
from sesh.cli.branch import Branch, Branches
from sesh.cli.invocation import Invocation
from sesh.cli.parser import split
from tests.support import processes


def host(name: str, work: Callable[[], int]) -> Branch:
    return Branch(Invocation(split(["--exec"])), name, {"host": name}, work, as_json=False)


def sleeps() -> int:
    while True:
        signal.pause()


def test_a_child_that_does_not_heed_its_end_is_ended_by_force(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who had ended it waited for it for ever."""

    def stays() -> int:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.write(1, b"ready")
        return sleeps()

    monkeypatch.setattr(branch, "_PATIENCE", 1.0)
    one, other = host("box", stays), host("other", sleeps)
    with Branches([one, other]) as running:
        pids = [one.pid, other.pid]
        assert os.read(one.stdout, 64) == b"ready"
        os.kill(other.pid, signal.SIGSTOP)
    assert (one.code, other.code) == (137, 143)
    assert not any(map(processes.exists, pids))
    assert running.ended_by == 0


def test_a_child_ends_with_its_parent_however_that_ends(tmp_path_factory: pytest.TempPathFactory) -> None:
    """In a process group of its own it waited on, with its links to hosts, after SIGKILL to all that it belonged to."""
    held = str(tmp_path_factory.mktemp("held") / "fifo")
    os.mkfifo(held)

    def holds() -> int:
        os.write(os.open(held, os.O_WRONLY), b"x")
        return sleeps()

    parent = os.fork()
    if not parent:
        try:
            with Branches([host("box", holds), host("other", holds)]) as running:
                running.run()
        finally:
            os._exit(1)
    with open(held, "rb") as fifo:
        assert fifo.read(2) == b"xx"
        os.kill(parent, signal.SIGKILL)
        os.waitpid(parent, 0)
        assert fifo.read() == b"", "both have closed it"
