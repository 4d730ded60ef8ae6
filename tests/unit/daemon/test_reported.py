"""How a session stands by what its program reports (OSC 7501) and what is said beside it. The clock is a stand-in."""

from __future__ import annotations

from unittest.mock import patch

import pytest

from sesh.daemon.activity import program_status, rules
from tests.unit.daemon.test_activity import JOB, World, world


def report(here: World, text: str) -> None:
    """The program reports, with the terminal in its hands."""
    here.activity.stirred()
    here.head += 1
    here.activity.reported(text.encode(), here.head)


def reset(here: World) -> None:
    here.activity.report(lambda reports, head: reports.take({"state": "clear"}, 0, head))


def ends(here: World) -> None:
    """The program ends, and the shell prints its prompt."""
    here.pty.group, here.prompt = 1, True
    here.activity.stirred()
    with patch("os.killpg", side_effect=ProcessLookupError):
        here.passes(1)


def test_each_state_at_once_and_for_as_long_as_it_stands() -> None:
    with world() as here:
        here.runs(reads=True)
        for state, stands in program_status.STATES.items():
            report(here, f"state={state}")
            assert here.stands == (stands, "hook")
            here.passes(60)
            assert here.stands == (stands, "hook")
        assert here.timers.wait_time() is None


def test_the_question_and_its_kind() -> None:
    with world() as here:
        here.runs()
        report(here, "state=blocked:kind=permission:msg=cnVuIGl0Pw")
        found = here.activity.standing().as_json()
        assert (found["state"], found["question"], found["kind"]) == ("waiting", "run it?", "permission")
        assert here.activity.waits
        assert here.asks == "run it?"
        here.activity.typed(b"y\r")
        here.passes(30)
        assert here.stands == ("waiting", "hook"), "no key ends it, but a report"
        assert here.activity.waits
        assert len(here.seen) == 1
        report(here, "state=working:msg=YQ")
        found = here.activity.standing().as_json()
        assert (found["state"], found["question"], found["kind"]) == ("working", None, None)
        assert [here.activity.waits, here.activity.blocked, here.activity.last_row()] == [False, None, "a"]


def test_the_same_reported_again_is_no_news_unless_somebody_has_answered() -> None:
    with world() as here:
        here.runs()
        for _ in range(3):
            report(here, "state=blocked:msg=YQ")
            here.passes(1)
        assert len(here.seen) == 1
        here.activity.typed(b"\r")
        report(here, "state=blocked:msg=YQ")
        assert len(here.seen) == 2


@pytest.mark.parametrize("state", ["done", "error"])
def test_an_end_stands_until_a_key_and_then_the_program_is_idle(state: str) -> None:
    with world() as here:
        here.runs(reads=True)
        report(here, f"state={state}:msg=YQ")
        here.passes(60)
        assert here.stands == (program_status.STATES[state], "hook")
        here.activity.typed(b"x")
        assert here.stands == ("idle", "hook")
        here.passes(60)
        assert here.stands == ("idle", "hook")


def test_nothing_else_that_the_program_says_counts_from_the_first_report_on() -> None:
    with world() as here:
        here.runs(reads=True)
        here.activity.say("waiting", "by a notification")
        assert here.activity.blocked is None
        report(here, "state=working")
        here.activity.say("waiting", "a notification")
        here.activity.say("waiting", "an agent's hook", by="hook")
        here.activity.progressed(b"2")
        here.passes(60)
        assert here.stands == ("working", "hook")
        report(here, "state=done")
        here.activity.typed(b"x")
        here.activity.say("failed")
        assert here.stands == ("idle", "hook")
        report(here, "state=clear:id=child")
        here.activity.say("failed")
        assert here.stands == ("idle", "hook")
        report(here, "state=clear")
        here.activity.say("failed")
        assert here.stands == ("failed", "hook")


def test_a_state_that_is_typed_stands_until_the_next_report() -> None:
    with world() as here:
        here.runs()
        report(here, "state=working")
        here.activity.say("waiting", "typed", by="typed")
        assert here.stands == ("waiting", "hook")
        assert here.asks == "typed"
        here.passes(60)
        assert here.stands == ("waiting", "hook")
        report(here, "state=working:progress=3")
        assert here.stands == ("working", "hook")
        here.activity.say("waiting", "typed", by="typed")
        here.activity.typed(b"y")
        assert here.stands == ("working", "hook"), "a key answers it, as ever; what was reported stands"


def test_at_the_prompt_that_shell_integration_marks_only_ends_stay() -> None:
    for state, stands in program_status.STATES.items():
        with world() as here:
            here.runs()
            report(here, f"state={state}")
            here.prompt = True
            here.activity.marked(b"A")
            here.passes(1)
            stays = state in ("done", "error")
            assert here.stands == ((stands, "hook") if stays else ("idle", "prompt")), state
            here.activity.say("waiting", "heard again")
            assert here.activity.standing().question == "heard again"
            here.activity.typed(b"x")
            here.passes(1)
            assert here.stands == ("idle", "prompt")


def test_marks_of_other_kinds_end_nothing() -> None:
    with world() as here:
        here.runs()
        report(here, "state=blocked")
        for mark in (b"B", b"C", b"D;0"):
            here.activity.marked(mark)
        here.passes(1)
        assert here.stands == ("waiting", "hook")


def test_another_command_ends_what_one_before_has_found() -> None:
    with world() as here:
        here.runs()
        report(here, "state=done")
        report(here, "state=working:id=a")
        here.activity.report(lambda reports, head: reports.seen(head, by_key=False))
        assert [row["id"] for row in here.activity.reports.as_json()] == ["a"]  # type: ignore[union-attr]


def test_without_shell_integration_the_end_of_its_process_group_is_seen() -> None:
    for state, stands in program_status.STATES.items():
        with world() as here:
            here.runs()
            report(here, f"state={state}")
            with patch("os.killpg"):
                here.pty.group = 1
                here.activity.stirred()
                here.passes(1)
            assert here.stands == (stands, "hook"), "it lives, in the background"
            here.pty.group = JOB
            ends(here)
            assert here.stands == ((stands, "hook") if state in ("done", "error") else ("idle", "prompt")), state


def test_a_reset_terminal_has_no_records_and_a_typed_state_stands() -> None:
    with world() as here:
        here.runs()
        reset(here)
        report(here, "state=blocked")
        reset(here)
        here.passes(60)
        assert here.stands == ("idle", "quiet")
        report(here, "state=blocked")
        here.activity.say("waiting", "typed", by="typed")
        reset(here)
        assert here.asks == "typed"


def test_a_program_that_reports_and_asks_for_a_line_works_as_it_says() -> None:
    with world() as here:
        here.runs(reads=True)
        here.pty.canonical = True
        report(here, "state=working")
        here.passes(60)
        assert here.stands == ("working", "hook")


def test_the_end_of_the_session_is_the_end_of_its_reports() -> None:
    with world() as here:
        here.runs()
        report(here, "state=blocked")
        here.activity.ended(failed=False)
        assert here.stands == ("done", "exit")
        assert here.activity.sequences(-1, 99, True) == ""
        assert here.activity.blocked is None


def test_a_notice_leaves_the_question_that_a_hook_has_told() -> None:
    """An agent rings as well when it asks: the text that was sent then went into its menu."""
    with world() as here:
        here.runs()
        here.activity.say("waiting", "Run rm?", by=rules.HOOK)
        here.activity.say("waiting", "Agent needs you")
        here.activity.progressed(b"1;50")
        questions = [here.asks]
        here.activity.typed(b"y")
        questions.append(here.asks)
        here.activity.say("waiting", "Agent needs you")
        questions.append(here.asks)
        assert questions == ["Run rm?", None, None]
        assert here.stands == ("waiting", "hook")
