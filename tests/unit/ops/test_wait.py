"""Waiting for the end of a session that ends while it is asked."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from sesh import Session, protocol, wire
from sesh.cli.invocation import Invocation
from sesh.cli.parser import split
from sesh.cli.wait import wait
from sesh.errors import Ended, Interrupted, Refused, TimedOut, Unreachable
from sesh.ops.wait import met
from sesh.reach.stream import Stream
from sesh.schema import JobResult
from sesh.stop import Stop
from tests.support.data import job_result
from tests.unit.ops.job_daemon import Daemon

if TYPE_CHECKING:
    from sesh.ops.wait import Conditions


class Machine:
    """A machine with a daemon that takes a connection and ends before it has read a request; its result is `kept`."""

    def __init__(self, kept: JobResult | None) -> None:
        self.kept = kept

    def open_stream(self, name: str, *_: object) -> Stream:
        ours, theirs = socket.socketpair()
        theirs.close()
        descriptor = ours.detach()
        ended = Ended(name, self.kept) if self.kept else None
        return Stream(wire.Connection(descriptor, descriptor), name, ended=lambda _: ended)


KEPT = job_result(exit_code=4, position=0)


@pytest.mark.parametrize("host", [None, "box"])
def test_a_session_that_ends_while_it_is_asked_is_waited_for_in_what_is_kept(
    host: str | None, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """On a host it was said that its daemon had died."""
    session = Session("job", host)
    monkeypatch.setattr(session, "_target", Machine(KEPT))
    assert session.wait().exit_code == 4
    monkeypatch.setattr(Invocation, "target", Machine(KEPT))
    line = Invocation(split([*([f"@{host}"] if host else []), "--wait", "job"]))
    assert wait(line, ["job"]) == 4
    assert capfd.readouterr().out == "exit: 4\n"


def test_of_a_daemon_that_does_not_say_that_the_time_is_up_the_pid_is_what_helps() -> None:
    """It was said that the session goes on, and to look at a screen that its daemon does not show."""
    daemon = Daemon()
    daemon.say(protocol.WELCOME, protocol=protocol.PROTOCOL, version="0", id="id")
    conditions: Conditions = {
        "exit_": True, "prompt": False, "waiting": False, "idle": None, "pattern": None, "begin": "sent", "limit": 0.01,
    }  # fmt: skip
    with Stream(daemon.connection, "work") as stream, pytest.raises(TimedOut) as late:
        met(stream, conditions)
    assert str(late.value) == "work: no end within 0.01 s; `sesh --status work` shows its pid"
    daemon.close()


@pytest.mark.parametrize("act", [Session.wait, lambda *_, stop: next(Session("gone").events(stop=stop))])
def test_who_is_stopped_already_asks_for_no_session(act: Callable[..., object]) -> None:
    """Of one that is gone it was said that there is none."""
    stop = Stop()
    stop.stop()
    with pytest.raises(Interrupted, match="stopped before it began"):
        act(Session("gone"), stop=stop)


@pytest.mark.parametrize("conditions", [{}, {"prompt": True}])
def test_of_a_session_of_which_nothing_is_kept_the_daemon_has_died(
    conditions: dict[str, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    session = Session("job")
    monkeypatch.setattr(session, "_target", Machine(None))
    with pytest.raises(Unreachable, match="the daemon of job died"):
        session.wait(**conditions)  # type: ignore[arg-type]


@pytest.mark.parametrize("host", [None, "box"])
def test_a_session_that_ends_while_it_is_asked_for_something_else_ended_too_early(
    host: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was said that its daemon had died."""
    session = Session("job", host)
    monkeypatch.setattr(session, "_target", Machine(KEPT))
    with pytest.raises(Refused, match=r"^job ended \(4\) before the condition was met$"):
        session.wait(waiting=True)
    monkeypatch.setattr(Invocation, "target", Machine(KEPT))
    line = Invocation(split([*([f"@{host}"] if host else []), "--wait", "job"]))
    with pytest.raises(Refused, match=r"^job ended \(4\) before the condition was met$"):
        wait(line, ["job"], waiting=True)
