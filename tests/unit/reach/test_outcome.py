"""What a call came to, and the exit code of a verb for it."""

from __future__ import annotations

import errno

import pytest

from sesh.errors import Busy, Fate, Interrupted, NotFound, Refused, SeshError, TimedOut, fated, own, rebuild
from sesh.reach.outcome import Answered, Failed, exit_code, exiting_as


@pytest.mark.parametrize(
    ("error", "of_command", "of_others"),
    [
        (NotFound("no session x"), 125, 1),
        (rebuild({"code": "refused", "what": "no", "exit": 1}), 125, 1),
        (Refused("cannot write", fate=Fate.GOES_ON), 255, 1),
        (Refused("cannot say", fate=Fate.UNKNOWN), 255, 1),
        (rebuild({"code": "unreachable", "what": "gone", "exit": 255}), 255, 1),
        (TimedOut("late"), 124, 124),
        (TimedOut("late, and it goes on", fate=Fate.GOES_ON), 124, 124),
        (Busy("busy"), 125, 125),
        (Interrupted(""), 130, 130),
        (SeshError("x was not found", exit_code=127, code="not_found"), 127, 127),
    ],
)
def test_only_exec_and_run_say_by_the_exit_code_whether_anything_began(
    error: SeshError, of_command: int, of_others: int
) -> None:
    assert [exit_code(verb, Failed(error)) for verb in ("exec", "run")] == [of_command] * 2
    assert [exit_code(verb, Failed(error)) for verb in ("open", "kill", "")] == [of_others] * 3


def test_an_answer_is_the_exit_code() -> None:
    assert exit_code("exec", Answered(7)) == 7


def test_any_exception_is_an_error_of_sesh_whose_act_may_be_done() -> None:
    assert (Failed.by(KeyError("x")).fate, str(Failed.by(KeyError("x")).error)) == (
        Fate.UNKNOWN,
        "internal error: KeyError: 'x'; set SESH_DEBUG=1 to see more",
    )
    assert (own(KeyboardInterrupt()).code, own(OSError(errno.EMFILE, "Too many")).code) == ("interrupted", "refused")


def test_what_fails_before_the_act_begins_has_not_begun_whatever_fails() -> None:
    for cause in (OSError(errno.EROFS, "Read-only file system"), OSError(errno.EMFILE, "Too many"), KeyError("x")):
        with pytest.raises(SeshError) as failed, fated(Fate.NOT_BEGUN):
            raise cause
        assert (failed.value.fate, exit_code("exec", Failed(failed.value))) == (Fate.NOT_BEGUN, 125), cause


def test_what_is_known_of_an_act_is_not_forgotten_further_out() -> None:
    with pytest.raises(Refused) as failed, fated(Fate.GOES_ON, "look"), fated(Fate.UNKNOWN, "find out"):
        raise Refused("cannot write")
    assert (failed.value.fate, failed.value.hint) == (Fate.UNKNOWN, "find out")
    with pytest.raises(Refused) as failed, fated(Fate.NOT_BEGUN), fated(Fate.GOES_ON, "look"):
        raise Refused("cannot write", hint="free some space")
    assert (failed.value.fate, failed.value.hint) == (Fate.GOES_ON, "free some space")
    with pytest.raises(TimedOut) as late, fated(Fate.UNKNOWN, "look"):
        raise TimedOut("late")
    assert (late.value.exit_code, late.value.hint) == (124, "")


def test_output_without_a_reader_is_no_failure() -> None:
    with pytest.raises(BrokenPipeError), fated(Fate.GOES_ON, "look"):
        raise BrokenPipeError


def test_a_caller_of_the_api_gets_the_exit_code_of_the_verb() -> None:
    with pytest.raises(NotFound) as failed, exiting_as("run"):
        raise NotFound("no session x")
    assert failed.value.exit_code == 125
