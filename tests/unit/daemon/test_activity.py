"""How a session stands: the rules, and when it is looked. The clock and the kernel are stand-ins."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.daemon.activity import activity as module
from sesh.daemon.activity import rules, turn
from sesh.daemon.activity.activity import Activity
from sesh.daemon.activity.rules import By, Said, Seen, Standing, State, Why
from sesh.daemon.pty import reads
from sesh.loop import timers
from sesh.loop.timers import Timers

SHELL, JOB = 100, 200


class Clock:
    """A time that passes only where a test says so."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


class World:
    """A session whose terminal and kernel say what a test wants; `told` are its events. It is its own pump, log and
    pty."""

    descriptor = device = base = head = 0
    running = True
    line_begun = False
    xoff = False
    tail = b"sure? "

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.group, self.is_raw, self.shows, self.prompt = SHELL, True, True, False
        self.reads: bool | None = False
        self.looks = 0
        self.told: list[tuple[str, str]] = []
        self.timers = Timers()
        self.pty = self.log = self
        facts = {"pid": SHELL, "created": clock.now, "shell": True}
        parts = facts, self, self.timers, lambda: None, self.emit, lambda: None
        self.activity = Activity(*parts)  # type: ignore[arg-type]

    def foreground(self) -> int:
        return self.group

    def raw(self) -> bool:
        return self.is_raw

    def echoes(self) -> bool:
        return self.shows

    def output_stopped(self) -> bool:
        return self.xoff

    def bytes(self, _start: int) -> bytes:
        return self.tail

    def look(self, *_: object) -> bool | None:
        self.looks += 1
        return self.reads

    def emit(self, event: str, **facts: Any) -> None:
        assert event == "activity"
        self.told.append((facts["state"], facts["why"]))

    def passes(self, seconds: float) -> None:
        """Time passes, and timers run at their time."""
        until = self.clock.now + seconds
        while (left := self.timers.wait_time()) is not None and self.clock.now + left <= until:
            self.clock.now += left
            self.timers.run()
        self.clock.now = until

    def runs(self, *, reads: bool | None = False, shows: bool = True) -> None:
        """A program that reads lines has the terminal from now on."""
        self.prompt, self.group, self.is_raw, self.reads, self.shows = False, JOB, False, reads, shows

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
        patch.object(module, "STEADY", SimpleNamespace(now=clock.monotonic)),
    ):
        made = World(clock)
        with (
            patch("sesh.daemon.shell.shells.at_prompt", lambda _: made.prompt),
            patch("sesh.daemon.pty.reads.reads_terminal", made.look),
        ):
            yield made


# -- the kernel's word


def test_a_shell_at_its_prompt_is_idle_and_is_not_looked_at_again(here: World) -> None:
    here.prompt = True
    here.passes(rules.SETTLED)
    assert here.stands == ("idle", "prompt")
    assert here.timers.wait_time() is None
    here.passes(3600)
    assert here.looks == 0


def test_silence_is_told_after_ten_seconds_and_is_never_called_waiting(here: World) -> None:
    here.runs()
    here.passes(rules.QUIET_AFTER - 0.1)
    assert here.stands == ("working", "output")
    here.passes(0.2)
    assert here.stands == ("idle", "quiet")
    assert here.looks <= len(rules.LOOKS)
    assert here.timers.wait_time() is None


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
def test_who_reads_a_line_waits(
    here: World, reads: bool | None, raw: bool, shows: bool, stands: tuple[str, str]
) -> None:
    here.runs(reads=reads, shows=shows)
    here.is_raw = raw
    here.passes(11)
    assert here.stands == stands


def test_a_question_that_comes_a_moment_behind_the_read_is_told_whole(here: World) -> None:
    """A session that printed, slept for 0.2 s and asked was told of without its question."""
    here.runs(reads=True)
    here.tail = b""
    here.passes(rules.SETTLED)
    here.tail = b"sure? "
    here.passes(1)
    assert (len(here.told), here.activity.standing().question) == (1, "sure?")


def test_where_no_kernel_tells_who_reads_that_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on macOS: a terminal that shows nothing of what is typed has to do, as for sudo."""
    monkeypatch.setattr(reads, "_MACHINE", "")
    assert reads.reads_terminal(1, 1, 1) is None


def test_a_question_that_was_answered_and_comes_again_is_asked_anew(here: World) -> None:
    here.runs(reads=True)
    here.passes(1)
    first = here.activity.standing().since
    here.activity.typed(b"y")
    here.passes(1)
    assert here.activity.standing().since == first, "a line that is begun is no answer"
    here.activity.typed(b"\r")
    here.passes(1)
    assert here.activity.standing().since > first
    assert len(here.told) == 2


def test_without_proc_the_shell_s_own_prompt_is_known_by_the_terminal_s_mode(
    here: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on macOS, where nothing says who reads a terminal."""
    monkeypatch.setattr("sesh.platform.LINUX", False)
    prompts = []
    here.prompt, here.reads = True, None
    for raw, own in itertools.product((True, False), repeat=2):
        here.group, here.is_raw = SHELL if own else JOB, raw
        here.activity.stirred()
        here.passes(1)
        prompts += [(raw, own)] * (here.stands[1] == "prompt")
    assert prompts == [(True, True)]


@given(st.lists(st.tuples(st.floats(0.001, rules.SETTLED - 0.001), st.booleans(), st.booleans()), max_size=300))
def test_it_works_for_as_long_as_output_streams_whatever_else_is_seen(steps: list[tuple[float, bool, bool]]) -> None:
    for here in worlds():
        here.runs()
        for gap, here.reads, here.prompt in steps:
            here.passes(gap)
            here.activity.stirred()
            assert here.activity._standing.state == "working"
        assert here.told == []
        assert here.looks == 0


@given(
    st.sampled_from(State), st.booleans(), st.floats(0, 100), st.booleans(), st.booleans(), st.booleans()
)  # fmt: skip
def test_what_follows_from_the_same_is_the_same_and_begins_once(
    state: State, said: bool, silent: float, prompt: bool, asks: bool, stopped: bool
) -> None:
    seen = Seen(silent, group=1, prompt=prompt, asks=asks, stopped=stopped, question="go on?")
    word = Said(state, By.TYPED, 5.0, "go on?", group=1) if said else None
    if word is not None and not rules.holds(word, seen):
        word = None
    once = rules.judge(Standing(State.WORKING, Why.OUTPUT, 1.0), word, seen, 1000.0)
    assert rules.judge(once, word, seen, 2000.0) == once
    assert (once.why == Why.QUIET) <= (once.state == State.IDLE)
    assert (once.why == Why.READ) == (word is None and not prompt and asks)
    assert rules.next_look(once, silent) is None or silent < rules.QUIET_AFTER


# -- the program's own word


def test_stopped_output_counts_for_more_than_the_word_that_it_works_and_for_less_than_its_question(here: World) -> None:
    here.runs()
    here.activity.say("working", by=By.TYPED)
    here.xoff = True
    here.activity.typed(b"\x13")
    here.passes(rules.SETTLED)
    assert here.stands == ("waiting", "xoff")
    here.xoff = False
    here.activity.typed(b"\x11")
    here.passes(rules.SETTLED)
    assert here.stands == ("working", "hook")
    here.xoff = True
    here.activity.say("waiting", "sure?", by=By.TYPED)
    here.passes(rules.SETTLED)
    assert here.stands == ("waiting", "hook")


def test_the_program_s_word_counts_for_more_than_what_is_seen(here: World) -> None:
    here.runs()
    here.activity.say("waiting", "may I push?")
    assert here.activity.waits
    for _ in range(50):
        here.activity.stirred()
        here.passes(0.1)
    here.passes(30)
    assert here.stands == ("waiting", "hook")
    assert here.told == [("waiting", "hook")]


@pytest.mark.parametrize("keys", [b"\x1b", b"\x03", b"\x1b[27u", b"\x1b[99;133u"])
def test_a_key_that_cancels_ends_the_word_that_it_works_in_whatever_form_it_comes(here: World, keys: bytes) -> None:
    here.runs()
    here.activity.say("working")
    here.activity.typed(keys)
    here.passes(60)
    assert here.stands != ("working", "hook")


def test_marks_tell_a_prompt_that_no_shell_here_shows_until_a_line_is_entered(here: World) -> None:
    """As of a shell at the other end of ssh."""
    here.runs()
    here.activity.marked(b"A")
    for keys in (b"", b"x"):
        here.activity.typed(keys)
        here.passes(1)
        assert here.stands == ("idle", "prompt")
    here.activity.typed(b"\r")
    here.passes(1)
    assert here.stands == ("working", "output")


def test_reports_count_for_more_than_what_else_is_said_and_end_at_the_prompt(here: World) -> None:
    here.runs()
    here.activity.reported(b"state=working", 1)
    here.activity.say("waiting", "a notification")
    here.activity.progressed(b"2")
    assert here.stands == ("working", "hook")
    here.activity.reported(b"state=blocked", 2)
    here.prompt = True
    here.activity.marked(b"A")
    here.passes(1)
    assert here.stands == ("idle", "prompt")
