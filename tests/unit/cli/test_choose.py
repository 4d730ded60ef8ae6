"""Which of the waiting sessions comes next."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sesh.cli.choose import following

NAMES = st.sampled_from([(None, "a"), (None, "b"), ("box", "a"), ("box", "c")])


@given(st.dictionaries(NAMES, st.integers(0, 5)), NAMES)
def test_each_one_that_waits_comes_once_in_a_round(waiting: dict[tuple[str | None, str], float], last: object) -> None:
    seen = []
    at = last
    for _ in waiting:
        at = following(waiting, at)  # type: ignore[arg-type]
        seen.append(at)
    assert sorted(map(repr, seen)) == sorted(map(repr, waiting))
    if waiting and last not in waiting:
        assert waiting[seen[0]] == min(waiting.values())  # type: ignore[index]
