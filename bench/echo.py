"""A key and its echo: how long it takes."""

from __future__ import annotations

import statistics
import time
from functools import partial

from bench.field import Field
from bench.material import ECHOING, READY
from bench.window import Late, Window

_KEYS, _PAUSE = 100, 0.002
"""Keys in a sample, and seconds before each."""


def echo(field: Field) -> None:
    """Measure the median of a hundred echoes for every tool and a plain terminal."""
    with field.contenders(*field.makers) as tools:
        takes = {}
        for name, tool in tools.items():
            tool.create("work", ECHOING)
            takes[name] = partial(_sampled, tool.attach("work", b"" if name == "dtach" else READY))
        time.sleep(1.0)
        field.measure("echo", takes, 9)


def _sampled(window: Window) -> float:
    """Return the milliseconds of a usual echo. Raises Late."""
    window.settle()
    times = []
    for _ in range(_KEYS):
        time.sleep(_PAUSE)
        began = time.perf_counter()
        window.type(b"x")
        if not window.wait(5.0):
            raise Late("no echo came")
        times.append(time.perf_counter() - began)
        window.read()
    return statistics.median(times) * 1000
