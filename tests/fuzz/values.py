"""JSON with a few values changed to unexpected ones, some of another type."""

from __future__ import annotations

import random
from typing import Any

LONG = ("x" * 300, "x" * 5000, "é" * 300, "a/" * 3000, "0" * 300)
ODD_TEXTS: tuple[str, ...] = (
    *LONG, "", "\0", "a\0b", "\ud800", "\udcff", "\x1b]0;t\x07\n", "\u202e", "..", "../x", "-x", "a b", "a=b", "~", "/",
    "1e300", "-1", "9999999999999-13-41", "9999-12-31T23:59:59Z", "2026-01-01T00:00:00Z", "none", "work", "NaN",
)  # fmt: skip
ODD_NUMBERS: tuple[Any, ...] = (
    -1, 0, 1, 255, 256, 65536, 2**31 - 1, 2**31, 2**53, 2**63, 2**64, 10**30, -(2**63), 10**4000, 0.5, -0.5, 1e15,
    1e300, -1e300, float("nan"), float("inf"), float("-inf"),
)  # fmt: skip
OF_OTHER_TYPES: tuple[Any, ...] = (
    None, True, False, [], [[]], {}, {"a": 1}, [1], ["x"], [None], [{}], {"": None}, [["x"]], {"n": 1},
)  # fmt: skip
ODD = (*ODD_TEXTS, *ODD_NUMBERS, *OF_OTHER_TYPES)


def other(rng: random.Random, value: Any) -> Any:
    """Return another value in place of this one, mostly of its type."""
    if rng.random() < 0.3:
        return rng.choice(ODD)
    if isinstance(value, str):
        return rng.choice((*ODD_TEXTS, value * 100, value + "\0", value + "\ud800"))
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return rng.choice((*ODD_NUMBERS, -value, str(value)))
    if isinstance(value, list):
        return rng.choice(([*value, rng.choice(ODD)], value * 300, value[1:], [value], list(reversed(value))))
    if isinstance(value, dict):
        return rng.choice(({**value, rng.choice(ODD_TEXTS): rng.choice(ODD)}, [value], {"a": value}))
    return rng.choice(ODD)


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Return each place in a value: the list or object, and the index or key."""
    if isinstance(value, dict):
        return [place for key in value for place in [(value, key), *_places(value[key])]]
    if isinstance(value, list):
        return [place for at, each in enumerate(value) for place in [(value, at), *_places(each)]]
    return []


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copied(each) for key, each in value.items()}
    return [_copied(each) for each in value] if isinstance(value, list) else value


def changed(rng: random.Random, value: Any, most: int = 2) -> Any:
    """Return a copy with up to `most` places changed or removed, at any depth."""
    value = _copied(value)
    for _ in range(rng.randint(0, most)):
        places = _places(value)
        if not places:
            break
        holder, key = rng.choice(places)
        if rng.random() < 0.15:
            del holder[key]
        else:
            holder[key] = _copied(other(rng, holder[key]))
    return value
