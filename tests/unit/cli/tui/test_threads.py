"""What a full-screen list is drawn from is changed by the thread that draws alone."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, cast

import pytest

from sesh.cli.tui.live import Key
from sesh.cli.tui.picker import _Picker
from sesh.schema import Summary

OLD: Key = (None, "old")
NEW: Key = (None, "new")


class Live:
    """One session, and the requests to it; `act` carries out the last one in a thread, as a host would be asked."""

    def __init__(self) -> None:
        self.tell: Callable[[object, str], None] = lambda *_: None
        self._question: Callable[[Any], object] = lambda _: None

    def all(self) -> dict[Key, Summary]:
        return {OLD: cast("Summary", {"name": "old", "state": "running"})}

    def ask(self, _key: Key, question: Callable[[Any], object], tell: Callable[[object, str], None]) -> None:
        self._question, self.tell = question, tell

    def call(self, _op: object, **_words: object) -> None:
        """The session's machine has renamed it."""

    def act(self) -> None:
        thread = threading.Thread(target=self._question, args=(self,))
        thread.start()
        thread.join()


@pytest.mark.usefixtures("sessions")
@pytest.mark.parametrize(("problem", "key"), [("", NEW), ("no answer", OLD)])
def test_a_session_has_its_new_name_once_the_list_is_told_of_it(problem: str, key: Key) -> None:
    """A thread changed what the picker was just going through, which ended it by a RuntimeError."""
    live = Live()
    picker = _Picker(cast("Any", None), cast("Any", live), None, [])
    picker._filter()
    picker._rename(OLD, "new")
    live.act()
    assert (list(picker._sessions()), picker._mark) == ([OLD], OLD)
    live.tell(None, problem)
    assert (list(picker._sessions()), picker._mark) == ([key], key)
