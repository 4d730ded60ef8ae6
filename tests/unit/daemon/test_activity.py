"""How a session stands: the rules, and when it is looked. The clock and the kernel are stand-ins."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.daemon.activity import activity as module
from sesh.daemon.activity import question, rules, turn
from sesh.daemon.activity.activity import Activity
from sesh.daemon.activity.asked import Shown
from sesh.daemon.activity.rules import Said, Seen, Standing
from sesh.daemon.pty.syscalls import Foreground
from sesh.loop import timers
from sesh.loop.timers import Timers
from sesh.vt.cell import DEFAULT, Cell
from sesh.vt.emulator import Emulator

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
        self.base = self.in_memory = self.head = 0
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

    def drawn(self, load: Callable[[], bool]) -> tuple[list[list[Cell]], int] | None:
        """The cells, if there is an emulator, or shall be one."""
        if self.cells is None or not load():
            return None
        self.drawn_times += 1
        width = max(map(len, self.cells))
        return [[DEFAULT.cell(char) for char in row.ljust(width)] for row in self.cells], -1

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


def test_a_program_that_reads_the_terminal_waits_with_the_words_before_the_cursor() -> None:
    with world() as here:
        here.runs(reads=True)
        here.tail = b"make: done\r\nContinue? [Y/n] "
        here.passes(1)
        assert here.stands == ("waiting", "tty-read")
        assert here.activity.standing().as_json()["question"] == "Continue? [Y/n]"
        assert here.timers.wait_time() is None


@pytest.mark.parametrize("before", ["working", "waiting"])
def test_a_question_that_comes_just_after_it_was_looked_is_told_with_its_words(before: str) -> None:
    """The kernel says that a program reads before it has passed on what that printed: nothing seemed to be asked."""
    with world() as here:
        here.runs(reads=before == "waiting")
        here.tail = b"Old? "
        here.passes(1)
        here.activity.typed(b"y\r")
        here.tail += b"y\r\n"
        here.runs(reads=True)
        told: list[str] = []
        here.on_look = lambda: told.append(here.activity.standing().question)
        here.passes(rules.SETTLED)
        assert told == []
        here.tail += b"Password: "
        here.activity.stirred()
        here.passes(1)
        assert set(told) == {"Password:"}


def test_what_is_typed_is_no_part_of_the_question() -> None:
    with world() as here:
        here.runs(reads=True)
        here.tail = b"name? "
        here.passes(1)
        here.tail, here.line_begun = b"name? Ad", True
        here.activity.typed(b"Ad")
        here.passes(1)
        assert here.activity.standing().as_json()["question"] == "name?"
        assert len(here.seen) == 1
        here.found.reads = False
        here.activity.stirred()
        here.passes(1)
        here.found.reads = True
        here.passes(2)
        assert here.activity.standing().as_json()["question"] == "name?"
        here.activity.typed(b"\r")
        here.passes(1)
        assert here.activity.standing().as_json()["question"] is None


def test_a_key_that_was_an_answer_by_itself_makes_way_for_the_next_question() -> None:
    """The state went on with the question before, as no line had been entered since."""
    with world() as here:
        here.runs(reads=True)
        here.tail = b"1) yes 2) no "
        here.passes(1)
        here.activity.typed(b"2")
        here.tail, here.line_begun = b"1) yes 2) no 2got=2\nmore? ", True
        here.passes(1)
        assert here.activity.standing().as_json()["question"] == "more?"
        here.activity.typed(b"Ad")
        here.tail += b"Ad\n$ Ad"
        here.passes(1)
        assert here.activity.standing().as_json()["question"] == "more?", "two keys may be of a line"


def test_another_question_is_asked_since_it_stands_there() -> None:
    """An answer is compared with since when it is asked: the next question had the time of the first."""
    with world() as here:
        here.runs(reads=True)
        here.tail = b"Keep a copy? "
        here.passes(1)
        first = here.activity.standing().since
        here.passes(60)
        here.tail = b"DELETE ALL? "
        here.activity.stirred()
        here.passes(1)
        assert here.activity.standing().since == first + 61
        assert here.seen == [("waiting", "tty-read")] * 2


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


def test_a_secret_that_is_asked_by_another_user_is_seen_by_the_terminal_alone() -> None:
    with world() as here:
        here.runs(told=False)
        here.pty.canonical, here.pty.shows = True, False
        here.tail = b"[sudo] password for ann: "
        here.passes(1)
        assert here.stands == ("waiting", "tty-read")
        assert here.activity.standing().as_json()["question"] == "[sudo] password for ann:"


def test_silence_is_told_after_ten_seconds_and_is_never_called_waiting() -> None:
    with world() as here:
        here.runs()
        here.passes(rules.QUIET_AFTER - 0.1)
        assert here.stands == ("working", "output")
        here.passes(0.2)
        assert here.stands == ("idle", "quiet")
        assert here.looks <= len(rules.LOOKS)
        assert here.timers.wait_time() is None


def test_a_silent_program_that_computes_works() -> None:
    with world() as here:
        here.runs()
        for _ in range(12):
            here.found.ticks += os.sysconf("SC_CLK_TCK")
            here.passes(1)
        assert here.stands == ("working", "busy")
        assert here.timers.wait_time() is None


def test_who_asks_learns_what_changed_in_silence() -> None:
    with world() as here:
        here.runs()
        here.passes(11)
        here.runs(reads=True)
        here.passes(60)
        assert here.seen[-1] == ("idle", "quiet")
        assert here.stands == ("waiting", "tty-read")
        looks = here.looks
        assert here.stands == ("waiting", "tty-read")
        assert here.looks == looks


def test_an_answer_is_followed_by_another_look_though_nothing_is_printed() -> None:
    with world() as here:
        here.runs(reads=True)
        here.passes(1)
        assert here.activity.waits
        here.activity.typed(b"\r")
        assert [here.activity.waits] == [False]
        here.runs()
        here.passes(rules.SETTLED)
        assert here.stands == ("working", "output")


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


@given(st.lists(st.floats(0.001, rules.QUIET_AFTER - 0.5), max_size=50))
def test_a_program_that_prints_now_and_then_works_all_the_time(gaps: list[float]) -> None:
    with world() as here:
        here.runs()
        for gap in gaps:
            here.passes(gap)
            here.activity.stirred()
        assert here.seen == []


@given(st.lists(st.floats(0.001, 5), max_size=100))
def test_a_shell_at_its_prompt_stays_idle_while_a_background_job_prints(gaps: list[float]) -> None:
    with world() as here:
        here.prompt = True
        here.passes(1)
        for gap in gaps:
            here.activity.stirred()
            here.passes(gap)
        assert here.seen == [("idle", "prompt")]


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


def test_a_question_is_answered_by_typing() -> None:
    with world() as here:
        here.runs()
        here.activity.say("waiting", "may I push?")
        here.activity.typed(b"x")
        assert not here.activity.waits
        here.passes(1)
        assert here.stands == ("working", "output")


def test_typing_ahead_does_not_end_the_word_that_it_works() -> None:
    with world() as here:
        here.runs()
        here.activity.say("working")
        here.activity.typed(b"\r")
        here.passes(60)
        assert here.stands == ("working", "hook")


@pytest.mark.parametrize("keys", [b"\x1b", b"\x03", b"\x1b[27u", b"\x1b[99;133u"])
def test_a_key_that_cancels_ends_the_word_that_it_works_in_whatever_form_it_comes(keys: bytes) -> None:
    with world() as here:
        here.runs()
        here.activity.say("working")
        here.activity.typed(keys)
        here.passes(60)
        assert here.stands != ("working", "hook")


@pytest.mark.parametrize(("bound", "then"), [(True, ("idle", "prompt")), (False, ("working", "hook"))])
def test_that_it_works_holds_for_its_job(bound: bool, then: tuple[str, str]) -> None:
    with world() as here:
        here.runs()
        here.activity.say("working", bound=bound)
        here.prompt, here.pty.group = True, SHELL
        here.activity.stirred()
        here.passes(1)
        assert here.stands == then


def test_what_a_job_said_last_stays_until_somebody_types() -> None:
    with world() as here:
        here.runs()
        here.activity.say("done", "all tests passed")
        here.prompt, here.pty.group = True, SHELL
        here.activity.stirred()
        here.passes(60)
        assert here.activity.standing().as_json()["question"] == "all tests passed"
        here.activity.typed(b"x")
        here.passes(1)
        assert here.stands == ("idle", "prompt")


def test_a_line_that_is_asked_for_outweighs_that_it_works() -> None:
    with world() as here:
        here.runs(reads=True)
        here.activity.say("working")
        here.pty.canonical = False
        here.activity.stirred()
        here.passes(1)
        assert here.stands == ("working", "hook")
        here.pty.canonical = True
        here.activity.stirred()
        here.passes(1)
        assert here.stands == ("waiting", "tty-read")


def test_the_same_word_again_is_no_news() -> None:
    with world() as here:
        here.runs()
        for _ in range(3):
            here.activity.say("working")
            here.passes(5)
        assert here.activity.standing().since == 1000.0
        assert here.seen == []
        assert here.stands == ("working", "hook")


def test_progress_is_a_word_and_is_taken_back() -> None:
    with world() as here:
        here.runs()
        here.activity.progressed(b"1;50")
        assert here.stands == ("working", "hook")
        here.activity.progressed(b"2;50")
        assert here.stands == ("failed", "hook")
        here.activity.progressed(b"0")
        here.activity.stirred()
        here.passes(1)
        assert here.stands == ("working", "output")
        here.activity.say("waiting", "go on?")
        here.activity.progressed(b"0")
        here.activity.progressed(b"7")
        assert here.stands == ("waiting", "hook")


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
        here.activity.marked(b"A;sesh=replay")
        here.activity.stirred()
        here.passes(1)
        assert here.stands == ("working", "output")


def test_a_shell_that_reads_a_line_within_a_command_asks() -> None:
    """As fish's `read` does, which looks like its prompt but for the mark."""
    with world() as here:
        here.prompt = True
        here.activity.marked(b"C")
        here.passes(1)
        assert here.stands == ("waiting", "tty-read")
        here.activity.marked(b"D;0")
        here.activity.stirred()
        here.passes(1)
        assert here.stands == ("idle", "prompt")


def test_a_command_that_the_shell_says_has_begun_works() -> None:
    with world() as here:
        here.activity.marked(b"C")
        here.runs()
        here.passes(1)
        assert here.stands == ("working", "hook")


def test_all_of_it_goes_over_to_another_image() -> None:
    with world() as here:
        here.runs()
        here.activity.say("waiting", "may I push?")
        other = here.made()
        other.restore(here.activity.dump())
        assert other.dump() == here.activity.dump()
        assert other.waits


# -- the words of a question


@pytest.mark.parametrize(
    ("tail", "shown"),
    [
        (b"Password: ", "Password:"),
        (b"line\r\nDo you want to continue? [Y/n] ", "Do you want to continue? [Y/n]"),
        (b"\x1b[1;32mname:\x1b[0m (app) ", "name: (app)"),
        (b"\x1b[?2004h>>> ", None),
        (b"\x1b[24;1H\x1b[7mnotes.txt\x1b[27m\x1b[K", None),
        (b"", None),
        (b"x" * 500, "x" * rules.MAX_QUESTION),
    ],
)
def test_a_question_is_the_line_of_the_cursor_where_it_is_one(tail: bytes, shown: str | None) -> None:
    assert question.in_output(tail, line=False) == shown


@pytest.mark.parametrize(
    ("rows", "shown"),
    [
        (["Proceed?", " > 1. Yes", "   2. No", ""], "Proceed? > 1. Yes 2. No"),
        (["╭──────────╮", "│ Proceed? │", "│ ❯ Yes    │", "╰──────────╯", "❯ "], "Proceed? ❯ Yes"),
        (["old", "", "", "Proceed?", "", "> Yes", "", "", ""], "Proceed? > Yes"),
        (["Name?", "> Ada"], "> Ada"),
        (["step 1", "step 2", "Delete?", "1. Yes", "2. No", "> "], "Delete? 1. Yes 2. No"),
        (["step 1", "Supprimer ?", "1. Oui", "> "], "Supprimer ? 1. Oui"),
        ([">>> "], ">>>"),
        (["x" * 150, "y" * 150, ""], "y" * 150),
        ([""], ""),
        ([], ""),
    ],
)
def test_of_a_menu_the_rows_above_an_empty_row_or_a_mark_are_the_question(rows: list[str], shown: str) -> None:
    assert question.in_rows(rows) == shown


@pytest.mark.parametrize(
    ("tail", "asked"),
    [
        (b"\x1b[H\x1b[2J\x1b[3JContinue? ", "Continue?"),
        (b"1) yes\r\n2) no\r\n", "1) yes 2) no"),
        (b"1) yes\r\n2) no\r\n#? ", "1) yes 2) no"),
        (b"Continue?\x1b[20G", "Continue?"),
    ],
)
def test_of_a_program_that_reads_a_line_the_last_words_are_the_question(tail: bytes, asked: str) -> None:
    assert question.in_output(tail, line=True) == asked


ENDS = st.sampled_from([b"\a", b"\x1b\\", b"\x18", b"\x1a"])
BODY = st.text(st.characters(min_codepoint=0x20, exclude_categories=["Cc", "Cs"]), max_size=30).map(str.encode)


@st.composite
def strings(draw: st.DrawFn) -> bytes:
    """An OSC, DCS, SOS, PM or APC; of these only OSC ends by BEL."""
    opener = draw(st.sampled_from([b"]", b"P", b"X", b"^", b"_"]))
    end = draw(ENDS if opener == b"]" else ENDS.filter(lambda end: end != b"\a"))
    return b"\x1b" + opener + draw(BODY) + end


@given(
    st.lists(st.one_of(strings(), st.sampled_from([b"push", b" ", b"it? ", b"\x1b[1m", b"\a"])), max_size=12),
    st.booleans(),
)
def test_no_string_for_the_terminal_is_part_of_a_question(parts: list[bytes], line: bool) -> None:
    """Of one that ended by BEL the body was."""
    tail = b"ok\r\n" + b"".join(parts)
    text = b"".join(part for part in parts if part[:1] != b"\x1b" and part != b"\a").decode().strip()
    assert question.in_output(tail, line=line) == (text or ("ok" if line else None))


@given(strings(), st.integers(min_value=1))
def test_a_string_that_has_not_come_whole_is_no_part_of_a_question(string: bytes, size: int) -> None:
    begun = string[: 2 + size % (len(string) - 2)] if len(string) > 2 else string
    assert question.in_output(b"push it? " + begun.rstrip(b"\x1b"), line=True) == "push it?"


def test_a_string_whose_begin_is_long_gone_is_no_part_of_a_question() -> None:
    """As the mark of a command of many kilobytes, of which the last ones alone were looked at."""
    with world() as here:
        here.runs(reads=True)
        here.pty.canonical = True
        here.tail = b"\r\n\x1b]133;C;cmdline_url=" + b"%20x" * 8000 + b"\apush it? "
        here.head = len(here.tail)
        here.passes(1)
        assert here.activity.standing().question == "push it?"


@given(st.binary(max_size=300), st.booleans(), st.booleans())
def test_a_question_never_steers_a_terminal(tail: bytes, line: bool, cut: bool) -> None:
    assert (question.in_output(tail, line=line, cut=cut) or "").isprintable()
    assert question.in_rows(tail.decode("latin-1").split("\n")).isprintable()


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


def test_of_a_full_screen_and_of_a_progress_bar_only_the_end_of_the_output_is_read() -> None:
    """After each burst of an editor's output, and in each list, its last 128 KiB were searched."""
    with world() as here:
        here.runs(reads=True)
        here.rows = ["Proceed?", ""]
        assert asks(here, b"\x1b[H\r\n~" * 50_000) == "Proceed?"
        here.runs()
        asks(here, b"\r" + b"\r".join(b"%d%% of the file" % (part // 1000) for part in range(100_000)))
        assert here.activity.last_row() == "99% of the file"
        assert 0 < here.largest_read <= 4 << 10


def test_a_question_that_was_answered_is_no_part_of_the_menu_below_it() -> None:
    """An answer to that question alone was typed into the menu."""
    with reader() as here:
        assert asks(here, b"$ ask\r\nDelete all? [y/N] ") == "Delete all? [y/N]"
        enters(here, b"n")
        assert asks(here, b"1) keep\r\n2) remove\r\n#? ") == "1) keep 2) remove"
        enters(here, b"2")
        assert asks(here, b"> ") == ">", "another mark, and no words"


def test_lines_that_were_pasted_at_once_are_no_part_of_the_question() -> None:
    with reader() as here:
        assert asks(here, b"Name? ") == "Name?"
        for line in (b"Ada", b"Grace\rHopper"):
            here.activity.typed(line + b"\r")
        assert asks(here, b"Ada\r\nGrace\r\nHopper\r\n1) keep\r\n2) remove\r\n#? ") == "1) keep 2) remove"


def test_after_an_answer_that_shows_nothing_the_next_question_is_asked() -> None:
    with reader() as here:
        assert asks(here, b"Password: ") == "Password:"
        here.activity.typed(b"secret\r")
        assert asks(here, b"Again: ") == "Again:"


def test_a_menu_that_takes_no_answer_asks_the_same_again() -> None:
    with reader() as here:
        menu = "1) keep 2) remove"
        assert asks(here, b"1) keep\r\n2) remove\r\n#? ") == menu
        for answer in (b"9", b"8"):
            enters(here, answer)
            assert asks(here, b"#? ") == menu
        enters(here, b"1")
        assert asks(here, b"no room\r\n#? ") == "no room"


def test_a_mark_after_the_shell_s_prompt_asks_nothing_that_was_asked_before() -> None:
    with reader() as here:
        asks(here, b"1) keep\r\n2) remove\r\n#? ")
        here.activity.typed(b"\x03")
        here.prompt = True
        asks(here, b"^C\r\n$ ")
        here.prompt = False
        enters(here, b"read -p '#? '")
        assert asks(here, b"#? ") == "#?"


def test_a_key_that_was_an_answer_ends_its_question_too() -> None:
    with world() as here:
        here.runs(reads=True)
        assert asks(here, b"Delete all? [y/N] ") == "Delete all? [y/N]"
        here.activity.typed(b"n")
        here.pty.canonical = True
        assert asks(here, b"n\r\n1) keep\r\n2) remove\r\n#? ") == "1) keep 2) remove"


def test_another_image_knows_what_was_answered() -> None:
    with reader() as here:
        asks(here, b"Delete all? ")
        enters(here, b"n")
        menu = asks(here, b"1) keep\r\n#? ")
        old, here.activity = here.activity, here.made()
        here.activity.restore(old.dump())
        here.activity.stirred()
        here.passes(1)
        assert here.activity.standing().question == menu


@pytest.mark.parametrize(
    ("output", "below"),
    [
        (b"old\r\n\x1b[H\x1b[2J\x1b[3JName? ", b"\x1b[3JName? "),
        (b"old\r\n\x1b[H\x1b[JName? ", b"Name? "),
        (b"old\x1bcName? ", b"Name? "),
        (b"$ ls\r\n\x1b]133;C;cmdline_url=ls\x1b\\Name? ", b"Name? "),
        (b"$ ls\r\n\x1b]133;C\aone\x1b[?1049lName? ", b"Name? "),
        (b"$ \x1b[Jls\r\n\x1b[KName? ", None),
    ],
)
def test_no_question_stands_above_a_cleared_screen_or_the_begin_of_its_command(
    output: bytes, below: bytes | None
) -> None:
    assert question.fresh_part(output) == below


INLINE = st.lists(
    st.one_of(
        st.text("abc ?", max_size=30).map(str.encode),
        st.text("ab\t\b界ä❯e\u0301🎉", max_size=20).map(str.encode),
        st.sampled_from([b"\r\n", b"\r\n", b"\r", b"\x1b[K", b"\x1b[1;32m", b"\x1b[?2004h", b"\x1b]0;a title\a"]),
    ),
    max_size=20,
)


@given(st.integers(0, 12), INLINE, st.integers(0, 3))
def test_the_rows_that_a_program_has_written_since_are_counted_as_a_terminal_places_them(
    above: int, parts: list[bytes], up: int
) -> None:
    emulator = Emulator(12, 400)
    emulator.feed(b"old\r\n" * above + b"? ")
    answer = b"n\r\n"
    emulator.feed(answer)
    first = emulator.cursor[0]
    printed = b"".join(parts)
    emulator.feed(printed)
    last = emulator.cursor[0]
    assert question.rows_written(answer + printed, 12, 1, 400) == last - first + 1
    assert question.rows_written(answer + printed, 12, 1, 5) == min(5, last - first + 1)
    up = min(up, emulator.cursor[0])
    again = b"\r\x1b[%dA\x1b[Jnew\r\n" % up if up else b""
    emulator.feed(again)
    top = min(first, last - up)
    written = emulator.cursor[0] - top + 1
    assert question.rows_written(answer + printed + again, 12, 1, 400) == written


def test_a_question_of_wide_characters_keeps_its_first_row() -> None:
    asked = "Frage: " + "界" * 60 + "\r\n? "
    assert question.rows_written(b"\r\n" + asked.encode(), 80, 1, 24) == 3


@pytest.mark.parametrize("placed", [b"\x1b[3;1H", b"\x1b[5d", b"\x1b8", b"\x1bM", b"\x1b[2;5r"])
def test_of_a_program_that_places_the_cursor_the_whole_screen_counts(placed: bytes) -> None:
    assert question.rows_written(b"\r\nname" + placed + b"> ", 80, 1, 24) is None


def test_a_menu_that_is_drawn_over_itself_counts_from_its_first_row() -> None:
    assert question.rows_written(b"\x1b[2A\r\x1b[JProceed 2?\r\n > Yes\r\n   No\r\n", 80, 1, 24) == 4


# -- what is news


def test_what_reads_keys_and_stood_so_when_the_person_left_is_idle_until_it_prints() -> None:
    """Editors and pagers stood at the head of those that wait."""
    with world() as here:
        here.runs(reads=True)
        here.head = 100
        here.rows = ["Proceed?", "> Yes", ""]
        here.passes(1)
        assert here.stands == ("waiting", "tty-read"), "nobody has seen it"
        here.activity.left(here.head)
        here.passes(1)
        assert here.stands == ("idle", "tty-read")
        assert here.activity.standing().as_json()["question"] is None
        here.head = 200
        here.activity.stirred()
        here.passes(1)
        assert here.stands == ("waiting", "tty-read")
        assert here.activity.standing().question == "Proceed? > Yes"


def test_what_reads_a_line_waits_though_a_person_has_seen_it() -> None:
    with world() as here:
        here.runs(reads=True)
        here.pty.canonical = True
        here.tail, here.head = b"push it? ", 9
        here.passes(1)
        here.activity.left(here.head)
        here.passes(1)
        assert here.stands == ("waiting", "tty-read")


def test_the_echo_of_the_last_key_is_no_news() -> None:
    with world() as here:
        here.runs(reads=True)
        here.head = 100
        here.passes(1)
        here.activity.typed(b"j", attended=True)
        here.activity.left(here.head)
        here.head = 110
        here.activity.stirred()
        here.passes(1)
        assert here.stands == ("idle", "tty-read")


def test_who_leaves_a_silent_session_does_not_make_it_work() -> None:
    with world() as here:
        here.runs()
        here.passes(rules.QUIET_AFTER + 1)
        here.activity.left(0)
        here.passes(1)
        assert here.stands == ("idle", "quiet")


def test_a_menu_that_a_script_has_answered_makes_way_for_the_next() -> None:
    """A key in it looked like the begin of a line, and so the first question stayed."""
    with world() as here:
        here.runs(reads=True)
        here.rows = ["Keep a copy?", "> Yes", ""]
        here.passes(1)
        here.line_begun = True
        here.activity.typed(b"2")
        here.rows = ["Keep a copy?", "> Yes", "2"]
        here.passes(1)
        assert here.activity.standing().question == "Keep a copy? > Yes", "what is typed is no part of it"
        here.rows = ["DELETE ALL?", "> Yes", ""]
        here.activity.stirred()
        here.passes(1)
        assert here.activity.standing().question == "DELETE ALL? > Yes"


def test_a_screen_that_is_not_known_yet_is_waited_for() -> None:
    with world() as here:
        here.runs(reads=True)
        here.rows = None
        here.passes(1)
        assert here.stands == ("working", "output")
        here.rows = ["Proceed?", ""]
        here.passes(1)
        assert here.activity.standing().question == "Proceed?"
