"""The figures of fidelity: `python -m tests.fidelity [--tmux]`.

The share of streams that an independent emulator shows alike, from the bytes themselves and from a replay: streams
of programs cut at several points, and 1,000 random ones. With --tmux, for the screen alone, also what it shows after
attaching to tmux.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from typing import Any

from sesh.daemon.emulator import Emulator
from sesh.daemon.replay import replay
from tests.fidelity.test_programs import COLUMNS, ROWS, STREAMS, cuts
from tests.fidelity.test_xterm import LACKS, OTHERWISE, seen, stream
from tests.fidelity.xterm import Xterm, place
from tests.fidelity.yardstick import attached

Case = tuple[str, bytes, int, int]


def programs(count: int) -> Iterator[Case]:
    """The recorded streams, each cut at some points."""
    for path in STREAMS:
        data = path.read_bytes()
        for end in cuts(data, count):
            yield f"{path.stem}[:{end}]", data[:end], COLUMNS, ROWS


def randoms(count: int) -> Iterator[Case]:
    """Random streams of the grammar."""
    for seed in range(count):
        rng = random.Random(seed)
        columns, rows = rng.choice(((20, 5), (10, 4), (7, 3), (30, 6)))
        yield f"random {seed}", stream(rng, rng.choice((10, 30, 60))), columns, rows


def replayed(xterm: Xterm, case: Case) -> bool:
    """Whether a replay of ours shows and holds what the bytes do."""
    _, data, columns, rows = case
    emulator = Emulator(columns, rows)
    emulator.feed(data)
    restored = xterm.hold(replay(emulator, lines=10**9), columns, rows)
    return seen(restored, data, rows) == seen(xterm.hold(data, columns, rows), data)


def through_tmux(xterm: Xterm, case: Case) -> bool:
    """Whether attaching to tmux shows the cells and the cursor that the bytes do."""
    _, data, columns, rows = case
    there = xterm.hold(attached(data, columns, rows), columns, rows)
    return shown(there) == shown(xterm.hold(data, columns, rows))


def shown(held: dict[str, Any]) -> tuple[Any, Any]:
    """The cells of the screen that shows, and the cursor."""
    every = seen(held, b"")
    return every["alternate"] or every["screen"], every["cursor"]


def share(name: str, cases: list[Case], holds: Any, xterm: Xterm) -> bool:
    """Print how many of the cases hold, and which do not."""
    failed = [case[0] for case in cases if not holds(xterm, case)]
    print(f"{name}: {len(cases) - len(failed)} of {len(cases)}", *failed[:10])
    return not failed


def main() -> int:
    """Print the figures; 1 where a replay of ours differs."""
    directory = place()
    if directory is None:
        print("no @xterm/headless: `npm ci` in tests/fidelity, or XTERM_HEADLESS=DIR")
        return 1
    xterm = Xterm(directory)
    good = share("sesh, programs", list(programs(12)), replayed, xterm)
    good &= share("sesh, random streams", list(randoms(1000)), replayed, xterm)
    if "--tmux" in sys.argv:
        share("tmux, programs, screen only", list(programs(0)), through_tmux, xterm)
        share("tmux, random streams, screen only", list(randoms(20)), through_tmux, xterm)
    print("left out of the random streams, for the other emulator lacks it:", *LACKS, sep="\n  ")
    print("or does it otherwise:", *OTHERWISE, sep="\n  ")
    xterm.close()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
