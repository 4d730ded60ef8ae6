"""No regular expression of the product takes more than time in proportion to a text, whatever the text."""

from __future__ import annotations

import random
import re
import zlib
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from tests.fuzz.pumps import Pump, pumps
from tests.house.patterns import Expression, aliases, expressions, paths
from tests.house.source import Module, modules
from tests.support import cost


class Excuse(NamedTuple):
    """Why a pattern may be slow: it meets no more than `bound` characters, for a reason."""

    bound: int
    reason: str


_THROUGH = ("findall", "finditer", "split", "sub", "subn")
"""Methods that look for every match of a text: all by the same search."""
#: By the path and the name of the pattern.
EXCUSED: dict[tuple[str, str], Excuse] = {}


def call(pattern: re.Pattern[Any], method: str) -> Callable[[Any], object]:
    """What calls a method of a pattern with a text, to the end."""
    if method == "finditer":
        return lambda text: deque(pattern.finditer(text), 0)
    if method in ("sub", "subn"):
        return lambda text: pattern.sub(text[:0], text)
    called: Callable[[Any], object] = getattr(pattern, method)
    return called


def texts(pattern: re.Pattern[Any], pump: Pump) -> Callable[[int], Any]:
    """The inputs of a pump, as the pattern takes them."""
    if isinstance(pattern.pattern, bytes):
        head, word, tail = (each.encode("latin-1") for each in pump)
        return cost.repeated(word, head, tail)
    return cost.repeated(pump.word, pump.head, pump.tail)


def slow(pattern: re.Pattern[Any], methods: tuple[str, ...], longest: int = cost.LONGEST) -> str | None:
    """The first input on which a pattern costs too much, and what it costs; None where there is none."""
    rng = random.Random(zlib.crc32(repr(pattern.pattern).encode()))
    inputs = {str(tuple(pump)): texts(pattern, pump) for pump in pumps(pattern, rng)}
    through = [method for method in methods if method in _THROUGH]
    for method in [*through[:1], *(method for method in methods if method not in _THROUGH)]:
        if (said := cost.first_excess(call(pattern, method), inputs, longest)) is not None:
            return f"{method} of {said}"
    return None


def test_every_pattern_of_the_product_is_reached() -> None:
    found, missed = expressions()
    assert not missed, f"compiled of a function's own names: {missed}"
    assert [place for module in modules() for place in aliases(module)] == []
    assert len(found) > 50


@pytest.mark.parametrize("path", paths())
def test_every_pattern_takes_time_in_proportion(path: str) -> None:
    found: list[Expression] = [each for each in expressions()[0] if each.path == path]
    bad = []
    with cost.measuring():
        for each in found:
            excuse = EXCUSED.get((path, each.name))
            said = slow(each.pattern, each.methods, excuse.bound if excuse else cost.LONGEST)
            if said is not None:
                bad.append(f"{each.place}: {said}")
    assert not bad, "\n".join(bad)


def test_each_excuse_is_needed() -> None:
    with cost.measuring():
        for key in EXCUSED:
            found = [each for each in expressions()[0] if (each.path, each.name) == key]
            assert found, f"there is no pattern {key}"
            assert any(slow(each.pattern, each.methods) for each in found), f"{key} needs no excuse"


@pytest.mark.parametrize(
    ("pattern", "method", "bad"),
    [
        (r"(a+)+$", "match", True),
        (r"\s+$", "search", True),
        (r"(a|aa)+b", "fullmatch", True),
        (rb"(?:\x1b\[[0-9;]*m|\x1b\(B)+(?:[%#] +\r \r)\Z", "finditer", True),
        (r'"""(?:\\.|[^\\])*?"{3,5}', "finditer", True),
        (r"<!--.*-->", "search", True),
        (r"[ab]*[bc]*[cd]*x", "match", True),
        (r"\s+$", "match", False),
        (r"[a-z]+|[0-9]+", "finditer", False),
        (rb"\x1b\[[0-9;]*m", "finditer", False),
    ],
)
def test_a_slow_pattern_is_seen(pattern: str | bytes, method: str, bad: bool) -> None:
    with cost.measuring():
        said = slow(re.compile(pattern), (method,), 16 << 10)
    assert (said is not None) == bad, said


def test_a_pattern_that_is_not_reached_and_a_hidden_one_are_seen() -> None:
    hidden = Module("sesh/x.py", "", "sesh.x", "import re as regex\nfrom re import compile\nimport re\n")
    assert aliases(hidden) == ["sesh/x.py:1", "sesh/x.py:2"]
