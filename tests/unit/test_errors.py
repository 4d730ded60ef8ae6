"""Errors: their codes and exit codes, and their way over the wire."""

from __future__ import annotations

import pytest

from sesh import errors
from sesh.errors import CannotStart, ExitCode, InternalError, SeshError, rebuild

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


def test_every_code_of_the_contract_has_its_error_and_there_is_no_other() -> None:
    assert {kind.code for kind in every()} == CODES


@pytest.mark.parametrize("kind", every(), ids=lambda kind: kind.__name__)
def test_an_error_comes_over_the_wire_as_itself(kind: type[SeshError]) -> None:
    sent = kind("what, and what to do")
    got = rebuild(sent.facts())
    assert (got.code, str(got), got.exit_code) == (sent.code, str(sent), sent.exit_code)
    if "code" in vars(kind):  # any other comes back as the error of its code
        assert type(got) is kind


def test_what_cannot_start_keeps_a_shells_code() -> None:
    refused = CannotStart("x cannot be executed", code="refused", exit_code=ExitCode.NOT_EXECUTABLE)
    again = rebuild(refused.facts())
    assert (type(again), again.code, again.exit_code) == (CannotStart, "refused", 126)


def test_a_code_of_a_newer_sesh_is_internal_and_keeps_its_exit_code() -> None:
    got = rebuild({"code": "brand_new", "message": "text", "exit": 7})
    assert isinstance(got, InternalError)
    assert (got.code, got.exit_code) == ("internal", 7)
