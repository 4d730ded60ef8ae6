"""The sessions of this machine as an open list sees them."""

from __future__ import annotations

import pytest

from sesh import wire
from sesh.ops import local_index
from tests.support import Home, wait_until


def test_what_happens_before_a_session_is_followed_is_seen_without_a_poll(
    home: Home, inside: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.sesh("--open", "work", "--", "sh", "-c", "read x; printf '\\a'; read x")
    begin = local_index._events_of

    def late(name: str) -> wire.Connection | None:
        home.sesh("--send", name, "", "--enter")
        wait_until(lambda: (home.summary(name)["unseen"] or {}).get("bells"))
        return begin(name)

    monkeypatch.setattr(local_index, "_events_of", late)
    monkeypatch.setattr(local_index, "POLL", 1000.0)
    reports = local_index.watch()
    for bells in (0, 1):
        assert [row["unseen"]["bells"] for row in next(reports) if row["unseen"]] == [bells]
    reports.close()  # type: ignore[attr-defined]
