"""The target of cost: random words, again and again, for every loop and every pattern that meets a stranger's bytes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

from tests.fuzz.feeds import FEEDS, Feed
from tests.fuzz.pumps import random_pump
from tests.fuzz.target import Check, Target
from tests.house import test_patterns
from tests.house.patterns import expressions
from tests.support import cost

_WORDS = 6
"""Words that are repeated together, at most."""


def _make(rng: random.Random) -> bytes:
    return rng.randbytes(rng.randint(5, 5 + _WORDS))


def _check_feed(feed: Feed, case: bytes) -> None:
    head, tail, *chosen = (feed.words[number % len(feed.words)] for number in case)
    word = b"".join(chosen)[: cost.LONGEST // 64]
    for make in (cost.repeated(word, b"", b""), cost.repeated(word, head, tail)):
        with feed.open() as check:
            said = cost.first_excess(check, {"": make}, feed.longest, feed.most)
        assert said is None, f"{feed.name}, {head!r}, {word!r}, {tail!r}: {said}"


def _check(case: bytes) -> None:
    """What a case says: which feed or pattern, and by which words."""
    number, rest = int.from_bytes(case[:2], "big"), (case[2:] + b"\0\0\0")[: 2 + _WORDS]
    found = expressions()[0]
    number %= len(FEEDS) + len(found)
    if number < len(FEEDS):
        _check_feed([*FEEDS.values()][number], rest)
        return
    each = found[number - len(FEEDS)]
    pump = random_pump(each.pattern, random.Random(rest))
    for method in each.methods:
        run, make = test_patterns.call(each.pattern, method), test_patterns.texts(each.pattern, pump)
        said = cost.first_excess(run, {str(tuple(pump)): make})
        assert said is None, f"{each.place}: {method} of {said}"


@contextmanager
def _opened() -> Iterator[Check]:
    with cost.measuring():
        yield _check


TARGETS = (Target("cost", _make, _opened, slow=True),)
