"""How a session stands: the rules, and when it is looked. The clock and the kernel are stand-ins."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.daemon.activity import activity as module
from sesh.daemon.activity import rules, turn
from sesh.daemon.activity.activity import Activity
from sesh.daemon.activity.asked import Shown
from sesh.daemon.activity.rules import Said, Seen, Standing
from sesh.daemon.pty.syscalls import Foreground
from sesh.loop import timers
from sesh.loop.timers import Timers
from sesh.vt.pen import DEFAULT, Pen

SHELL, JOB = 100, 200


class Clock:
    """A time that passes only where a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    time = monotonic


class Pty:
    descriptor, device = 0, 0

    def __init__(self) -> None:
        self.group, self.canonical, self.shows = SHELL, False, True

    def foreground(self) -> int:
        return self.group

    def raw(self) -> bool:
        return not self.canonical

    def echoes(self) -> bool:
        return self.shows


class World:
    """A session whose terminal and kernel say what a test wants; `seen` are its events."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.facts = {"pid": SHELL, "created": clock.now, "shell": True}
        self.timers = Timers()
        self.pump = self
        self.running = True
        self.pty = Pty()
        self.prompt = False
        self.found = Foreground()
        self.looks = 0
        self.log = self
        self.base = self.head = 0
        self.tail = b""
        self.rows: list[str] | None = [""]
        self.line_begun = False
        self.largest_read = 0
        self.seen: list[tuple[str, str]] = []
        self.on_look: Callable[[], None] = lambda: None
        self.cells: list[str] | None = None
        self.dozes, self.drawn_times = False, 0
        self.activity = self.made()

    def made(self) -> Activity:
        parts = self.facts, self, self.timers, self.screen, self.drawn, self.emit, self.looked
        return Activity(*parts)  # type: ignore[arg-type]

    def wake(self) -> None:
        self.dozes = False

    def drawn(self) -> tuple[list[tuple[list[str], list[Pen]]], int] | None:
        """The cells, if they are known."""
        if self.cells is None:
            return None
        self.drawn_times += 1
        width = max(map(len, self.cells))
        return [(list(row.ljust(width)), [DEFAULT] * width) for row in self.cells], -1

    def screen(self) -> Shown | None:
        return Shown(self.rows, 80, 24, alternate=True) if self.rows is not None else None

    def looked(self) -> None:
        self.on_look()

    def bytes(self, start: int) -> bytes:
        self.largest_read = max(self.largest_read, self.head - start)
        return self.tail[start:] if self.head == len(self.tail) else self.tail

    def emit(self, event: str, **facts: Any) -> None:
        assert event == "activity"
        self.seen.append((facts["state"], facts["why"]))

    def look(self, *_: object) -> Foreground:
        self.looks += 1
        return self.found

    def passes(self, seconds: float) -> None:
        """Time passes, and timers run at their time."""
        until = self.clock.now + seconds
        while (left := self.timers.wait_time()) is not None and self.clock.now + left <= until:
            self.clock.now += left
            self.timers.run()
        self.clock.now = until

    def runs(self, *, reads: bool = False, ticks: int = 0, told: bool = True) -> None:
        """A program has the terminal from now on."""
        self.prompt, self.pty.group = False, JOB
        self.found = Foreground()
        self.found.reads, self.found.ticks, self.found.told = reads, ticks, told

    @property
    def stands(self) -> tuple[str, str]:
        standing = self.activity.standing()
        return standing.state, standing.why

    @property
    def asks(self) -> str | None:
        """What the program has said that it asks."""
        blocked = self.activity.blocked
        return blocked.question if blocked is not None else None


@contextmanager
def world() -> Iterator[World]:
    clock = Clock()
    steady = SimpleNamespace(now=clock.time)
    with (
        patch.object(module, "time", clock),
        patch.object(turn, "time", clock),
        patch.object(timers, "time", clock),
        patch.object(module, "STEADY", steady),
    ):
        made = World(clock)
        with (
            patch("sesh.daemon.shell.shells.at_prompt", lambda _: made.prompt),
            patch("sesh.daemon.pty.syscalls.foreground", made.look),
        ):
            yield made


# -- the kernel's word


def test_a_shell_at_its_prompt_is_idle_and_is_not_looked_at_again() -> None:
    with world() as here:
        here.prompt = True
        here.passes(rules.SETTLED)
        assert here.stands == ("idle", "prompt")
        assert here.timers.wait_time() is None
        here.passes(3600)
        assert here.looks == 0


def test_a_question_that_was_answered_and_comes_again_is_asked_anew() -> None:
    with world() as here:
        here.runs(reads=True)
        here.tail = b"Overwrite? "
        here.passes(1)
        first = here.activity.standing().since
        here.activity.typed(b"y")
        here.passes(1)
        assert here.activity.standing().since == first, "a line that is begun is no answer"
        here.activity.typed(b"\r")
        here.passes(1)
        assert here.activity.standing().since > first
        assert len(here.seen) == 2
        here.activity.say("waiting", "push?")
        said = here.activity.standing().since
        here.passes(5)
        here.activity.say("waiting", "push?")
        assert here.activity.standing().since == said
        here.activity.typed(b"y")
        here.activity.say("waiting", "push?")
        assert here.activity.standing().since == said + 5


def test_silence_is_told_after_ten_seconds_and_is_never_called_waiting() -> None:
    with world() as here:
        here.runs()
        here.passes(rules.QUIET_AFTER - 0.1)
        assert here.stands == ("working", "output")
        here.passes(0.2)
        assert here.stands == ("idle", "quiet")
        assert here.looks <= len(rules.LOOKS)
        assert here.timers.wait_time() is None


def test_without_proc_the_shell_s_own_prompt_is_known_by_the_terminal_s_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on macOS, where nothing says who reads a terminal."""
    monkeypatch.setattr("sesh.platform.LINUX", False)
    prompts = []
    for raw, own in itertools.product((True, False), repeat=2):
        with world() as here:
            here.prompt = True
            here.runs(reads=False)
            here.pty.group, here.pty.canonical = SHELL if own else JOB, not raw
            here.passes(1)
            prompts += [(raw, own)] * (here.stands[1] == "prompt")
    assert prompts == [(True, True)]


# -- never flapping


@given(st.lists(st.tuples(st.floats(0.001, rules.SETTLED - 0.001), st.booleans(), st.booleans()), max_size=300))
def test_it_works_for_as_long_as_output_streams_whatever_else_is_seen(steps: list[tuple[float, bool, bool]]) -> None:
    with world() as here:
        here.runs()
        for gap, reads, prompt in steps:
            here.found.reads, here.prompt = reads, prompt
            here.passes(gap)
            here.activity.stirred()
            assert here.activity._standing.state == "working"
        assert here.seen == []
        assert here.looks == 0


@given(
    st.sampled_from(rules.STATES),
    st.booleans(),
    st.floats(0, 100),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_what_follows_from_the_same_is_the_same_and_begins_once(
    state: str, said: bool, silent: float, prompt: bool, reads: bool, asks: bool, busy: bool
) -> None:
    seen = Seen(silent)
    seen.group, seen.prompt, seen.reads, seen.asks, seen.busy = 1, prompt, reads, asks, busy
    word = Said(state, 5.0, "go on?", 1) if said else None
    if word is not None and not rules.holds(word, seen):
        word = None
    once = rules.judge(Standing(state, "output", 1.0), word, seen, 1000.0)
    again = rules.judge(once, word, seen, 2000.0)
    assert again.dump() == once.dump()
    assert once.state in rules.STATES
    assert (once.why == "quiet") <= (once.state == "idle")
    assert (once.why == "tty-read") == (word is None and not prompt and (reads or asks))
    nothing_left = rules.next_look(once, silent) is None
    assert nothing_left or silent < rules.QUIET_AFTER


# -- the program's own word


def test_the_program_s_word_counts_for_more_than_what_is_seen() -> None:
    with world() as here:
        here.runs()
        here.activity.say("waiting", "may I push?")
        assert here.stands == ("waiting", "hook")
        assert here.activity.waits
        for _ in range(50):
            here.activity.stirred()
            here.passes(0.1)
        here.passes(30)
        assert here.stands == ("waiting", "hook")
        assert here.seen == [("waiting", "hook")]


@pytest.mark.parametrize("keys", [b"\x1b", b"\x03", b"\x1b[27u", b"\x1b[99;133u"])
def test_a_key_that_cancels_ends_the_word_that_it_works_in_whatever_form_it_comes(keys: bytes) -> None:
    with world() as here:
        here.runs()
        here.activity.say("working")
        here.activity.typed(keys)
        here.passes(60)
        assert here.stands != ("working", "hook")


def test_marks_tell_a_prompt_that_no_shell_here_shows_until_a_line_is_entered() -> None:
    """As of a shell at the other end of ssh."""
    with world() as here:
        here.runs()
        here.activity.marked(b"A")
        here.activity.stirred()
        here.passes(1)
        assert here.stands == ("idle", "prompt")
        here.activity.typed(b"x")
        here.passes(1)
        assert here.stands == ("idle", "prompt")
        here.activity.typed(b"\r")
        here.passes(1)
        assert here.stands == ("working", "output")


# -- the words of a question


# -- what has been answered


def asks(here: World, printed: bytes) -> str:
    """What is asked once a program that reads lines has printed that."""
    here.tail += printed
    here.head = len(here.tail)
    here.activity.stirred()
    here.passes(1)
    return here.activity.standing().question


def enters(here: World, line: bytes) -> None:
    """A script answers; the kernel shows the line."""
    here.activity.typed(line + b"\r")
    here.tail += line + b"\r\n"
    here.head = len(here.tail)


@contextmanager
def reader() -> Iterator[World]:
    with world() as here:
        here.runs(reads=True)
        here.pty.canonical = True
        yield here


def test_a_question_that_was_answered_is_no_part_of_the_menu_below_it() -> None:
    """An answer to that question alone was typed into the menu."""
    with reader() as here:
        assert asks(here, b"$ ask\r\nDelete all? [y/N] ") == "Delete all? [y/N]"
        enters(here, b"n")
        assert asks(here, b"1) keep\r\n2) remove\r\n#? ") == "1) keep 2) remove"
        enters(here, b"2")
        assert asks(here, b"> ") == ">", "another mark, and no words"


# -- what is news


def test_reports_count_for_more_than_what_else_is_said_and_end_at_the_prompt() -> None:
    with world() as here:
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
