"""Of several callers one is cut at some moment: the texts of the others keep their order, each entered by itself."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from sesh.daemon.requests import delivery, typed_text
from sesh.wire.protocol import CHUNK
from tests.support import Home, processes, says_who_reads, wait_until
from tests.support.composers.stepping import AT_EACH_STEP_OF_A_TEXT, READY, Stepper
from tests.support.forking import Started
from tests.terminal.looking import screen

pytestmark = [says_who_reads, pytest.mark.needs_fork("a daemon that leaves a program all the time that it takes")]

Cut = Callable[[Started], None]


@pytest.fixture
def box(home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stepper]:
    """Yield the session `box`, which may take its time."""
    monkeypatch.setattr(delivery, "STALLED", 1000.0)
    monkeypatch.setattr(typed_text, "STALLED", 1000.0)
    with closing(Stepper(home)) as own:
        yield own


def asked(home: Home, *words: str, text: str = "") -> Started:
    """Start sesh, with `text` as its stdin, and wait until its request is there."""
    with open(home.write("text", text)) as file:
        started = home.start(*words, stdin=file.fileno())
    wait_until(lambda: processes.connected(started.pid) and processes.rested([started.pid]), f"{words} is asked for")
    return started


def sender(home: Home, text: str) -> Started:
    return asked(home, "send", "box", text, "--enter")


def kill(caller: Started) -> None:
    caller.kill()
    caller.wait()


def stop(caller: Started) -> None:
    caller.send_signal(signal.SIGSTOP)


def ends(caller: Started, cut: Cut) -> None:
    """Let a stopped caller go on, and wait for its end."""
    if cut is stop:
        caller.send_signal(signal.SIGCONT)
        assert caller.wait(60) == 0


def callers(home: Home, name: str) -> int:
    return processes.connections(home.summary(name)["daemon_pid"])


CUTS = pytest.mark.parametrize("cut", [kill, pytest.param(stop, marks=pytest.mark.soak)])


@CUTS
@AT_EACH_STEP_OF_A_TEXT
def test_the_text_of_a_caller_that_is_cut_when_it_is_typed_gets_its_enter_and_the_next_comes_behind(
    home: Home, box: Stepper, cut: Cut, before: list[str]
) -> None:
    first = sender(home, "one")
    box.takes(*before)
    second = sender(home, "two")
    cut(first)
    box.takes(*[*READY, *READY][len(before) :], *READY, *READY)
    assert second.wait(60) == 0
    ends(first, cut)
    assert box.read == ["one", "|", "two", "|"]


@CUTS
@pytest.mark.parametrize(
    "before",
    [["await"], pytest.param([*READY, "await"], marks=pytest.mark.soak)],
    ids=["a text is not read", "an Enter is not read"],
)
def test_of_a_caller_that_is_killed_before_its_turn_nothing_is_typed_and_one_that_is_stopped_has_its_turn(
    home: Home, box: Stepper, cut: Cut, before: list[str]
) -> None:
    first = sender(home, "one")
    box.takes(*before)
    second = sender(home, "two")
    known = callers(home, "box")
    cut(second)
    if cut is kill:
        wait_until(lambda: callers(home, "box") < known, "the daemon knows that it has gone")
    third = sender(home, "three")
    box.takes(*[*READY, *READY][len(before) :], *READY, *READY)
    if cut is stop:
        box.takes(*READY, *READY)
    assert (first.wait(60), third.wait(60)) == (0, 0)
    ends(second, cut)
    assert box.read == ["one", "|", *(["two", "|"] if cut is stop else []), "three", "|"]


@CUTS
@pytest.mark.parametrize("who", ["the first", pytest.param("the second", marks=pytest.mark.soak)])
def test_commands_queue_behind_one_whose_caller_is_cut_and_one_that_has_not_begun_goes_with_its_caller(
    home: Home, cut: Cut, who: str
) -> None:
    os.mkfifo(f"{home.path}/go")
    assert home.sesh("open", "work").code == 0
    lines = ["cat go; echo one >>ran", "echo two >>ran", "echo three >>ran"]
    first = asked(home, "run", "work", "--", lines[0])
    wait_until(lambda: home.summary("work")["foreground"]["command"] == ["cat", "go"], "the first command runs")
    second, third = (asked(home, "run", "work", "--", line) for line in lines[1:])
    caller = first if who == "the first" else second
    known = callers(home, "work")
    cut(caller)
    if cut is kill:
        wait_until(lambda: callers(home, "work") < known, "the daemon knows that it has gone")
    home.write("go", "")
    assert third.wait(60) == 0
    ends(caller, cut)
    left = {"one", "two", "three"} - ({"two"} if (cut, who) == (kill, "the second") else set())
    with open(f"{home.path}/ran") as ran:
        assert ran.read().split() == [word for word in ("one", "two", "three") if word in left]


@pytest.mark.parametrize(
    "cut",
    [None, pytest.param(kill, marks=pytest.mark.soak), pytest.param(stop, marks=pytest.mark.soak)],
    ids=["nobody is cut", "kill", "stop"],
)
def test_a_text_of_several_pieces_keeps_its_turn_unless_its_caller_is_cut(home: Home, cut: Cut | None) -> None:
    """The pieces of two texts came one by one in turn."""
    script = "stty raw -echo; echo ready; until [ -e go ]; do sleep 0.1; done; exec cat >taken"
    assert home.sesh("open", "raw", "--", "sh", "-c", script).code == 0
    wait_until(lambda: "ready" in screen(home, "raw"), "raw shows 'ready'")
    size = 2 * CHUNK + 5
    first, second = (asked(home, "send", "raw", "-", text=letter * size) for letter in "ab")
    known = callers(home, "raw")
    if cut is not None:
        cut(first)
    if cut is kill:
        wait_until(lambda: callers(home, "raw") < known, "the daemon knows that it has gone")
    home.write("go", "")
    assert second.wait(60) == 0
    if cut is None:
        assert first.wait(60) == 0
    elif cut is stop:
        ends(first, cut)
    before = CHUNK if cut is kill else 2 * CHUNK if cut is stop else size
    behind = size - before if cut is stop else 0
    taken = Path(home.path, "taken")
    whole = "a" * before + "b" * size + "a" * behind
    wait_until(lambda: taken.exists() and taken.stat().st_size >= len(whole), "the program has taken all")
    assert taken.read_text() == whole
