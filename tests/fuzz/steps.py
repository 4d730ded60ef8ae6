"""The target of a daemon's loop: no call for a program's output blocks it long.

A session without a program gets output as if its pump had read it, and the emulator follows. Timers run as if seconds
had passed. Sizes and labels change, a client of another size is drawn, the screen is exported, a checkpoint is written.
The processor time of each call is measured. A hook's child, which reads the settings, is started and ends at once.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TypeVar
from unittest import mock

from sesh.daemon import description
from sesh.daemon.activity import notifications
from sesh.daemon.clients.client import REPLAY_LINES
from sesh.daemon.pty.pty import Pty
from sesh.daemon.session import Session
from sesh.loop.timers import Timers
from sesh.vt.render.export import export
from sesh.vt.render.replay import replaying
from sesh.vt.render.viewport import Viewport
from tests.fuzz import grammar
from tests.fuzz.place import own_home
from tests.fuzz.target import Check, Target
from tests.support.data import daemon_facts

Value = TypeVar("Value")

BLOCK = 64 << 10
"""The most bytes that a pump reads at once."""
_PAUSE, _MINUTE = 3.0, 61.0
"""Seconds that pass after each step, and at the end, so that timers for quiet and for notifications run out."""
MOST = 0.5
"""Seconds of one call that fail a case: ten times what is allowed, because machines may be slow."""


class Clock:
    """Measures calls: `longest` in seconds of processor time, with `now` ahead of the clock."""

    def __init__(self) -> None:
        self.longest, self.ahead, self._real = 0.0, 0.0, time.monotonic

    def now(self) -> float:
        """Return the time that timers see."""
        return self._real() + self.ahead

    def call(self, what: Callable[..., Value], *args: object) -> Value:
        began = time.process_time()
        value = what(*args)
        self.longest = max(self.longest, time.process_time() - began)
        return value

    def pass_time(self, timers: Timers, seconds: float) -> None:
        """Let some seconds pass, and call the timers that are due then."""
        self.ahead += seconds
        while timers.wait_time() == 0:
            self.call(timers.run)


def check(case: bytes) -> float:
    """Play a script to a session; return the seconds of the longest call."""
    clock = Clock()
    gc.disable()  # a collection would count for the call during which it happens
    try:
        with mock.patch("time.monotonic", clock.now):
            _play(grammar.script(case), clock)
    finally:
        gc.enable()
    assert clock.longest < MOST, f"a call of {clock.longest * 1000:.0f} ms"
    return clock.longest


def _play(script: grammar.Script, clock: Clock) -> None:
    columns, rows = (max(1, side) for side in script.size)
    session = Session(daemon_facts(persist=True, scrollback=script.bounds[0]), (columns, rows, 0, 0), Pty())
    view, model, timers = Viewport(20, 5), session.model, session.loop.timers
    for step in script.steps:
        if isinstance(step, tuple):
            clock.call(session.clients.on_resize, (max(1, step[0]), max(1, step[1]), 0, 0))
            continue
        for at in range(0, len(step), BLOCK):
            clock.call(session.pump.append_output, step[at : at + BLOCK])
            while model.lag:
                clock.call(model.step)
        clock.call(view.update, model.emulator)
        clock.pass_time(timers, _PAUSE)
        clock.call(description.change, session, replace(session.facts, labels={"at": f"{clock.now()}"}))
    in_parts = replaying(model.emulator, lines=REPLAY_LINES)
    while clock.call(in_parts.advance):
        continue
    clock.call(in_parts.finish)
    clock.call(export, model.emulator, "json")
    clock.call(description.summary, session)
    clock.call(session.checkpoints.write_if_due)
    clock.pass_time(timers, _MINUTE)
    while session.notifications.running:
        session.notifications.reap()
    faults = [line for line in session.faults.kept if "a fault" in line]
    assert not faults, faults[-1].partition(" ")[2]


@contextmanager
def _opened() -> Iterator[Check]:
    with own_home(), mock.patch.object(notifications, "_detach", partial(os._exit, 0)):
        yield check


TARGETS = (Target("steps", grammar.make, _opened),)
