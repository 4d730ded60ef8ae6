"""Errors: their codes and exit codes, and their way over the wire."""

from __future__ import annotations

import shlex

import pytest

from sesh import errors
from sesh.about import ON_HOST, SESH
from sesh.errors import Fate, NotFound, Refused, SeshError, UsageError, for_host, rebuild, told
from sesh.schema.outcomes import Ended
from tests.support.data import job_result

CODES = {
    "not_found", "exists", "busy", "timeout", "interrupted", "invalid_name", "invalid_host", "usage", "unreachable",
    "not_deployed", "refused", "protocol", "internal",
}  # fmt: skip


def every() -> list[type[SeshError]]:
    return [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, SeshError) and kind is not SeshError
    ]


def test_every_code_of_the_contract_comes_over_the_wire_and_there_is_no_other() -> None:
    assert {kind.code for kind in every()} <= CODES
    assert {rebuild({"code": code, "message": "what"}).code for code in CODES} == CODES


@pytest.mark.parametrize("kind", every(), ids=lambda kind: kind.__name__)
def test_an_error_comes_over_the_wire_as_itself(kind: type[SeshError]) -> None:
    sent = kind("what, and what to do") if kind is not Ended else Ended("work", job_result(), b"")
    got = rebuild(sent.facts())
    assert (got.code, str(got), got.exit_code) == (sent.code, str(sent), sent.exit_code)
    if "code" in vars(kind):  # any other comes back as the error of its code
        assert type(got) is kind


@pytest.mark.parametrize("code", ["invalid_name", "invalid_host"])
def test_a_wrong_word_is_a_usage_error_with_a_code_of_its_own(code: str) -> None:
    again = rebuild(UsageError("x is wrong", code=code).facts())
    assert (type(again), again.code, again.exit_code) == (UsageError, code, 2)


@pytest.mark.parametrize(("code", "number"), [("not_found", 127), ("refused", 126)])
def test_a_program_that_cannot_start_keeps_a_shells_code_and_is_no_missing_session(code: str, number: int) -> None:
    again = rebuild(SeshError("x cannot be executed", code=code, exit_code=number).facts())
    assert (isinstance(again, NotFound), again.code, again.exit_code) == (False, code, number)


def test_a_code_of_a_newer_sesh_is_internal_and_keeps_its_exit_code() -> None:
    got = rebuild({"code": "brand_new", "message": "text", "exit": 7})
    assert (got.code, got.exit_code) == ("internal", 7)


@pytest.mark.parametrize("fact", ["message", "hint", "fate", "code", "exit_code", "host", "in_response", "typed"])
def test_an_error_never_changes(fact: str) -> None:
    error = SeshError("what")
    with pytest.raises(AttributeError, match="complete when it is made"):
        setattr(error, fact, "other")


def test_a_copy_is_of_the_same_class_and_has_every_fact_but_those_given() -> None:
    ended = Ended("work", job_result(), b"output")
    copy = ended.but(hint="do that", host="box")
    assert (type(copy), copy.message, copy.output) == (Ended, ended.message, b"output")
    assert (copy.hint, copy.host, ended.hint, ended.host) == ("do that", "box", "", None)
    assert copy.args == ("work has ended",)


def test_an_error_of_a_host_keeps_the_host_that_told_it() -> None:
    error = NotFound("no session x").told_by("one").told_by("two")
    assert error.host == "one"


def test_an_error_whose_act_may_be_done_exits_with_255_here_and_over_the_wire() -> None:
    error = Refused("cannot say").but(fate=Fate.UNKNOWN)
    again = rebuild(error.facts())
    assert (error.exit_code, again.exit_code, again.fate) == (255, 255, Fate.UNKNOWN)


@pytest.mark.parametrize("host", ["gpu", "me:target@gate:22", "a$b@gate", "[fe80::1%eth0]:22", "it's@gate"])
def test_a_line_to_type_is_read_by_a_shell_as_it_is_meant(host: str) -> None:
    assert shlex.split(for_host(f"{SESH} kill web", host)) == ["sesh", f"@{host}", "kill", "web"]
    assert shlex.split(told(f"{ON_HOST}ls", host)) == ["ssh", host, "ls"]
