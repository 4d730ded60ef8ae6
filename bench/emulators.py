"""The speed of the emulator beside others, and the longest step of a daemon's loop."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from functools import partial

from bench import material
from bench.field import Field, log
from bench.rows import OURS
from bench.window import Late
from tests.fuzz.targets import TARGETS

_KINDS = ("plain", "colour", "scripts", "frames")
_FEEDS = {
    OURS: "from sesh.vt.emulator import Emulator; feed = Emulator(80, 24).feed",
    "pyte": "import pyte; feed = pyte.ByteStream(pyte.HistoryScreen(80, 24, history=10000)).feed",
    "pyghostty": "import pyghostty; feed = pyghostty.Terminal(80, 24, 10000).feed",
    "avt": "import avt; v = avt.Vt(80, 24, 10000); feed = lambda data: v.feed_str(data.decode('utf-8', 'replace'))",
}
"""Python that makes `feed`, by the module that it imports."""
_PACKAGES = {"pyghostty": "pyghostty", "avt": "pyavt"}
"""Modules of other emulators, and the packages on PyPI that they are in."""
_TIMED = """
import sys, time
sys.path.append(sys.argv[1])
with open(sys.argv[2], "rb") as file:
    data = file.read().replace(b"\\n", b"\\r\\n") * int(sys.argv[3])
{feed}
feed(data[: 1 << 14])
best = 0.0
for _ in range(3):
    began = time.process_time()
    for at in range(0, len(data), 1 << 20):
        feed(data[at : at + (1 << 20)])
    best = max(best, len(data) / 1e6 / (time.process_time() - began))
print(best)
"""
_CASES = 300
"""Random scripts of output, sizes and times that the row of the longest step plays."""


def emulator(field: Field) -> None:
    """Measure MB/s of processor time for each kind of output, in blocks of 1 MiB."""
    folder = os.path.join(field.folder, "emulators")
    for module, package in _PACKAGES.items():
        words = [sys.executable, "-m", "pip", "install", "-q", "--target", folder, package]
        if subprocess.run(words, capture_output=True, check=False).returncode:
            log(f"  {module} cannot be installed, so not compared")
    there = [name for name in _FEEDS if name not in _PACKAGES or os.path.isdir(os.path.join(folder, name))]
    for kind in _KINDS:
        path = os.path.join(field.folder, kind)
        with open(path, "wb") as file:
            file.write(material.piece(kind))
        field.measure(f"emulator-{kind}", {name: partial(_speed, field, name, path, folder) for name in there}, 3)


def _speed(field: Field, name: str, path: str, folder: str) -> float:
    pieces = 1 if name == "pyte" else 30
    words = [field.python, "-c", _TIMED.format(feed=_FEEDS[name]), folder, path, str(pieces)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Late(done.stderr.strip().rpartition("\n")[2])
    return float(done.stdout)


def step(field: Field) -> None:
    """Measure the longest call of a daemon's loop under random output, in processor time."""
    chance, target = random.Random(1), TARGETS["steps"]
    cases = [target.make(chance) for _ in range(_CASES)]
    with target.open() as check:
        field.measure("step", {OURS: lambda: max(map(check, cases)) * 1000}, 1)
