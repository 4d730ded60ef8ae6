"""Speed of output: bursts and sustained, attached and detached, of each kind."""

from __future__ import annotations

import os
import select
import time
from contextlib import ExitStack
from functools import partial

from bench.contenders import Contender, Dtach
from bench.field import Field
from bench.material import READY, SIZES
from bench.rows import KINDS
from bench.window import PATIENCE, Late, spent

_ROUNDS = {"burst": 7, "sustained": 3}
_SIGNS = "@`^~|"
"""Characters that are not in the material. So a terminal draws a mark made of them whole, and never patches it."""
_RESTING = 0.002
"""Processor time in seconds, between two looks, up to which a tool counts as idle: it may wake up now and then."""


class Stage:
    """A worker in a session that prints files, with a client if `attached`."""

    def __init__(self, field: Field, tool: Contender, *, attached: bool) -> None:
        self.tool, self.count, self.material = tool, 0, field.material
        self.pipes = []
        for name in ("orders", "done"):
            path = os.path.join(tool.root, name)
            os.mkfifo(path)
            self.pipes.append(os.open(path, os.O_RDWR))
        tool.create("work", ["sh", os.path.join(field.material, "worker.sh"), tool.root, field.material])
        self.window = tool.attach("work", b"" if isinstance(tool, Dtach) else READY) if attached else None

    def speed(self, file: str) -> float:
        """Return the MB/s until a file is shown, or written without a client. Raises Late."""
        self.count += 1
        mark = _SIGNS[self.count % len(_SIGNS)] * 12 + str(self.count)
        began = time.perf_counter()
        os.write(self.pipes[0], f"{file} {mark}\n".encode())
        if self.window:
            moment = self.window.until(mark.encode())
            os.read(self.pipes[1], 256)
        else:
            moment = self._written()
        self._rest()
        return os.path.getsize(os.path.join(self.material, file)) / 1e6 / (moment - began)

    def _written(self) -> float:
        """Wait until the program has written all; return the moment. Raises Late."""
        if not select.select([self.pipes[1]], [], [], PATIENCE)[0]:
            raise Late("the program did not get it written")
        os.read(self.pipes[1], 256)
        return time.perf_counter()

    def _rest(self) -> None:
        """Wait until the tool is idle, so that its late work slows no other tool."""
        keepers, before = self.tool.keepers(), -1.0
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if self.window:
                self.window.settle(0.02)
            time.sleep(0.05)
            now = spent(keepers)
            if now - before < _RESTING:
                return
            before = now

    def close(self) -> None:
        for descriptor in self.pipes:
            os.close(descriptor)
        if self.window:
            self.window.close()


def output(field: Field) -> None:
    """Measure every length of output, state and kind."""
    for state, names in (("attached", [*field.tools, "plain"]), ("detached", field.tools)):
        with field.contenders(*names) as tools, ExitStack() as stack:
            stages = {}
            for name, tool in tools.items():
                stages[name] = Stage(field, tool, attached=state == "attached")
                stack.callback(stages[name].close)
            for length in SIZES:
                for kind in KINDS:
                    takes = {name: partial(stage.speed, f"{length}-{kind}") for name, stage in stages.items()}
                    field.measure(f"{length}-{state}-{kind}", takes, _ROUNDS[length])
