"""The loop that tries cases for a time, and keeps a smaller form of failures."""

from __future__ import annotations

import hashlib
import os
import random
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.fuzz.target import SEEDS, Check, Target
from tests.support import ROOT

CUT_DOWN_FOR = 10.0
"""Seconds that are spent on making a case smaller."""
MAX_FAILURES = 5
"""Failures of different kinds after which a target is left alone."""


@dataclass
class Tally:
    """The tried cases of a target, and the path of a seed for each failure.

    `longest`: seconds of the longest call that blocks an event loop, if the check measures this.
    """

    cases: int = 0
    bytes: int = 0
    seconds: float = 0.0
    longest: float = 0.0
    failures: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        rate = self.cases / self.seconds if self.seconds else 0.0
        return (
            f"{self.cases} cases, {self.bytes / 1e6:.1f} MB, {rate:.0f} a second, "
            f"{len(self.failures)} failures" + f", longest call {self.longest * 1000:.1f} ms" * (self.longest > 0)
        )


def kind_of(error: BaseException) -> str:
    """Return what distinguishes failures: the exception's type, and this project's innermost line in its traceback."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(ROOT)]
    place = frames[-1] if frames else None
    return f"{type(error).__name__} at {os.path.relpath(place.filename, ROOT)}:{place.lineno}" if place else repr(error)


def failure(check: Check, case: bytes, tally: Tally | None = None) -> Exception | None:
    """Return the exception of a case that fails; None if the case holds."""
    try:
        longest = check(case) or 0.0
        if tally is not None:
            tally.longest = max(tally.longest, longest)
    except Exception as error:
        return error
    return None


def cut_down(check: Check, case: bytes, kind: str, seconds: float = CUT_DOWN_FOR) -> bytes:
    """Return a smaller case that fails in the same way, by leaving out parts."""
    deadline = time.monotonic() + seconds
    size = max(1, len(case) // 2)
    while True:
        at, smaller = 0, False
        while at < len(case):
            if time.monotonic() > deadline:
                return case
            tried = case[:at] + case[at + size :]
            error = failure(check, tried)
            if error is not None and kind_of(error) == kind:
                case, smaller = tried, True
            else:
                at += size
        if size == 1 and not smaller:
            return case
        size = max(1, size // 2) if not smaller else size


def keep(target: Target, case: bytes) -> str:
    """Write a case as a seed; return its path from the root of the project."""
    path = SEEDS / target.name / f"{hashlib.sha256(case).hexdigest()[:12]}.bin"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(case)
    return os.path.relpath(path, ROOT)


def how_to_repeat(path: str) -> str:
    """Return the command that runs one seed again."""
    return f"python -m tests.fuzz repeat {path}"


def turn(target: Target, check: Check, rng: random.Random, seconds: float, tally: Tally) -> None:
    """Try cases of one target for a time, and report each kind of failure once."""
    known = [path.read_bytes() for path in target.seeds()]
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        case = target.case(rng, known)
        error = failure(check, case, tally)
        tally.cases += 1
        tally.bytes += len(case)
        if error is None or (kind := kind_of(error)) in tally.failures:
            continue
        path = keep(target, cut_down(check, case, kind))
        tally.failures[kind] = path
        text = "".join(traceback.format_exception(error)[-3:])
        print(f"{target.name} FAILED: {kind}\n{text}to repeat it: {how_to_repeat(path)}", flush=True)
        if target.slow or len(tally.failures) >= MAX_FAILURES:
            break  # the failure may have harmed what the target needs, such as a daemon
    tally.seconds += time.monotonic() - began


def rounds(
    targets: Sequence[Target], seconds: float, seed: int, say: Callable[[str], None] = print
) -> dict[str, Tally]:
    """Run all targets by turns until the time is over; return the tally of each."""
    tallies = {target.name: Tally() for target in targets}
    rng = random.Random(seed)
    deadline = time.monotonic() + seconds
    share = min(20.0, seconds / len(targets))
    while time.monotonic() < deadline:
        for target in targets:
            tally = tallies[target.name]
            left = deadline - time.monotonic()
            if left <= 0 or len(tally.failures) >= MAX_FAILURES:
                continue
            with target.open() as check:
                turn(target, check, rng, min(share, left), tally)
            say(f"{target.name}: {tally}")
        if all(len(tally.failures) >= MAX_FAILURES for tally in tallies.values()):
            break
    return tallies
