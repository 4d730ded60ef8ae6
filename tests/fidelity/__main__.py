"""The figures of fidelity: `make fidelity`, or `python -m tests.fidelity`.

They are the share of streams that an independent emulator shows alike after the bytes themselves and after a restore:
one small stream for each feature, streams of programs cut at several points, and 1,000 random ones. As a yardstick, the
screen is also compared with what the emulator shows after attaching to tmux.
"""

from __future__ import annotations

import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

from tests.fidelity import test_programs as recorded
from tests.fidelity import test_vte
from tests.fidelity.dialect import LACKS, OTHERWISE, SITUATIONS, WIDTHS
from tests.fidelity.features import COLUMNS, EXPLAINED, FEATURES, ROWS
from tests.fidelity.test_xterm import differing, opening
from tests.fidelity.vte import Vte
from tests.fidelity.vte import missing as vte_lacks
from tests.fidelity.xterm import Xterm, missing, place, seen
from tests.fidelity.yardstick import attached

#: A name, the bytes, the size, the table of widths.
Case = tuple[str, bytes, int, int, str]

RANDOM = 1000
#: How many random streams are tried with tmux: few, because each takes a second.
SOME = 40


def features(xterm: Xterm) -> Iterator[tuple[str, bool]]:
    """Yield each feature that xterm.js can judge, and whether a restore brings it back."""
    for name, feature in FEATURES.items():
        if name not in EXPLAINED:
            yield name, not feature.differing(xterm)


def programs(xterm: Xterm) -> Iterator[tuple[str, bool]]:
    """Yield each cut of a recorded stream, and whether a restore brings the state back."""
    for path in recorded.STREAMS:
        data = path.read_bytes()
        for end in recorded.cuts(data, 12):
            yield f"{path.stem}[:{end}]", not recorded.differing(xterm, data[:end])


def second() -> Iterator[tuple[str, bool]]:
    """Yield each feature or cut that VTE can judge, and whether it comes back."""
    vte = Vte()
    for name, feature in FEATURES.items():
        if name not in test_vte.EXPLAINED:
            yield name, not vte.differing(COLUMNS, ROWS, feature.written, feature.restored())
    for path in recorded.STREAMS:
        for end in recorded.cuts(path.read_bytes(), 12):
            yield f"{path.stem}[:{end}]", not test_vte.differing(vte, path, end)
    vte.close()


def randoms(xterm: Xterm, left_out: Counter[str]) -> Iterator[tuple[str, bool]]:
    """Yield each random stream, and whether a restore brings its state back."""
    for seed in range(RANDOM):
        yield f"random {seed}", not differing(xterm, seed, left_out)


def screens() -> dict[str, list[Case]]:
    """Return the streams for tmux by kind, with fewer cuts and fewer random streams."""
    out: dict[str, list[Case]] = {"features": [], "programs": [], "random streams": []}
    for name, feature in FEATURES.items():
        if name not in EXPLAINED:
            out["features"].append((name, feature.written, COLUMNS, ROWS, feature.widths))
    for path in recorded.STREAMS:
        data = path.read_bytes()
        for end in recorded.cuts(data, 3):
            out["programs"].append((f"{path.stem}[:{end}]", data[:end], recorded.COLUMNS, recorded.ROWS, "11"))
    for seed in range(SOME):
        _, dialect, data = opening(seed)
        emulator = dialect.emulator
        out["random streams"].append((f"random {seed}", data, emulator.columns, emulator.height, dialect.widths))
    return out


def through_tmux(xterm: Xterm, case: Case) -> bool:
    """Tell whether attaching to tmux shows the same cells and cursor as the bytes."""
    _, data, columns, rows, widths = case
    there = xterm.hold(columns, rows, attached(data, columns, rows), widths=widths)
    return shown(there) == shown(xterm.hold(columns, rows, data, widths=widths))


def shown(held: dict[str, Any]) -> tuple[Any, Any]:
    """Return the cells of the active screen, and the cursor."""
    every = seen(held)
    return every["alternate"] or every["screen"], every["cursor"]


def share(title: str, results: Iterator[tuple[str, bool]]) -> bool:
    """Print how many results hold, and some that do not; return whether all hold."""
    found = list(results)
    failed = [name for name, holds in found if not holds]
    good = len(found) - len(failed)
    print(f"{title}: {good} of {len(found)} ({100 * good / len(found):.1f} %)", flush=True)
    if failed:
        print("    differing:", ", ".join(failed[:8]) + (", …" if len(failed) > 8 else ""))
    return not failed


def explanations(left_out: Counter[str]) -> None:
    """Print what only our own emulator checks, and what random streams leave out."""
    print("features that @xterm/headless lacks or does otherwise, held by our own model alone:")
    for name, why in EXPLAINED.items():
        print(f"    {name}: {why}{'' if not FEATURES[name].differing_here() else ' (AND DIFFERING)'}")
    print("left out of random streams, whatever the situation, for it lacks them:", *LACKS, sep="\n    ")
    print("or does them otherwise:", *OTHERWISE, sep="\n    ")
    print("of its two tables of widths, each is given streams without what it lacks:")
    print(*(f"    {table}: {name}" for table, (name, _) in WIDTHS.items()), sep="\n")
    print("left out only where the two part (how often):")
    print(*(f"    {name} ({left_out[name]})" for name in SITUATIONS), sep="\n")


def main() -> int:
    """Print the figures; return 1 if a restore differs, or nothing could be compared."""
    directory = place()
    if directory is None:
        print(f"nothing to compare with; missing: {missing()}")
        return 1
    xterm = Xterm(directory)
    left_out: Counter[str] = Counter()
    print("restored identically, according to @xterm/headless:")
    good = share("sesh, features", features(xterm))
    good &= share("sesh, programs cut at several points", programs(xterm))
    good &= share("sesh, random streams", randoms(xterm, left_out))
    if lacking := vte_lacks():
        print(f"VTE, the second emulator, is not here; missing: {lacking}")
    else:
        good &= share("the same, features and programs, according to VTE", second())
        print(*(f"    left out: {name}: {why}" for name, why in test_vte.EXPLAINED.items()), sep="\n")
    if shutil.which("tmux"):
        print("of these the screen and the cursor alone, as the yardstick:", flush=True)
        for title, cases in screens().items():
            share(f"tmux, {title}", ((case[0], through_tmux(xterm, case)) for case in cases))
    else:
        print("missing, for the yardstick: tmux")
    xterm.close()
    explanations(left_out)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
