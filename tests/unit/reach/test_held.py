"""Links that are held: what they give up on the way back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from sesh import link_state
from sesh.errors import LoginRefused, silent_host
from sesh.reach import held, links
from sesh.reach.caller import Caller
from sesh.remote.ssh import master
from tests.unit.ops.job_daemon import Daemon, of_a_host


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    with of_a_host() as daemons:
        yield daemons[0]


@pytest.fixture
def gives_up(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[bool]]:
    """Which attempts give up the ssh connection that others share; by number, who opened it before their late end."""

    def run(*identities: int, silent: bool = False) -> list[bool]:
        attempts: list[bool] = []
        standing = iter(identities)
        now = next(standing)

        def reopened(*_: object, drops: bool, **__: object) -> None:
            nonlocal now
            attempts.append(drops)
            now = next(standing, -1)
            if now < 0:
                raise LoginRefused("enough")
            raise silent_host("box")

        monkeypatch.setattr(link_state, "PACE", 0.01)
        monkeypatch.setattr(links, "reopened", reopened)
        monkeypatch.setattr(master, "identity", lambda _: (now, 0))
        daemon.connection.silent = silent  # type: ignore[attr-defined]
        daemon.end.close()
        caller, op = Caller(), SimpleNamespace(wire_name="index.follow")
        target: Any = SimpleNamespace(
            caller=caller, destination=SimpleNamespace(host="box"), host="box", open=lambda *_, **__: daemon.connection
        )
        with pytest.raises(LoginRefused):
            list(held.items(target, op, lambda _: {}, passing=True))
        return attempts

    return run


def test_a_host_that_is_slow_to_start_its_sesh_costs_others_no_link(gives_up: Callable[..., list[bool]]) -> None:
    """The connection that they share was given up after each answer that came late."""
    assert gives_up(1, 1, 1) == [False, False, False]


def test_a_connection_that_an_attempt_opened_itself_is_given_up(gives_up: Callable[..., list[bool]]) -> None:
    assert gives_up(1, 2, 2, 2) == [False, True, False, False]


def test_a_connection_that_was_found_silent_is_given_up(gives_up: Callable[..., list[bool]]) -> None:
    assert gives_up(1, 1, 1, silent=True) == [True, False, False]
