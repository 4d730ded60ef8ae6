"""How a session stands: the rules, and when it is looked at. The clock and the kernel are stand-ins."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.daemon.activity import activity as module
from sesh.daemon.activity import rules, turn
from sesh.daemon.activity.activity import Activity
from sesh.daemon.activity.declared import By
from sesh.daemon.activity.rules import Standing, State, Why
from sesh.daemon.pty import reads
from sesh.daemon.pty.output_log import OutputLog
from sesh.daemon.pty.reads import Call
from sesh.daemon.screen.model import Model
from sesh.loop import timers
from sesh.loop.timers import Timers

SHELL, JOB = 100, 200


class Clock:
    """A time that passes only where a test says so."""

    at = 1000.0

    def monotonic(self) -> float:
        return self.at

    now = monotonic


class World:
    """A session whose terminal and kernel say what a test wants; `events` are its own. It is its own pump and pty."""

    device, running, line_begun, typed_at, xoff = 0, True, False, 0.0, False

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.group, self.is_raw, self.shows, self.prompt = SHELL, True, True, False
        self.reads: bool | None = False
        self.looks = 0
        self.events: list[tuple[str, str]] = []
        self.timers, self.log, self.pty = Timers(), OutputLog(), self
        self.model = Model(self.log, 80, 24)
        facts = {"pid": SHELL, "created": clock.at, "shell": True}
        parts = facts, self, self.timers, self.model, self.emit, lambda: None
        self.activity = Activity(*parts)  # type: ignore[arg-type]

    def foreground(self) -> int:
        return self.group

    def raw(self) -> bool:
        return self.is_raw

    def echoes(self) -> bool:
        return self.shows

    def output_stopped(self) -> bool:
        return self.xoff

    def look(self, *_: object) -> bool | None:
        self.looks += 1
        return self.reads

    def emit(self, event: str, **facts: Any) -> None:
        assert event == "activity"
        self.events.append((facts["state"], facts["question"]))

    def passes(self, seconds: float) -> None:
        """Time passes, and timers run at their time."""
        until = self.clock.at + seconds
        while (left := self.timers.wait_time()) is not None and self.clock.at + left <= until:
            self.clock.at += left
            self.timers.run()
        self.clock.at = until

    def runs(self, *, reads: bool | None = False, shows: bool = True) -> None:
        """A program that reads lines has the terminal from now on."""
        self.prompt, self.group, self.is_raw, self.reads, self.shows = False, JOB, False, reads, shows

    def prints(self, text: str) -> None:
        self.log.append(text.encode())
        self.activity.wake()

    @property
    def stands(self) -> tuple[str, str]:
        standing = self.activity.standing()
        return standing.state.value, standing.why.value


@pytest.fixture
def here() -> Iterator[World]:
    yield from worlds()


def worlds() -> Iterator[World]:
    clock = Clock()
    with (
        patch.object(module, "time", clock),
        patch.object(turn, "time", clock),
        patch.object(timers, "time", clock),
        patch.object(module, "STEADY", clock),
    ):
        made = World(clock)
        with (
            patch("sesh.daemon.shell.shells.at_prompt", lambda _: made.prompt),
            patch("sesh.daemon.pty.reads.reads_terminal", made.look),
        ):
            yield made


# -- the kernel's word


@pytest.mark.parametrize(
    ("reads", "raw", "shows", "stands"),
    [
        (True, False, True, ("waiting", "tty-read")),
        (True, True, True, ("idle", "quiet")),
        (None, False, False, ("waiting", "tty-read")),  # sudo, whose calls are hidden
        (None, False, True, ("idle", "quiet")),
        (False, False, False, ("idle", "quiet")),
    ],
)
def test_who_reads_a_line_waits_and_silence_is_quiet_after_ten_seconds(
    here: World, reads: bool | None, raw: bool, shows: bool, stands: tuple[str, str]
) -> None:
    here.runs(reads=reads, shows=shows)
    here.is_raw = raw
    here.passes(rules.QUIET_AFTER - 0.1)
    assert here.stands == (("working", "output") if stands[0] == "idle" else stands)
    here.passes(0.2)
    assert here.stands == stands
    assert here.looks <= 8
    assert here.timers.wait_time() is None


def test_a_question_that_comes_a_moment_behind_the_read_is_reported_whole(here: World) -> None:
    """A session that printed, slept for 0.2 s and asked was notified of without its question."""
    here.runs(reads=True)
    here.passes(rules.SETTLED)
    here.log.append(b"sure? ")
    with patch.object(here.model, "catch_up", lambda *_: False):  # much is to be drawn before it
        here.passes(1)
    assert here.events == []
    here.passes(1)
    assert here.events == [("waiting", "sure?")]


def test_a_question_that_was_answered_and_comes_again_is_another_one(here: World) -> None:
    here.runs(reads=True)
    here.prints("sure? ")
    here.passes(1)
    first = here.activity.standing().since
    here.activity.typed(b"y")
    here.passes(1)
    assert here.activity.standing().since == first, "a line that is begun is no answer"
    here.activity.typed(b"\r")
    here.prints("y\r\nsure? ")
    here.passes(1)
    assert here.activity.standing().since > first
    assert here.events == [("waiting", "sure?")] * 2


def test_without_proc_a_prompt_is_known_by_the_terminal_s_mode_and_who_reads_is_not(
    here: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on macOS, where nothing says who reads a terminal."""
    monkeypatch.setattr(reads, "_MACHINE", "")
    assert reads.call_of("/proc/1")[0] is Call.UNKNOWN
    monkeypatch.setattr("sesh.machine.LINUX", False)
    prompts = []
    here.prompt, here.reads = True, None
    for raw, own in itertools.product((True, False), repeat=2):
        here.group, here.is_raw = SHELL if own else JOB, raw
        here.activity.wake()
        here.passes(1)
        prompts += [(raw, own)] * (here.stands[1] == "prompt")
    assert prompts == [(True, True)]


@given(st.lists(st.tuples(st.floats(0.001, rules.SETTLED - 0.001), st.booleans(), st.booleans()), max_size=300))
def test_it_works_for_as_long_as_output_streams_whatever_else_is_seen(steps: list[tuple[float, bool, bool]]) -> None:
    for here in worlds():
        here.runs()
        for gap, here.reads, here.prompt in steps:
            here.passes(gap)
            here.activity.wake()
        assert (here.events, here.looks) == ([], 0)


@given(
    st.sampled_from([Why.PROMPT, Why.READ, Why.STOPPED, Why.OUTPUT, Why.QUIET]), st.none() | st.sampled_from(State),
    st.floats(0, 100), st.floats(0, 2000),
)  # fmt: skip
def test_a_standing_that_follows_from_the_same_is_the_same_and_begins_once(
    why: Why, state: State | None, silent: float, answered_at: float
) -> None:
    seen = Standing(rules.STATES[why], why, 1000.0 - silent, "go on?")

    def follows(before: Standing, now: float) -> Standing:
        return rules.decide(before, Standing(state, Why.HOOK, now, "go on?") if state else None, seen, answered_at)

    once = follows(Standing(State.WORKING, Why.OUTPUT, 1.0), 1000.0)
    assert follows(once, 2000.0) == once
    assert once.why == (Why.HOOK if state else why)
    assert once.state != State.WAITING or once.since >= answered_at


# -- the program's own word


def test_marks_say_that_a_prompt_stands_that_no_shell_here_shows_until_a_line_is_entered(here: World) -> None:
    """As of a shell at the other end of ssh."""
    here.runs()
    here.activity.marked(b"A", 0)
    for keys in (b"", b"x"):
        here.activity.typed(keys)
        here.passes(1)
        assert here.stands == ("idle", "prompt")
    here.activity.typed(b"\r")
    here.passes(1)
    assert here.stands == ("working", "output")


def test_stopped_output_counts_for_more_than_the_word_that_it_works_and_for_less_than_its_question(here: World) -> None:
    here.runs()
    here.activity.declare("working", by=By.TYPED)
    here.xoff = True
    here.activity.typed(b"\x13")
    here.passes(rules.SETTLED)
    assert here.stands == ("waiting", "xoff")
    here.xoff = False
    here.activity.typed(b"\x11")
    here.passes(rules.SETTLED)
    assert here.stands == ("working", "hook")
    here.xoff = True
    here.activity.declare("waiting", "sure?", by=By.TYPED)
    here.passes(rules.SETTLED)
    assert here.stands == ("waiting", "hook")


def test_reports_count_for_more_than_any_other_word_and_end_at_the_prompt(here: World) -> None:
    here.runs()
    here.activity.reported(b"state=working", 1)
    here.activity.declare("waiting", "a notification")
    here.activity.progressed(b"2")
    assert here.stands == ("working", "hook")
    here.activity.reported(b"state=blocked", 2)
    here.prompt = True
    here.activity.marked(b"A", 3)
    here.passes(1)
    assert here.stands == ("idle", "prompt")
