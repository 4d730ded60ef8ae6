"""Sessions that have no daemon, and go for good meanwhile."""

from __future__ import annotations

import pytest

from sesh import paths
from sesh.errors import NotFound
from sesh.ops import dormant
from sesh.reach import find
from sesh.store import records

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
