"""sesh shows users what `shown.json` has recorded."""

from __future__ import annotations

import json

from tests.contract.shown import FILE, shown


def test_what_users_see_is_as_recorded() -> None:
    recorded, now = json.loads(FILE.read_text(encoding="utf-8")), shown()
    changed = [place for place in {**recorded, **now} if recorded.get(place) != now.get(place)]
    assert {place: (recorded.get(place), now.get(place)) for place in changed} == {}, (
        "if you mean that change: python -m tests.contract.shown"
    )
