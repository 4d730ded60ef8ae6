"""Each target for a short while: the kept seeds, cases of its grammar, and what hypothesis thinks of."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz import loop
from tests.fuzz.target import Target, pure
from tests.fuzz.targets import TARGETS
from tests.support import rounds

CASES = rounds(20, 150)
#: Of a target that takes milliseconds for each.
SLOW_CASES = rounds(3, 12)


def cases(target: Target) -> st.SearchStrategy[bytes]:
    """Cases of a target: random bytes, its grammar's, and changed ones. Those are numbers, which shrink badly."""
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


def test_a_failure_is_cut_down_and_kept_and_can_be_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def check(case: bytes) -> None:
        assert b"\x1b" not in case or b"Z" not in case

    monkeypatch.setattr(loop, "SEEDS", tmp_path)
    target = pure("toy", lambda rng: b"x" * 50 + b"\x1b" + rng.randbytes(100) + b"Z" + b"y" * 50, check)
    tally = loop.Tally()
    loop.turn(target, check, random.Random(1), 0.2, tally)
    (path,) = (tmp_path / "toy").iterdir()
    assert sorted(path.read_bytes()) == sorted(b"\x1bZ")
    assert len(tally.failures) == 1
    assert f"python -m tests.fuzz repeat {tally.failures.popitem()[1]}" in capsys.readouterr().out
