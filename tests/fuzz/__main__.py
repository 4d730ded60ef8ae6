"""`make fuzz MINUTES=n`, or `python -m tests.fuzz COMMAND`.

all [--minutes N] [--seed S] [TARGET…]    every target by turns, and the model of sessions; failures are kept
repeat FILE…                              kept cases again
model [--minutes N]                       sessions with several clients against a model
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from pathlib import Path

from tests.fuzz import loop, model
from tests.fuzz.targets import TARGETS


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("all", "model"):
        command = commands.add_parser(name)
        command.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
        command.add_argument("--minutes", type=float, default=5.0)
    # Python 3.10 looks for the default among the choices.
    commands.choices["all"].add_argument("targets", nargs="*", metavar="TARGET", choices=[*TARGETS, []], default=[])
    commands.add_parser("repeat").add_argument("files", nargs="+", type=Path, metavar="FILE")
    return parser.parse_args()


def _all(minutes: float, seed: int, names: list[str]) -> int:
    """Run every target by turns, then the model."""
    print(f"seed {seed}")
    tallies = loop.rounds([TARGETS[name] for name in names or TARGETS], minutes * 60 * (1.0 if names else 0.8), seed)
    print("in all:")
    for name, tally in tallies.items():
        print(f"{name:12} {tally}")
    good = not any(tally.failures for tally in tallies.values())
    if not names:
        good &= model.main(minutes * 60 * 0.2, seed) == 0
    return 0 if good else 1


def _repeat(files: list[Path]) -> int:
    """Run kept cases; an exception of one is shown as it is."""
    for path in files:
        case, target = path.read_bytes(), TARGETS[path.resolve().parent.name]
        with target.open() as check:  # some targets change the directory
            began = time.monotonic()
            check(case)
            print(f"{path} holds ({(time.monotonic() - began) * 1000:.0f} ms)")
    return 0


def main() -> int:
    """Carry out one command; return the exit code."""
    given = _arguments()
    if given.command == "repeat":
        return _repeat(given.files)
    if given.command == "model":
        return model.main(given.minutes * 60, given.seed)
    return _all(given.minutes, given.seed, given.targets)


if __name__ == "__main__":
    sys.exit(main())
