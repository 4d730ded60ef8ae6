"""Programs of a real session ask the desktop of whoever is attached."""

from __future__ import annotations

import os
import threading

import pytest

from sesh.ops import desk
from sesh.ops.desk import Answer
from sesh.wire.messages import Why, Wish
from tests.support import Home
from tests.support.desk import AttachedDesk, Stub


@pytest.fixture
def here(home: Home, work: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test is a caller on the session's machine."""
    monkeypatch.setenv("SESH_DIR", home.directory)


class Slow(Stub):
    """A desktop whose person takes their time."""

    def decide(self, exchange: object) -> None: ...


@pytest.mark.soak
@pytest.mark.usefixtures("here")
def test_megabytes_are_read_and_written_whole() -> None:
    content = os.urandom(5 << 20)
    with AttachedDesk("work") as person:
        person.desktop.clipboard = content
        assert desk.ask("work", Wish.READ, type_="image/png").data == content
        other = os.urandom(5 << 20)
        assert desk.ask("work", Wish.WRITE, other, type_="image/png").ok
        assert person.desktop.clipboard == other
    too_much = desk.ask("work", Wish.WRITE, b"x", type_="image/png")
    assert (too_much.ok, too_much.why) == (False, Why.NONE)


@pytest.mark.usefixtures("here")
def test_a_reload_in_the_middle_ends_a_wish_and_the_next_one_is_answered(home: Home) -> None:
    answers: list[Answer] = []
    with AttachedDesk("work", Slow()) as person:
        caller = threading.Thread(target=lambda: answers.append(desk.ask("work", Wish.READ, type_="text/plain")))
        caller.start()
        assert person.asked.wait(30)
        assert home.sesh("reload", "work").code == 0
        caller.join(30)
        assert [answer.why for answer in answers] == [Why.GONE]
        assert "work was reloaded" in answers[0].told["words"]
        person.desktop.decide = person.desktop.exchanges.begin  # type: ignore[method-assign]
        answer = desk.ask("work", Wish.READ, type_="text/plain")
        assert answer.data == b"content"
        assert person.reloads == 1
