"""The memory of a terminal is kept apart for each host, whatever its ids."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping

import pytest

from sesh.client.seen_positions import SeenPositions
from sesh.client.terminal_queue import Given

TTY = "/dev/pts/of-a-test"


@pytest.fixture(autouse=True)
def directory(tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SESH_DIR", os.path.join(tmp_path, "sesh"))
    # The leader of the tests' session may be of another pid namespace, and has no pid then.
    monkeypatch.setattr(os, "getsid", lambda _: os.getpid())


def seen(shown: SeenPositions, host: str | None) -> Mapping[str, int]:
    return shown.told(host)["seen"]


def test_a_host_learns_of_its_own_sessions_alone() -> None:
    shown = SeenPositions(TTY)
    shown.record_leave(None, "aa11", Given(10))
    shown.record_leave("gpu", "bb22", Given(20))
    shown.record_leave("box", "cc33", Given(30))
    again = SeenPositions(TTY)
    assert seen(again, None) == {"aa11": 10}
    assert seen(again, "gpu") == {"bb22": 20}
    assert seen(again, "other") == {}


def test_a_host_that_answers_with_the_id_of_another_session_changes_nothing_of_that() -> None:
    shown = SeenPositions(TTY)
    shown.record_leave(None, "aa11", Given(10))
    shown.record_leave("gpu", "aa11", Given(3_000))
    shown.record_leave("box", "aa11", None)
    again = SeenPositions(TTY)
    assert seen(again, None) == {"aa11": 10}


@pytest.mark.parametrize("name", ["a b", "", "a\nb", "a\x1bb", "é", "a" * 65, "../x"])
def test_an_id_of_another_shape_costs_no_other_entry(name: str) -> None:
    shown = SeenPositions(TTY)
    shown.record_leave(None, "aa11", Given(10))
    shown.record_leave("gpu", name, Given(20))
    assert seen(SeenPositions(TTY), None) == {"aa11": 10}
    assert seen(SeenPositions(TTY), "gpu") == {}


def test_what_a_terminal_has_of_a_frame_is_told_beside_the_position() -> None:
    shown = SeenPositions(TTY)
    shown.record_leave(None, "aa11", Given(10_000, size=700, lines=40))
    shown.record_leave(None, "bb22", Given(20_000))
    assert SeenPositions(TTY).told(None) == {"seen": {"aa11": 10_000, "bb22": 20_000}, "begun": {"aa11": (700, 40)}}


def test_the_positions_that_an_earlier_sesh_has_recorded_are_read(tmp_path: os.PathLike[str]) -> None:
    shown = SeenPositions(TTY)
    shown.record_leave(None, "aa11", Given(10))
    folder = os.path.join(tmp_path, "sesh")
    (entry,) = os.listdir(folder)
    with open(os.path.join(folder, entry), encoding="utf-8") as file:
        assert json.load(file) == {"/aa11": 10}, "and an earlier sesh reads this"
    assert seen(SeenPositions(TTY), None) == {"aa11": 10}
