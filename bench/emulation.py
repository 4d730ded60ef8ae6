"""The emulator alone: how fast it takes each kind of output, with the fast path for bulk output and without it, by
processor time; beside pyte, and beside compiled emulators where they can be installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from bench import material, scripts
from bench.field import Field
from bench.figures import OURS, OUTPUT, Row

CORES = {"pyte": "pyte", "pyghostty": "pyghostty", "avt": "pyavt"}
"""Modules of other emulators, and the packages on PyPI that they are in."""

SCRIPT = """
import json, sys, time

core, path, size, folder = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
if core in ("fast", "full"):
    from sesh.vt import bulk
    from sesh.vt.emulator import Emulator
    if core == "full":
        bulk.SMALLEST = 1 << 60
    feed = Emulator(80, 24).feed
else:
    sys.path.insert(0, folder)
    if core == "pyte":
        import pyte
        feed = pyte.ByteStream(pyte.HistoryScreen(80, 24, history=10000)).feed
    elif core == "pyghostty":
        import pyghostty
        feed = pyghostty.Terminal(80, 24, 10000).feed
    else:
        import avt
        terminal = avt.Vt(80, 24, 10000)
        feed = lambda data: terminal.feed_str(data.decode("utf-8", "replace"))
with open(path, "rb") as file:
    piece = file.read().replace(b"\\n", b"\\r\\n")
data = piece * max(1, size // len(piece))
feed(data[: 1 << 14])
best = 0.0
for _ in range(3):
    began = time.process_time()
    for at in range(0, len(data), 1 << 20):
        feed(data[at : at + (1 << 20)])
    best = max(best, len(data) / 1e6 / (time.process_time() - began))
print(json.dumps(best))
"""
KINDS = (*material.KINDS, *scripts.LINES, *scripts.FRAMES)
MAIN = {"fast": ("plain", "colour"), "full": ("colour", "full-screen", "cjk", "htop", "vim")}
"""Kinds of material that the quick run takes, by path."""
FULL_SCREEN = ("full-screen", *scripts.FRAMES)
SIZES = {"fast": 4 << 20, "full": 1 << 20, "pyte": 1 << 16}
"""Bytes that are fed to an emulator; at least one piece of the material."""


WIDE = ("cjk", "korean", "emoji", "mixed in colour")
"""Kinds that have wide characters, clusters or colours in most rows."""


def _goal(kind: str, way: str) -> int:
    if way == "fast":
        return {"plain": 60, "colour": 30}.get(kind, 15)
    if kind in FULL_SCREEN:
        return 8
    return 1 if kind in WIDE else 3


def emulate(field: Field) -> list[Row]:
    """Measures MB/s of each kind of output. `full`: without the fast path, which frames never take.

    The quick run has fewer kinds, and only pyte of the other emulators.
    """
    folder = os.path.join(field.root, "cores")
    cores = ["pyte"] if field.quick else _installed(field, folder)
    for kind in KINDS:
        made = material.piece(kind) if kind in material.KINDS else scripts.piece(kind)
        with open(_path(field, kind), "wb") as file:
            file.write(made)
    rows = []
    for way in ("fast", "full"):
        for kind in MAIN[way] if field.quick else KINDS:
            if way == "fast" and kind in FULL_SCREEN:
                continue
            goal = _goal(kind, way)
            title = f"emulator, {kind}, {way} path"
            row = Row(
                f"emulator-{way}-{kind}", title, "MB/s", True, f"{goal}",
                lambda _, goal=goal: float(goal),  # type: ignore[misc]
                line=OUTPUT, short="emulator alone",
            )  # fmt: skip
            for _ in range(field.rounds(3, 1)):
                row.add(OURS, _speed(field, way, kind, folder))
            if way == "full":
                for core in cores:
                    row.add(core, _speed(field, core, kind, folder))
            rows.append(row)
    return rows


def _installed(field: Field, folder: str) -> list[str]:
    """Installs the other emulators as far as possible; returns the names of those that are there."""
    for package in CORES.values():
        words = [sys.executable, "-m", "pip", "install", "-q", "--target", folder, package]
        subprocess.run(words, capture_output=True, check=False)
    found = [core for core in CORES if os.path.isdir(os.path.join(folder, core))]
    for core in CORES:
        if core not in found:
            field.log(f"    {core} cannot be installed, so not compared")
    return found


def _path(field: Field, kind: str) -> str:
    return os.path.join(field.root, f"emulated.{kind}")


def _speed(field: Field, core: str, kind: str, folder: str) -> float:
    words = [field.python, "-I", "-c", SCRIPT, core, _path(field, kind), str(SIZES.get(core, 4 << 20)), folder]
    return float(json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout))
