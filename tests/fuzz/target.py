"""A target of fuzzing: how to make its cases, what must hold, its kept seeds.

A case is bytes, so that it can be kept in a file, cut down and run again. A check raises if something does not hold.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.mutation import mutated

Check = Callable[[bytes], float | None]
"""Check a case; return the seconds of the longest call that blocks an event loop, if they are measured."""

SEEDS = Path(__file__).with_name("seeds")
#: The longest case of random bytes.
MAX_RANDOM = 200


@dataclass(frozen=True)
class Target:
    """One part of sesh that takes bytes from elsewhere.

    `make` returns a case of the target's own grammar. `open` yields the check, and keeps what it needs, such as a
    daemon. Mutation puts `words` into cases. A `slow` target takes milliseconds for a case.
    """

    name: str
    make: Callable[[random.Random], bytes]
    open: Callable[[], AbstractContextManager[Check]]
    words: tuple[bytes, ...] = ()
    slow: bool = False

    def seeds(self) -> list[Path]:
        return sorted(path for path in (SEEDS / self.name).glob("*") if path.is_file())

    def case(self, rng: random.Random, known: list[bytes]) -> bytes:
        """Return a case of the grammar, a changed one, or random bytes."""
        chance = rng.random()
        if chance < 0.1:
            return rng.randbytes(rng.randint(0, MAX_RANDOM))
        if chance < 0.5:
            return self.make(rng)
        base = rng.choice(known) if known and chance < 0.65 else self.make(rng)
        return mutated(rng, base, self.words, known)


def pure(name: str, make: Callable[[random.Random], bytes], check: Check, words: tuple[bytes, ...] = ()) -> Target:
    """Return a target that needs nothing but its check."""
    return Target(name, make, lambda: nullcontext(check), words)
