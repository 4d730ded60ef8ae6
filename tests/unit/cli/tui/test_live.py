"""Requests of a list that is shown: carried out in threads, told in the thread that draws."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from sesh.cli.tui.live import LiveSessions
from sesh.errors import NotFound
from sesh.ops.index import SessionIndex
from sesh.reach.caller import Caller
from sesh.reach.target import Target
from tests.support.waiting import wait_until


class Stand:
    """A stage whose terminal says nothing: its wait ends with whatever is ready."""

    def wait(self, others: list[int], _seconds: float) -> tuple[list[str], set[int]]:
        return [], set(others)


def fault(_target: Target) -> str:
    raise KeyError("ours")


def missing(_target: Target) -> str:
    raise NotFound("there is no\nsession")


@pytest.mark.parametrize(
    ("question", "told"),
    [
        (lambda _target: "done", ("done", "")),
        (missing, (None, "there is no session")),
        (fault, (None, "internal error, KeyError: 'ours'")),
    ],
)
def test_the_outcome_of_a_request_is_told_in_the_thread_that_draws(
    question: Callable[[Target], Any], told: tuple[str | None, str]
) -> None:
    """A fault of ours ended its thread with a traceback over the list, which went on saying that it was busy."""
    outcomes: list[tuple[object, str, threading.Thread]] = []

    def tell(answer: object, problem: str) -> None:
        outcomes.append((answer, problem, threading.current_thread()))

    with SessionIndex(Caller(), []) as index, LiveSessions(index, {}) as live:
        live.ask((None, "work"), question, tell)

        def outcome() -> bool:
            live.wait(Stand(), 0.0)  # type: ignore[arg-type]  # as far as it is asked
            live.take()
            return bool(outcomes)

        wait_until(outcome)
    assert outcomes == [(*told, threading.current_thread())]
