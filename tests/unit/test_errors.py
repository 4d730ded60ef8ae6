"""Errors: their codes and exit codes, and their way over the wire."""

from __future__ import annotations

import pytest

from sesh import errors
from sesh.errors import (
    CannotStart,
    DaemonDied,
    Ended,
    ExitCode,
    InternalError,
    Late,
    LocalFault,
    LoginRefused,
    Lost,
    NotSubmitted,
    Reloaded,
    SeshError,
    Silent,
    rebuild,
)

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
    more = CannotStart, DaemonDied, Ended, Late, LocalFault, LoginRefused, Lost, NotSubmitted, Reloaded, Silent
    if kind not in more:  # these come back as the error of their code
        assert type(got) is kind


def test_what_cannot_start_keeps_a_shells_code() -> None:
    assert rebuild({"code": "not_found", "message": "no program x", "exit": 127}).exit_code == 127
    refused = CannotStart("x cannot be executed", code="refused", exit_code=ExitCode.NOT_EXECUTABLE)
    assert (refused.code, refused.exit_code) == ("refused", 126)
    again = rebuild(refused.facts())
    assert isinstance(again, CannotStart)
    assert again.code == "refused"
    assert again.exit_code == 126


def test_a_code_of_a_newer_sesh_is_internal_and_keeps_its_exit_code() -> None:
    got = rebuild({"code": "brand_new", "message": "text", "exit": 7})
    assert isinstance(got, InternalError)
    assert (got.code, got.exit_code) == ("internal", 7)
