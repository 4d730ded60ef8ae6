"""A wait for a prompt or for silence is answered once, when all output is on its way to its client."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from sesh import protocol
from sesh.daemon import waits as module
from sesh.daemon.clients.connection import Reader
from sesh.daemon.request import Request
from sesh.daemon.requests import sought
from sesh.daemon.session import Session
from sesh.errors import UsageError
from tests.support import wait_until
from tests.support.data import daemon_facts
from tests.unit.daemon.connections import Link


@pytest.fixture
def link() -> Iterator[Link]:
    own = Link()
    yield own
    own.close()


@pytest.fixture
def session() -> Session:
    return Session(daemon_facts(pid=1), (80, 24, 0, 0), None)


def answer(session: Session, link: Link) -> dict[str, object]:
    def answer() -> dict[str, object] | None:
        session.timers.run()
        link.connection.flush()
        answers = [protocol.parse(payload) for kind, payload in link.take() if kind == protocol.RESPONSE]
        return answers[0] if answers else None

    return wait_until(answer)


def wait(session: Session, link: Link, **words: object) -> None:
    link.connection.waits[7] = {"output": False}
    request = Request(link.connection, 7, words, b"")
    session.get_waits().add(link.connection, 7, sought(session, request), request.seconds("timeout"))


def test_silence_is_counted_from_the_last_output(session: Session, link: Link) -> None:
    begun = session.activity.stirred_at = time.monotonic()
    wait(session, link, idle=0.2)
    assert answer(session, link)["met"] == "idle"
    assert time.monotonic() - begun >= 0.19


def test_a_session_that_is_silent_already_is_idle_at_once(session: Session, link: Link) -> None:
    session.activity.stirred_at = time.monotonic() - 60
    wait(session, link, idle=30)
    assert answer(session, link)["met"] == "idle"
    assert link.connection.waits == {}


def test_time_that_runs_out_is_an_error_and_the_end_of_the_wait(session: Session, link: Link) -> None:
    wait(session, link, idle=60, timeout=0.01)
    error = answer(session, link)["error"]
    assert isinstance(error, dict)
    assert (error["code"], error["exit"]) == ("timeout", 124)
    assert session.get_waits().all == []
    assert session.timers.wait_time() is None


def test_who_follows_gets_all_output_before_the_answer(session: Session, link: Link) -> None:
    session.pump.last_activity = 0.0
    session.log.append(b"x" * 100)
    link.connection.reader = Reader(link.connection, 0)
    wait(session, link, idle=1)
    session.timers.run()
    assert 7 in link.connection.waits
    link.connection.feed(session.log)
    assert answer(session, link)["met"] == "idle"


def test_the_waits_of_a_connection_that_closed_leave_no_timers(session: Session, link: Link) -> None:
    wait(session, link, idle=60, timeout=600)
    link.connection.fail()
    other = Link()
    wait(session, other, idle=0)
    assert answer(session, other)["met"] == "idle"
    assert session.timers.wait_time() is None
    other.close()


@pytest.mark.parametrize("words", [{"idle": "1"}, {"idle": True}, {"timeout": -1}, {"timeout": 1e12}])
def test_seconds_that_are_none_are_refused(session: Session, link: Link, words: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        wait(session, link, **words)


def test_a_prompt_counts_only_once_output_has_come_to_its_position(
    session: Session, link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[object] = []

    def at_prompt(pty: object) -> bool:
        looks.append(pty)
        return True

    monkeypatch.setattr("sesh.daemon.shell.shells.at_prompt", at_prompt)
    monkeypatch.setattr(module, "QUIET", 0.01)
    session.pump.pty = object()  # type: ignore[assignment]
    session.pump.last_activity = 0.0
    wait(session, link, prompt=True, **{"from": session.log.head + 5})
    session.timers.run()
    assert (looks, list(link.connection.waits)) == ([], [7])
    session.log.append(b"make\r\n$ ")
    session.get_waits().stirred()
    assert answer(session, link)["met"] == "prompt"


def test_who_waits_for_a_question_wakes_no_daemon_each_second(session: Session, link: Link) -> None:
    """Each job that was waited for on a terminal did, all the time that it ran."""
    wait(session, link, waiting=True)
    session.timers.run()
    assert 7 in link.connection.waits
    assert (session.timers.wait_time() or 0) > 9


def test_a_question_that_stood_before_does_not_answer_a_wait_for_another(session: Session, link: Link) -> None:
    session.activity.say("waiting", "old?")
    wait(session, link, waiting=True, anew=True)
    session.timers.run()
    assert 7 in link.connection.waits
    session.activity.say("waiting", "new?")
    assert answer(session, link)["question"] == "new?"
