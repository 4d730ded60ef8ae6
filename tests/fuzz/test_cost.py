"""No loop that meets a stranger's bytes takes more than time in proportion, nor is held up by 64 KiB of them."""

from __future__ import annotations

import random
import zlib

import pytest

from tests.fuzz.feeds import FEEDS, inputs
from tests.fuzz.targets import TARGETS
from tests.support import cost


@pytest.mark.thorough
@pytest.mark.parametrize("name", FEEDS)
def test_the_cost_grows_no_faster_than_the_bytes(name: str) -> None:
    feed = FEEDS[name]
    rng = random.Random(zlib.crc32(name.encode()))
    with cost.measuring(), feed.open() as check:
        said = cost.first_excess(check, inputs(feed, rng), feed.longest, feed.most)
    assert said is None, said


def test_every_target_is_tried_for_its_cost() -> None:
    covered = {name for feed in FEEDS.values() for name in feed.covers}
    assert covered == TARGETS.keys() - {"cost"}, "add what a new target tries to tests/fuzz/feeds.py"


@pytest.mark.thorough
def test_a_loop_whose_cost_grows_faster_is_seen() -> None:
    def quadratic(data: bytes) -> None:
        for at in range(0, len(data), 2):
            _ = data[at:].translate(None, b"b")  # slower than to copy, which hides its own growth

    def dear(data: bytes) -> None:
        for at in range(len(data) * 200):
            _ = at

    def linear(data: bytes) -> None:
        for _ in data:
            pass

    make = {"": cost.repeated(b"a", b"", b"")}
    with cost.measuring():
        assert cost.first_excess(quadratic, make) is not None
        assert cost.first_excess(dear, make) is not None
        assert cost.first_excess(linear, make) is None
