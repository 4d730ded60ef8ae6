"""Reconnecting: attempts at growing intervals, while the user may leave."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from sesh import wire
from sesh.client import race, reconnect
from sesh.client.outcome import Outcome
from sesh.client.race import Attempts, Race
from sesh.client.reconnect import Reconnector
from sesh.errors import Ended, LoginRefused, NotDeployed, Refused, TimedOut, Unreachable
from sesh.keepalive import Backoff
from sesh.loop.timers import Timers
from sesh.stop import Stop
from tests.support import wait_until
from tests.support.data import job_result


class Person:
    """An attachment and its display, as far as the reconnector knows them. `leaves`: what typing something means."""

    def __init__(self) -> None:
        self.inbound, self.keyboard = os.pipe()
        self.signals, self.alarm = os.pipe()
        self.terminal = SimpleNamespace(inbound=self.inbound, signals=self.signals)
        self.name, self.host, self.session_id = "work", "box", "id"
        self.channel = self.input = self.display = self
        self.keepalive = SimpleNamespace(heard_at=5.0)
        self.closing_lines: list[str] = []
        self.notices: list[str] = []
        self.leaves: Outcome | None = Outcome("detached", "work", "box")
        self.down = 0
        self.raced: wire.Connection | Exception | None = None
        self.attempts: Attempts | LoginRefused | None = None
        self.options = SimpleNamespace(detach_key=None)
        self.started = self.dropping = False
        self.lines: list[str] = []

    def take_attempts(self) -> Attempts | LoginRefused | None:
        return self.attempts

    def outcome(self, kind: str) -> Outcome:
        return Outcome(kind, self.name, self.host)

    def go_offline(self) -> None:
        self.down += 1

    def hold(self, keys: bytes) -> None:
        """Keys that are kept."""

    def drop(self) -> bool:
        return False

    def suspend(self) -> bool:
        return False

    def line(self, text: str) -> None:
        """They leave as soon as they are asked to log in."""
        self.lines.append(text)
        if text.startswith("Enter"):
            os.write(self.keyboard, b"\x1c")

    def serve_offline(self, ready: set[int], _keys: Callable[[bytes], None]) -> Outcome | None:
        if self.inbound not in ready:
            return None
        os.read(self.inbound, 100)
        return self.leaves

    def notice(self, text: str) -> None:
        self.notices.append(text)

    def close(self) -> None:
        for descriptor in (self.inbound, self.keyboard, self.signals, self.alarm):
            os.close(descriptor)


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Iterator[Person]:
    monkeypatch.setattr(Backoff, "pauses", lambda _: itertools.repeat(0.001))
    own = Person()
    yield own
    own.close()


def reconnected(person: Person, reconnect: Callable[..., Any]) -> tuple[Outcome | wire.Connection, Reconnector]:
    attachment: Any = person
    reconnector = Reconnector(attachment, reconnect, 42, Backoff())
    return reconnector.run(), reconnector


def connection() -> wire.Connection:
    inbound, outbound = os.pipe()
    return wire.Connection(inbound, outbound)


def raised(*errors: Exception | wire.Connection) -> Callable[..., wire.Connection]:
    """Ways that fail one after the other, until there is one."""
    rest = list(errors)

    def attempt(*_: object, **_words: object) -> wire.Connection:
        error = rest.pop(0)
        if isinstance(error, Exception):
            raise error
        return error

    return attempt


def test_what_fails_for_the_link_s_sake_is_tried_again(person: Person) -> None:
    there = connection()
    found, reconnector = reconnected(person, raised(Unreachable("no"), TimedOut("no"), Unreachable("no"), there))
    assert found is there
    assert (person.down, reconnector.notice_shown, person.notices) == (1, False, [])
    there.close()


def test_it_is_told_what_is_missing_and_since_when(person: Person) -> None:
    arguments: list[object] = []
    there = connection()

    def attempt(*words: object, **_: object) -> wire.Connection:
        arguments.extend(words)
        return there

    reconnected(person, attempt)
    assert arguments == ["work", "box", "id", 42, 5.0]
    there.close()


def test_a_session_that_has_ended_meanwhile_ends_the_attachment_as_it_did(person: Person) -> None:
    found, _ = reconnected(person, raised(Unreachable("no"), Ended("ended", job_result(exit_code=9))))
    assert isinstance(found, Outcome)
    assert (found.kind, found.code, found.name, found.host) == ("ended", 9, "work", "box")


def test_anything_else_that_is_wrong_is_not_tried_again_and_told(person: Person) -> None:
    found, _ = reconnected(person, raised(NotDeployed("box has no sesh any more")))
    assert isinstance(found, Outcome)
    assert (found.kind, person.closing_lines) == ("lost", ["box has no sesh any more"])


def test_who_waits_is_told_after_a_moment_once(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconnect, "_NOTICE_AFTER", 0.02)
    enough = threading.Event()
    there = connection()

    def attempt(*_: object, **_words: object) -> wire.Connection:
        if enough.wait(0.001):
            return there
        if len(person.notices) > 0:
            enough.set()
        raise Unreachable("no")

    found, reconnector = reconnected(person, attempt)
    assert found is there
    assert reconnector.notice_shown
    assert len(person.notices) == 1
    assert "@box" in person.notices[0]
    there.close()


def test_who_leaves_leaves_at_once_and_a_connection_that_comes_late_is_closed(person: Person) -> None:
    late = connection()
    go = threading.Event()

    def attempt(*_: object, **_words: object) -> wire.Connection:
        os.write(person.keyboard, b"\x1c")
        go.wait(10)
        return late

    found, _ = reconnected(person, attempt)
    assert found is person.leaves
    assert late.inbound >= 0
    go.set()
    wait_until(lambda: late.inbound == -1)


def test_a_refused_login_is_not_tried_again(person: Person) -> None:
    found, _ = reconnected(person, raised(Unreachable("no"), LoginRefused("box asks"), ZeroDivisionError()))
    assert found is person.leaves
    assert person.lines == ["lost the link to @box; work keeps running", "box asks", "Enter tries again, Ctrl-C leaves"]


def test_a_refusal_beside_a_silent_link_is_the_last_word(person: Person) -> None:
    """Once that link counted as lost, four more logins were tried."""
    person.attempts = LoginRefused("box asks")
    found, _ = reconnected(person, raised())
    assert found is person.leaves


def test_typing_that_means_nothing_goes_on_waiting(person: Person) -> None:
    person.leaves = None
    there = connection()
    os.write(person.keyboard, b"x")
    found, _ = reconnected(person, raised(Unreachable("no"), there))
    assert found is there
    there.close()


def test_a_local_error_is_tried_again_and_named_in_the_notice(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full /tmp used to kill the thread, and nothing ever ended the wait."""
    monkeypatch.setattr(reconnect, "_NOTICE_AFTER", 0.02)
    there = connection()

    def attempt(*_: object, **_words: object) -> wire.Connection:
        if person.notices:
            return there
        raise OSError(28, "No space left on device")

    found, _ = reconnected(person, attempt)
    assert found is there
    assert "(No space left on device here)" in person.notices[0]
    there.close()


def test_a_fault_of_our_own_ends_the_wait_and_is_not_lost_in_the_thread(
    person: Person, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ZeroDivisionError):
        reconnected(person, raised(ZeroDivisionError()))
    assert capfd.readouterr() == ("", "")


def test_without_a_descriptor_to_wait_on_the_attachment_ends_with_the_reason(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full() -> tuple[int, int]:
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(os, "pipe", full)
        found, _ = reconnected(person, raised())
    assert isinstance(found, Outcome)
    assert (found.kind, person.closing_lines) == ("lost", ["cannot reconnect: Too many open files"])


# -- another link beside one that may be dead


class Doubted:
    """A link that may be dead: how often it was asked, and the race for another."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, attempt: Callable[..., wire.Connection]) -> None:
        monkeypatch.setattr(race, "ANSWER_TIME", 0.0)
        monkeypatch.setattr(race, "_STALE", 0.0)
        monkeypatch.setattr(Backoff, "pauses", lambda _: itertools.repeat(0.001))
        self.asked = 0
        self.timers = Timers()
        self.race = Race(self.ask, attempt, Backoff(), self.timers)

    def ask(self, question: bytes) -> None:
        self.asked += 1
        self.question = question

    @property
    def due(self) -> bool:
        """Whether another link is about to be opened."""
        return self.timers.is_set("race")

    def fail(self) -> None:
        """Race the link once, with attempts that bring no other."""
        self.race.doubt(0.0)
        self.timers.run()
        attempts = self.race.attempts
        assert attempts is not None
        wait_until(lambda: attempts.result is not None)
        assert self.race.won() is None

    def won(self) -> wire.Connection | Exception:
        found: list[wire.Connection | Exception] = []

        def now() -> bool:
            result = self.race.won()
            if result is not None:
                found.append(result)
            return bool(found)

        wait_until(now)
        return found[0]


def test_a_link_in_doubt_is_asked_once_and_another_is_opened_where_it_is_silent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    there = connection()
    doubted = Doubted(monkeypatch, raised(Unreachable("not yet"), there))
    doubted.race.doubt(0.0)
    doubted.race.doubt(0.0)
    assert doubted.asked == 1
    assert doubted.due
    doubted.timers.run()
    assert doubted.won() is there
    assert doubted.race.descriptor == -1
    there.close()


def test_the_other_link_is_closed_where_the_first_one_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    late = connection()
    go, ended = threading.Event(), threading.Event()

    def attempt(stop: Stop) -> wire.Connection:
        with stop.calling(ended.set):
            go.wait(10)
        return late

    doubted = Doubted(monkeypatch, attempt)
    doubted.race.doubt(0.0)
    doubted.timers.run()
    doubted.race.heard()
    assert ended.wait(10)
    assert doubted.race.won() is None
    go.set()
    wait_until(lambda: late.inbound == -1)
    assert not doubted.due


def test_a_link_that_answers_in_time_is_not_raced(monkeypatch: pytest.MonkeyPatch) -> None:
    doubted = Doubted(monkeypatch, raised())
    doubted.race.doubt(0.0)
    doubted.race.heard()
    assert not doubted.due
    assert doubted.race.attempts is None


def test_an_answer_counts_also_where_it_comes_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a link of 20 ms the answer came while what had been on its way might still come, and was passed over."""
    doubted = Doubted(monkeypatch, raised())
    monkeypatch.setattr(race, "_STALE", 60.0)
    doubted.race.doubt(0.0)
    doubted.race.heard()
    assert doubted.due
    doubted.race.answered(b"another")
    assert doubted.due
    doubted.race.answered(doubted.question)
    assert not doubted.due


def test_where_somebody_would_be_asked_the_link_is_only_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    doubted = Doubted(monkeypatch, raised(Refused("nobody is asked")))
    monkeypatch.setattr(race, "ASK_EVERY", 0.0)
    doubted.fail()
    doubted.race.doubt(0.0)
    assert doubted.asked == 2
    assert not doubted.due


def test_a_refusal_is_kept_until_the_link_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = LoginRefused("box asks")
    doubted = Doubted(monkeypatch, raised(refusal, ZeroDivisionError()))
    doubted.fail()
    assert doubted.race.take() is refusal
    doubted.race.heard()
    assert doubted.race.take() is None


def test_a_session_that_has_ended_meanwhile_wins_too(monkeypatch: pytest.MonkeyPatch) -> None:
    doubted = Doubted(monkeypatch, raised(Ended("ended", job_result(exit_code=3))))
    doubted.race.doubt(0.0)
    doubted.timers.run()
    assert isinstance(doubted.won(), Ended)
