"""Sessions that have no daemon, go for good meanwhile, or are started again."""

from __future__ import annotations

import pytest

from sesh import paths
from sesh.errors import NotFound
from sesh.ops import dormant
from sesh.reach import find
from sesh.store import records
from sesh.vt.emulator import Emulator

pytestmark = pytest.mark.usefixtures("sessions")


def test_a_record_that_goes_while_its_session_is_renamed_leaves_none_under_the_new_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A record with nothing but the new name was written."""
    paths.ready_directory()
    monkeypatch.setattr(find, "dormant", lambda _name: {"name": "old", "state": "lost"})
    with pytest.raises(NotFound):
        dormant.rename("old", "new")
    assert records.read("new") is None


def with_lines(count: int) -> Emulator:
    terminal = Emulator(80, 24, max_lines=1_000_000)
    terminal.feed(b"".join(b"%09d\r\n" % number for number in range(count)))
    return terminal


def test_all_lines_stand_there_if_they_are_few_enough() -> None:
    for count in (0, 1, 999, 1000, 1001, 5000):
        assert dormant._last_of(with_lines(count)) == [f"{number:09}" for number in range(count)]


def test_of_a_million_lines_only_about_those_are_made_that_will_stand_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dormant, "_MOST_ABOVE", 9 * 3000)
    terminal, made = with_lines(50_000), []
    last_lines = terminal.last_lines

    def counted(count: int, *, ansi: bool) -> list[str]:
        made.append(count)
        return last_lines(count, ansi=ansi)

    monkeypatch.setattr(terminal, "last_lines", counted)
    assert dormant._last_of(terminal) == [f"{number:09}" for number in range(47_000, 50_000)]
    assert sum(made) <= 4 * 3000
