"""A program that shows that it works, and whose turn is over once it shows nothing more. The clock is a stand-in."""

from __future__ import annotations

import os
import time

import pytest

from sesh.daemon.activity import question
from sesh.daemon.activity.turn import Turn
from sesh.loop.timers import Timers
from tests.unit.daemon.test_activity import World, world


def agent_works(here: World, seconds: float, frames: int = 10) -> None:
    """An agent in raw mode, whose process polls the terminal with others, changes the screen for so long."""
    here.runs()
    here.found.polls, here.pty.canonical = True, False
    for number in range(int(seconds * frames)):
        here.cells = [f"thinks {number % 10}", "> "]
        here.head += 10
        here.activity.stirred()
        here.passes(1 / frames)


def draws(here: World, rows: list[str]) -> None:
    here.cells = rows
    here.head += 10
    here.activity.stirred()


def test_who_showed_that_it_worked_and_shows_nothing_more_waits() -> None:
    with world() as here:
        here.passes(2)
        agent_works(here, 4)
        assert here.stands == ("working", "output")
        draws(here, ["Proceed?", "> 1. Yes"])
        here.passes(2.9)
        assert here.stands == ("working", "output")
        here.passes(0.3)
        assert here.stands == ("waiting", "stopped")
        assert here.activity.standing().question == "Proceed? > 1. Yes"
        here.passes(3600)
        assert here.timers.wait_time() is None
        assert here.stands == ("waiting", "stopped")
        here.activity.typed(b"1")
        here.passes(0.5)
        assert here.stands == ("working", "output")
        here.passes(11)
        assert here.stands == ("idle", "quiet")


@pytest.mark.parametrize(("apart", "over"), [(0.4, True), (0.7, True), (1.0, False), (60.0, False)])
def test_looks_that_come_late_on_a_busy_machine_break_no_work(apart: float, over: bool) -> None:
    """An agent's turn ended as `quiet` there: its output is read at the looks alone."""
    turn, began = Turn(lambda _: None), time.monotonic() - 600
    for head in (*range(1, 10), 9):
        turn.look(head, began + head * apart, raw=False, load=bool)
    assert turn.over is over


@pytest.mark.parametrize(("seconds", "frames"), [(2, 10), (9, 1)])
def test_a_short_turn_and_a_clock_are_no_work(seconds: float, frames: int) -> None:
    with world() as here:
        here.passes(2)
        agent_works(here, seconds, frames)
        here.passes(11)
        assert here.stands == ("idle", "quiet")
        assert ("waiting", "stopped") not in here.seen


def test_what_polls_no_terminal_or_reads_lines_only_works() -> None:
    for change in ("polls", "canonical"):
        with world() as here:
            here.passes(2)
            agent_works(here, 4)
            if change == "polls":
                here.runs()
                here.activity._polls = 0
            else:
                here.pty.canonical = True
            draws(here, ["Proceed?"])
            here.passes(5)
            assert here.stands == ("working", "output"), change


def test_titles_and_the_same_drawn_again_are_no_sign_of_work_nor_is_processor_time() -> None:
    with world() as here:
        here.passes(2)
        agent_works(here, 4)
        for number in range(40):
            here.found.ticks += number * os.sysconf("SC_CLK_TCK")
            draws(here, ["Proceed?"])
            here.passes(0.5)
        assert here.seen[-1] == ("waiting", "stopped")
        here.activity.typed(b"1")
        for number in range(60):
            here.found.ticks += number * os.sysconf("SC_CLK_TCK")
            draws(here, ["Proceed?"])
            here.passes(0.2)
        assert here.seen[-1] == ("idle", "quiet")


def test_a_size_that_changes_is_no_change_and_work_ends_the_wait() -> None:
    with world() as here:
        here.passes(2)
        for columns in range(40):
            here.runs()
            here.found.polls = True
            draws(here, ["x" * (10 + columns)])
            here.passes(0.1)
        here.passes(11)
        assert here.seen[-1] == ("idle", "quiet")
        agent_works(here, 4)
        here.passes(4)
        assert here.seen[-1] == ("waiting", "stopped")
        agent_works(here, 2)
        assert here.seen[-1] == ("waiting", "stopped")
        agent_works(here, 4)
        assert here.seen[-1] == ("working", "output")


@pytest.mark.parametrize(
    ("rows", "asks"),
    [
        (["Approve?", "$ make", "[y] Approve   [n] Deny"], True),
        (["Continue?", "> Continue (tab)", "  No (esc)"], True),
        (["wants to run: make", "→ [1] Once", "  [2] Reject"], True),
        (["Shall I?", "", "> "], False),
        (["The plan:", "1. Read", "2. Write", "Right?"], False),
        (["> 1. of what I typed"], False),
        (["❯ 1. Yes", "  2. No"], True),
        (["● 1. Allow once", "  2. Allow for this session"], True),
        (["Permission required", "Allow once   Reject", "⇆ select  enter confirm"], True),
        (["What is to be done?", "1. Read", "2. Write"], False),
        (["Which are done?", "[x] this one", "[x] that one"], False),
        (["Shall I?", "> quoted"], False),
    ],
)
def test_a_spinner_beside_a_new_menu_is_no_sign_of_work(rows: list[str], asks: bool) -> None:
    with world() as here:
        here.passes(2)
        agent_works(here, 4)
        for number in range(60):
            draws(here, [f"thinks {number % 10}", *rows])
            here.passes(0.1)
        assert here.stands == (("waiting", "stopped") if asks else ("working", "output"))
        agent_works(here, 4)
        assert here.stands == ("working", "output")


def test_a_shell_at_its_prompt_and_an_echo_load_no_emulator() -> None:
    with world() as here:
        here.cells = ["$ "]
        here.passes(2)
        here.prompt = True
        draws(here, ["$ "])
        here.passes(1)
        assert here.stands == ("idle", "prompt")
        here.runs()
        for _ in range(20):
            here.activity.typed(b"x")
            draws(here, ["x"])
            here.passes(0.5)
        assert here.drawn_times == 0


@pytest.mark.parametrize(
    ("rows", "known", "asked"),
    [
        (["Proceed?", "", "› 1. Yes", "  2. No", "", "", "~/project"], [], "Proceed? › 1. Yes 2. No"),
        (["│ Allow it? (y/n) │", "│ ● 1. Yes │", "╰───╯", "", "footer"], [], "Allow it? (y/n) ● 1. Yes"),
        (["> what is it?", "It is x.", "", "", "> ", "footer"], ["> what is it?", "> ", "footer"], "It is x."),
        (
            ["┃ △ Permission required", "┃ $ touch x", "┃ Allow  Reject"],
            [],
            "△ Permission required $ touch x Allow  Reject",
        ),
        (["? for shortcuts", "Done."], ["? for shortcuts"], "Done."),
        (["old?"], ["old?"], "old?"),
    ],
)
def test_the_question_of_a_screen_is_what_is_new_on_it(rows: list[str], known: list[str], asked: str) -> None:
    before = frozenset(map(question.words_of, known))
    assert question.in_new_rows(list(map(question.words_of, rows)), "", before) == asked


def test_a_wait_for_a_stopped_program_stays_over_a_reload() -> None:
    with world() as here:
        here.passes(2)
        agent_works(here, 4)
        draws(here, ["Proceed?"])
        here.passes(4)
        state = here.activity.dump()
        here.timers = Timers()
        here.activity = here.made()
        here.activity.restore(state)
        here.passes(5)
        assert here.activity.standing(anew=True).dump()[:2] == ("waiting", "stopped")
        assert here.activity.standing().question == "Proceed?"


def test_the_question_waits_for_an_emulator_that_is_behind() -> None:
    """It was that of the screen before, with the spinner on it."""
    with world() as here:
        here.passes(2)
        agent_works(here, 4)
        here.head += 10
        here.cells, late = None, ["Proceed?"]
        here.activity.stirred()
        here.passes(5)
        assert here.stands == ("working", "output")
        here.cells = late
        here.passes(0.1)
        assert here.activity.standing().question == "Proceed?"


def test_a_menu_that_comes_late_is_the_question() -> None:
    """What it drew after a pause was taken for what had stood there before."""
    for late in (1.0, 5.0):
        with world() as here:
            here.passes(2)
            agent_works(here, 4)
            here.passes(late)
            draws(here, ["Proceed?", "1. Yes"])
            here.passes(5)
            assert here.stands == ("waiting", "stopped")
            assert here.activity.standing().question == "Proceed? 1. Yes"
