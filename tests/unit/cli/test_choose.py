"""Which of the waiting sessions comes next."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sesh.cli.choose import following
from sesh.schema import Place

PLACES = st.sampled_from([Place(None, "a"), Place(None, "b"), Place("box", "a"), Place("box", "c")])


@given(st.dictionaries(PLACES, st.integers(0, 5)), PLACES)
def test_each_one_that_waits_comes_once_in_a_round(waiting: dict[Place, float], last: Place) -> None:
    seen = []
    at: Place | None = last
    for _ in waiting:
        at = following(waiting, at)
        seen.append(at)
    assert sorted(map(repr, seen)) == sorted(map(repr, waiting))
    if waiting and last not in waiting:
        assert waiting[seen[0]] == min(waiting.values())  # type: ignore[index]
