"""Much of it: output of every kind by the megabyte, and frames by the million."""

from __future__ import annotations

import os
import random
import time
import zlib
from collections.abc import Iterator
from itertools import zip_longest

from sesh.daemon.screen.model import STEP_TIME
from sesh.queries import QueryScanner
from sesh.vt.emulator import Emulator
from tests.faults.daemons import resident
from tests.fuzz import frames, grammar, loop, terminals
from tests.fuzz.target import Target
from tests.fuzz.terminals import check_bounds, feed_in_time, path
from tests.unit.vt import test_fast_path
from tests.unit.vt.streams import cut

_PIECE = 64 << 10
"""What a daemon feeds its emulator at once, at most, while it keeps up."""
_SIZES = ((80, 24), (200, 60), (132, 10), (20, 5))
MIXED, RANDOM = "mixed", "random bytes"


def blocks(rng: random.Random, kind: str, size: int) -> Iterator[bytes]:
    """At least `size` bytes of one kind, of all kinds by turns, or of chance."""
    if kind == RANDOM:
        for _ in range(0, size, 200_000):
            yield rng.randbytes(min(size, 200_000))
    elif kind == MIXED:
        every = [grammar.flood(rng, each, size // len(grammar.KINDS)) for each in grammar.KINDS]
        for together in zip_longest(*every, fillvalue=b""):
            pieces = [piece for each in together for piece in cut(rng, each)]
            rng.shuffle(pieces)
            yield b"".join(pieces)
    else:
        yield from grammar.flood(rng, kind, size)


class Pair:
    """Two emulators that are given the same: one by the fast path in calls of bounded time, one by the full path."""

    def __init__(self, size: tuple[int, int]) -> None:
        self.quick, self.slow = Emulator(*size), Emulator(*size)
        self.longest = 0.0
        """Seconds of processor time of the dearest call."""

    def feed(self, rng: random.Random, block: bytes) -> None:
        """Gives both a block."""
        for at in range(0, len(block), _PIECE):
            self.longest = max(self.longest, feed_in_time(self.quick, block[at : at + _PIECE], STEP_TIME))
        with path(fast=False):
            at = 0
            while at < len(block):
                size = rng.choice((1, 7, 1000, 4096, 60_000))
                self.slow.feed(block[at : at + size])
                at += size

    def failure(self, rng: random.Random, block: bytes) -> Exception | None:
        """What is wrong after a further block: the states differ, there are errors, or bounds are passed."""
        try:
            self.feed(rng, block)
            for emulator in (self.quick, self.slow):
                check_bounds(emulator)
            assert self.quick.state() == self.slow.state(), "the paths differ"
        except Exception as error:
            return error
        return None


def kept(size: tuple[int, int], block: bytes) -> str:
    """How to repeat what failed after a block, where the block alone brings it about in one of the targets."""
    case = bytes([grammar.SIZES.index(size), 0]) + block
    for target in terminals.TARGETS:
        with target.open() as check:
            error = loop.failure(check, case)
            if error is not None:
                smaller = loop.cut_down(check, case, loop.kind_of(error), 60.0)
                return f"to repeat it: {loop.how_to_repeat(loop.keep(target, smaller))}"
    return "it takes what came before, too: run it again with that seed"


def output(megabytes: float, seed: int) -> int:
    """Output of every kind, some megabytes in all, given to emulators; prints a line for each kind."""
    kinds = (*grammar.KINDS, MIXED, RANDOM)
    share = int(megabytes * 1e6 / len(kinds))
    total, worst, began = 0, 0.0, time.monotonic()
    for kind in kinds:
        rng = random.Random(seed ^ zlib.crc32(kind.encode()))
        size = rng.choice(_SIZES)
        pair, scanner, done, spent = Pair(size), QueryScanner(), 0, time.process_time()
        for block in blocks(rng, kind, share):
            error = pair.failure(rng, block)
            if error is not None:
                print(f"{kind} FAILED at {done} bytes (seed {seed}): {error!r}\n{kept(size, block)}")
                return 1
            scanner = QueryScanner(scanner.carry)
            scanner.find(block)
            done += len(block)
        spent = time.process_time() - spent
        total, worst = total + done, max(worst, pair.longest)
        print(
            f"{kind:12} {size[0]}x{size[1]:<3} {done / 1e6:6.2f} MB {spent:7.1f} s, dearest call "
            f"{pair.longest * 1000:6.0f} ms, errors {pair.quick.errors + pair.slow.errors}",
            flush=True,
        )
    print(
        f"{total / 1e6:.1f} MB of {len(kinds)} kinds in {time.monotonic() - began:.0f} s (seed {seed}): no exception, "
        f"no difference between the paths, resident now {resident_now() >> 20} MB"
    )
    return 0


def paths(count: int, seed: int) -> int:
    """So many short random streams of all scripts, by the fast path and without it; prints how many took it."""
    taken, began = 0, time.monotonic()
    for number in range(seed, seed + count):
        taken += test_fast_path.compare(number)
    print(
        f"{count} streams in {time.monotonic() - began:.0f} s (seeds from {seed}), {taken} blocks by the fast path: no "
        f"difference"
    )
    return 0


def resident_now() -> int:
    """The memory of this very process, in bytes."""
    return resident(os.getpid())


def million(count: int, seed: int, target: Target) -> int:
    """So many frames to a live daemon; prints what became of it."""
    rng = random.Random(seed)
    cases = 0
    began = time.monotonic()
    with frames.live() as daemon:
        while daemon.frames < count:
            case = target.case(rng, [])
            error = loop.failure(daemon.check, case)
            cases += 1
            if error is not None:
                print(f"FAILED: {error!r}; to repeat it: {loop.how_to_repeat(loop.keep(target, case))}")
                return 1
            if cases % 2000 == 0:
                print(f"{daemon.frames} frames, {cases} connections, {daemon.largest >> 20} MB more", flush=True)
        took, grown, bound = time.monotonic() - began, daemon.largest / 1e6, frames.MOST_GROWTH / 1e6
        print(
            f"{daemon.frames} frames on {cases} connections in {took:.0f} s (seed {seed}): the daemon lives, without a"
        )
        print(f"fault, and had at most {grown:.1f} MB more (bound: {bound:.0f} MB)")
    return 0
