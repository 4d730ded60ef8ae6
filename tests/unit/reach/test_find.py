"""A session of this machine, looked for as its daemon comes and goes."""

from __future__ import annotations

import os
import socket
import threading
from typing import Any, NoReturn

import pytest

from sesh import paths, wire
from sesh.errors import NotFound, Silent
from sesh.reach import find
from sesh.store import listing


def looks(monkeypatch: pytest.MonkeyPatch, *states: str) -> None:
    """Nobody listens at the session's socket; each look at its record tells another state, the last one for good."""
    rest = list(states)

    def refused(*_: Any) -> NoReturn:
        raise paths.absent("work")

    monkeypatch.setattr(wire, "connect", refused)
    monkeypatch.setattr("os.path.lexists", lambda _: True)  # the record is there
    monkeypatch.setattr(listing, "unanswered", lambda _: {"state": rest.pop(0) if len(rest) > 1 else rest[0]})


def test_a_daemon_that_has_closed_its_socket_and_is_gone_a_moment_later_is_not_called_silent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks(monkeypatch, "running", "running", "lost")
    assert find.running("work") is None


def test_a_daemon_that_stays_without_a_socket_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    looks(monkeypatch, "running")
    monkeypatch.setattr(find, "_DYING", 0.02)
    with pytest.raises(Silent, match="work runs but does not answer"):
        find.running("work")


@pytest.mark.usefixtures("inside")
def test_a_daemon_that_ends_while_it_is_asked_is_as_one_that_had_ended() -> None:
    """`--logs` of a job that was just ending said that its daemon closed the connection, and showed nothing."""

    def end() -> None:
        connection, _ = listener.accept()
        connection.close()

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(paths.socket_path("work"))
        os.chmod(paths.socket_path("work"), 0o600)
        listener.listen()
        ending = threading.Thread(target=end)
        ending.start()
        with pytest.raises(NotFound):
            find.read("work", "summary")
        ending.join()
