"""`make fuzz MINUTES=n`, or `python -m tests.fuzz COMMAND`.

all [--minutes N] [--seed S] [TARGET…]    every target by turns, the model of sessions, the echo; failures are kept
repeat FILE…                              kept cases again
output [--megabytes N]                    output of every kind, fast path against full path
paths [--count N]                         short random streams of all scripts, fast path against full path
frames [--count N]                        frames to a live daemon
echo [--minutes N] [KIND…]                how long a person waits for a key's echo meanwhile
typing [--count N] [--keys N]             typing on a slow link, with prediction and without; keys at silent prompts
model [--minutes N]                       sessions with several clients against a model
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from pathlib import Path

from tests.fuzz import echo, grammar, loop, volume
from tests.fuzz.targets import TARGETS


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("all", "echo", "model", "output", "paths", "frames", "typing"):
        command = commands.add_parser(name)
        command.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
        if name in ("all", "echo", "model"):
            command.add_argument("--minutes", type=float, default=5.0)
    commands.choices["all"].add_argument("targets", nargs="*", metavar="TARGET", default=[])
    commands.choices["echo"].add_argument("kinds", nargs="*", metavar="KIND", default=[])
    commands.choices["output"].add_argument("--megabytes", type=float, default=100.0)
    commands.choices["paths"].add_argument("--count", type=int, default=100_000)
    commands.choices["typing"].add_argument("--count", type=int, default=1000)
    commands.choices["typing"].add_argument("--keys", type=int, default=10_000)
    commands.choices["frames"].add_argument("--count", type=int, default=1_000_000)
    commands.add_parser("repeat").add_argument("files", nargs="+", type=Path, metavar="FILE")
    return parser.parse_args()


def _all(minutes: float, seed: int, names: list[str]) -> int:
    """Every target by turns, then the model, then the echo."""
    print(f"seed {seed}")
    unknown = sorted(set(names) - set(TARGETS))
    if unknown:
        print(f"unknown: {' '.join(unknown)}; known: {' '.join(TARGETS)}")
        return 2
    whole = not names
    tallies = loop.rounds([TARGETS[name] for name in names or TARGETS], minutes * 60 * (0.75 if whole else 1.0), seed)
    print("in all:")
    for name, tally in tallies.items():
        print(f"{name:12} {tally}")
    good = not any(tally.failures for tally in tallies.values())
    if whole:
        good &= _model(minutes * 0.15, seed) == 0
        echo.main(minutes * 60 * 0.1, seed, tuple(grammar.KINDS))
    return 0 if good else 1


def _model(minutes: float, seed: int) -> int:
    from tests.fuzz import model

    return model.main(minutes * 60, seed)


def _repeat(files: list[Path]) -> int:
    """Runs kept cases; an exception of one is shown as it is."""
    for path in files:
        target = TARGETS[path.resolve().parent.name]
        with target.open() as check:
            began = time.monotonic()
            check(path.read_bytes())
            print(f"{path} holds ({(time.monotonic() - began) * 1000:.0f} ms)")
    return 0


def main() -> int:
    """Carries out one command; the exit code."""
    given = _arguments()
    if given.command == "repeat":
        return _repeat(given.files)
    if given.command == "output":
        return volume.output(given.megabytes, given.seed)
    if given.command == "paths":
        return volume.paths(given.count, given.seed)
    if given.command == "frames":
        return volume.million(given.count, given.seed, TARGETS["frames"])
    if given.command == "echo":
        return echo.main(given.minutes * 60, given.seed, tuple(given.kinds) or tuple(grammar.KINDS))
    if given.command == "typing":
        from tests.fuzz import typing

        return typing.main(given.count, given.keys, given.seed)
    if given.command == "model":
        return _model(given.minutes, given.seed)
    return _all(given.minutes, given.seed, given.targets)


if __name__ == "__main__":
    sys.exit(main())
