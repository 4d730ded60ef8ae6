"""A wait for a prompt or for silence is answered once, when all output is on its way to its client."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sesh import check, protocol
from sesh.daemon.clients.connection import Reader, Request
from sesh.daemon.session import Session
from sesh.daemon.verbs import wait_of
from sesh.messages import Ask
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
    request = Request(link.connection, 7, check.near(Ask, words), b"")
    session.waits.add(wait_of(session, request))


def test_time_that_runs_out_is_an_error_and_the_end_of_the_wait(session: Session, link: Link) -> None:
    wait(session, link, idle=60, timeout=0.01)
    error = answer(session, link)["error"]
    assert isinstance(error, dict)
    assert (error["code"], error["exit"]) == ("timeout", 124)
    assert session.waits.all == []
    assert session.timers.wait_time() is None


def test_who_follows_gets_all_output_before_the_answer(session: Session, link: Link) -> None:
    session.activity._kept.active_at = 0.0
    session.log.append(b"x" * 100)
    link.connection.reader = Reader(link.connection, 0)
    wait(session, link, idle=1)
    session.timers.run()
    assert [wait.request.number for wait in session.waits.all] == [7]
    link.connection.feed(session.log)
    assert answer(session, link)["met"] == "idle"


def test_a_question_that_stood_before_does_not_answer_a_wait_for_another(session: Session, link: Link) -> None:
    session.activity.declare("waiting", "old?")
    wait(session, link, waiting=True, anew=True)
    session.timers.run()
    assert [wait.request.number for wait in session.waits.all] == [7]
    session.activity.declare("waiting", "new?")
    assert answer(session, link)["question"] == "new?"
