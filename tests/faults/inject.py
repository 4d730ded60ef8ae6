"""`python -m tests.faults.inject`: every system call that can fail is made to, one after the other and in pairs.

For each scenario a run without faults yields the sites. Each site fails with each error that it can give, at its first
call and at a later one. A pair is two such faults, or one fault and another one a few calls after it, whatever is
called there: that is where errors are handled. `--sample N` takes N of each kind, by `--seed`.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.faults.stage import SCENARIOS, Plan, Sites, Stage, Verdict
from tests.support import Home

NEXT = 6
"""Calls after the first fault of a pair among which the second one is."""


@contextmanager
def staged() -> Iterator[Stage]:
    """A stage in a home of its own, which is also this process's."""
    home = Home()
    home.strict = False
    before = {key: os.environ.get(key) for key in ("HOME", "SESH_DIR")}
    os.environ |= {"HOME": home.path, "SESH_DIR": home.directory}
    stage = Stage(home)
    try:
        yield stage
    finally:
        stage.close()
        home.close()
        for key, value in before.items():
            os.environ.pop(key) if value is None else os.environ.__setitem__(key, value)


def singles(sites: Sites) -> list[Plan]:
    """Each site with each of its errors, at its first call and at one in the middle."""
    return [
        [{"site": site, "nth": nth, "error": error}]
        for site, (count, errors) in sorted(sites.items())
        for error in errors
        for nth in sorted({1, 1 + count // 2})
    ]


def pairs(plans: list[Plan], count: int, chance: random.Random) -> list[Plan]:
    """So many pairs; one half are two faults of the list, one half a fault and what comes after it."""
    chosen = []
    for at in range(count):
        first = dict(chance.choice(plans)[0])
        second = {**chance.choice(plans)[0]}
        if at % 2:
            second = {"after": chance.randint(1, NEXT), "error": second["error"]}
        chosen.append([first, second])
    return chosen


def broken(verdicts: Iterable[tuple[str, Plan, Verdict]]) -> list[str]:
    """What went wrong, a paragraph for each run."""
    found = []
    for scenario, plan, verdict in verdicts:
        if verdict.complaints:
            what = "\n    ".join(verdict.complaints)
            found.append(f"{scenario} {plan}\n  fired: {verdict.fired}\n  notes: {verdict.notes}\n    {what}")
    return found


def played(stage: Stage, scenario: str, plans: Iterable[Plan]) -> Iterator[tuple[str, Plan, Verdict]]:
    """Plays a scenario under each plan."""
    for plan in plans:
        yield scenario, plan, stage.play(SCENARIOS[scenario], plan)


def sites_of(stage: Stage, scenario: str) -> Sites:
    """The sites that a scenario reaches. The first run loads what later ones have loaded, so there are two."""
    found: dict[str, Any] = {}
    for _ in range(2):
        verdict = stage.play(SCENARIOS[scenario], [])
        assert not verdict.complaints, verdict.complaints
        found.update(verdict.sites)
    return found


def main() -> int:
    """Plays what the command line names; prints what was wrong and the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.inject", description=__doc__)
    parser.add_argument("scenarios", nargs="*", default=list(SCENARIOS))
    parser.add_argument("--sample", type=int, help="single faults of each scenario (default: all)")
    parser.add_argument("--pairs", type=int, default=500, help="pairs of each scenario")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--part", default="0/1", help="K/N: the K-th of N parts of the work, counted from 0")
    parser.add_argument("--site", default="", help="only single faults whose site or error holds this text")
    words = parser.parse_args()
    part, parts = map(int, words.part.split("/"))
    wrong = 0
    with staged() as stage:
        for scenario in words.scenarios:
            began, chance = time.monotonic(), random.Random(f"{words.seed} {scenario}")
            sites = sites_of(stage, scenario)
            every = singles(sites)
            ones = every if words.sample is None else chance.sample(every, min(words.sample, len(every)))
            if words.site:
                ones, words.pairs = [one for one in ones if words.site in f"{one[0]['error']} {one[0]['site']}"], 0
            twos = pairs(every, words.pairs, chance)
            runs = fired = 0
            for row in played(stage, scenario, (ones + twos)[part::parts]):
                runs, fired = runs + 1, fired + len(row[2].fired)
                for story in broken([row]):
                    wrong += 1
                    print(story, flush=True)
            print(
                f"{scenario}: {len(sites)} sites, {len(every)} faults; {runs} runs ({len(ones)} single, "
                f"{len(twos)} pairs, part {words.part}), {fired} fired, {wrong} wrong, "
                f"{time.monotonic() - began:.0f} s",
                flush=True,
            )
    return min(wrong, 1)


if __name__ == "__main__":
    sys.exit(main())
