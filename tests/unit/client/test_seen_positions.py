"""The memory of a terminal is kept apart for each host, whatever its ids."""

from __future__ import annotations

import os

import pytest

from sesh.client.seen_positions import SeenPositions

TTY = "/dev/pts/of-a-test"


@pytest.fixture(autouse=True)
def directory(tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SESH_DIR", os.path.join(tmp_path, "sesh"))
    # The leader of the tests' session may be of another pid namespace, and has no pid then.
    monkeypatch.setattr(os, "getsid", lambda _: os.getpid())


def test_a_host_learns_of_its_own_sessions_alone() -> None:
    shown = SeenPositions(TTY)
    shown.record_leave(None, "aa11", 10)
    shown.record_leave("gpu", "bb22", 20)
    shown.record_leave("box", "cc33", 30)
    again = SeenPositions(TTY)
    assert again.positions(None) == {"aa11": 10}
    assert again.positions("gpu") == {"bb22": 20}
    assert again.positions("other") == {}


def test_a_host_that_answers_with_the_id_of_another_session_changes_nothing_of_that() -> None:
    shown = SeenPositions(TTY)
    shown.record_leave(None, "aa11", 10)
    shown.record_leave("gpu", "aa11", 3_000)
    shown.record_leave("box", "aa11", None)
    again = SeenPositions(TTY)
    assert again.positions(None) == {"aa11": 10}


@pytest.mark.parametrize("name", ["a b", "", "a\nb", "a\x1bb", "é", "a" * 65, "../x"])
def test_an_id_of_another_shape_costs_no_other_entry(name: str) -> None:
    shown = SeenPositions(TTY)
    shown.record_leave(None, "aa11", 10)
    shown.record_leave("gpu", name, 20)
    assert SeenPositions(TTY).positions(None) == {"aa11": 10}
    assert SeenPositions(TTY).positions("gpu") == {}
