"""The emulator alone: how fast it takes each kind of output, with the fast path for bulk output and without it."""

from __future__ import annotations

import json
import os
import subprocess

from bench.field import Field
from bench.figures import OURS, Row
from bench.material import KINDS

SCRIPT = """
import json, sys, time
from sesh.vt import tokenizer
from sesh.vt.emulator import Emulator

path, size, whole = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "full"
if whole:
    tokenizer.SMALLEST = 1 << 60
data = open(path, "rb").read(size).replace(b"\\n", b"\\r\\n")
emulator = Emulator(80, 24)
emulator.feed(data[: 1 << 16])
best = 0.0
for _ in range(3):
    began = time.perf_counter()
    for at in range(0, len(data), 1 << 20):
        emulator.feed(data[at : at + (1 << 20)])
    best = max(best, len(data) / 1e6 / (time.perf_counter() - began))
print(json.dumps(best))
"""
GOALS = {("plain", "fast"): 60, ("colour", "fast"): 60, ("colour", "full"): 4, ("full-screen", "full"): 6}


def emulate(field: Field) -> list[Row]:
    """MB/s of each kind; `full`: without the fast path."""
    rows = []
    for way in ("fast", "full"):
        for kind in KINDS:
            if (kind, way) == ("full-screen", "fast"):
                continue
            goal = GOALS.get((kind, way))
            title = f"emulator, {kind}, {way} path"
            row = Row(
                f"emulator-{way}-{kind}", title, "MB/s", True, f"{goal}" if goal else "",
                (lambda _, goal=goal: float(goal)) if goal else None,  # type: ignore[misc]
            )  # fmt: skip
            size = str((4 << 20) if way == "fast" else (1 << 20))
            words = [field.python, "-I", "-c", SCRIPT, os.path.join(field.material, kind), size, way]
            for _ in range(field.rounds(5, 1)):
                result = subprocess.run(words, capture_output=True, text=True, check=True)
                row.add(OURS, float(json.loads(result.stdout)))
            rows.append(row)
    return rows
