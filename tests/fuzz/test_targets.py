"""Short runs of each target: kept seeds, cases of its grammar, and hypothesis's own."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz import loop
from tests.fuzz.target import Target
from tests.fuzz.targets import TARGETS
from tests.support import rounds

CASES = rounds(40, 150)
#: Cases of a target that takes milliseconds for each case.
SLOW_CASES = rounds(3, 12)


def cases(target: Target) -> st.SearchStrategy[bytes]:
    """Return random bytes, and cases made from a number, which shrink badly."""
    known = [path.read_bytes() for path in target.seeds()]
    numbers = st.integers(0, 2**32)
    return st.one_of(st.binary(max_size=200), numbers.map(lambda seed: target.case(random.Random(seed), known)))


@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@pytest.mark.parametrize("name", [*TARGETS])
def test_every_case_holds(name: str) -> None:
    target = TARGETS[name]
    with target.open() as check:

        @settings(max_examples=SLOW_CASES if target.slow else CASES, database=None)
        @given(cases(target))
        def run(case: bytes) -> None:
            check(case)

        run()


@pytest.mark.parametrize("name", [name for name, target in TARGETS.items() if target.seeds()])
def test_what_failed_once_holds(name: str) -> None:
    target = TARGETS[name]
    with target.open() as check:
        for path in target.seeds():
            error = loop.failure(check, path.read_bytes())
            assert error is None, f"{loop.how_to_repeat(str(path))}: {error!r}"
