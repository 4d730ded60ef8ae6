"""The target of a daemon's loop: no call that a program's output causes holds the loop up.

A session without a program is given blocks of output as its pump reads them: queries, notifications, titles, marks and
reports are handled; the emulator follows; its timers run as if seconds had passed; it gets other sizes and labels; a
client of another size is drawn; the screen is looked at; a checkpoint is written. Each call is measured by processor
time. The hook's child, which reads the settings, is started, and ends at once.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest import mock

from sesh.daemon import description
from sesh.daemon.activity import hook
from sesh.daemon.files import checkpoint_header
from sesh.daemon.screen.checkpoint import Checkpointer
from sesh.daemon.session import Session
from sesh.loop.timers import Timers
from sesh.vt.render.export import export
from sesh.vt.render.replay import replay
from sesh.vt.render.viewport import Viewport
from tests.fuzz import grammar
from tests.fuzz.place import own_home
from tests.fuzz.target import Check, Target
from tests.support.data import daemon_facts

BLOCK = 64 << 10
"""Bytes that a pump reads at most."""
_PAUSE, _MINUTE = 3.0, 61.0
"""Seconds that pass behind each step, and at the end: what waits for quiet, and a notification, come then."""
MOST = 0.5
"""Seconds that fail a case: ten times what is allowed, for slow machines."""


class Clock:
    """Keeps the longest of the calls that it makes, in seconds of processor time. `now` is ahead of time.monotonic."""

    def __init__(self) -> None:
        self.longest = self._ahead = 0.0
        self._real = time.monotonic

    def now(self) -> float:
        """Return the time by which timers go."""
        return self._real() + self._ahead

    def pass_time(self, timers: Timers, seconds: float) -> None:
        """Have some seconds pass, and make the calls of the timers that are due then."""
        self._ahead += seconds
        while timers.wait_time() == 0:
            self.call(timers.run)

    def call(self, what: Callable[[], object]) -> None:
        """Make one call."""
        began = time.process_time()
        what()
        self.longest = max(self.longest, time.process_time() - began)


def check(case: bytes) -> float:
    """Play a script to a session; return the longest call."""
    clock = Clock()
    with mock.patch("time.monotonic", clock.now):
        _play(case, clock)
    assert clock.longest < MOST, f"a call of {clock.longest * 1000:.0f} ms"
    return clock.longest


def _play(case: bytes, clock: Clock) -> None:
    script = grammar.script(case)
    columns, rows = (max(1, side) for side in script.size)
    session = Session(daemon_facts(persist=True, scrollback=script.bounds[0]), (columns, rows, 0, 0), None)
    view, model = Viewport(20, 5), session.model
    checkpointer = Checkpointer(
        session.facts["id"], session.log, model, session.timers, lambda: checkpoint_header(session)
    )
    gc.disable()  # it would count for whichever call it comes in
    try:
        for step in script.steps:
            if isinstance(step, tuple):
                size = max(1, step[0]), max(1, step[1])
                clock.call(lambda size=size: session.topics.resized((*size, 0, 0)))  # type: ignore[misc]
                continue
            for at in range(0, len(step), BLOCK):
                clock.call(lambda block=step[at : at + BLOCK]: session.pump.add(block))  # type: ignore[misc]
                while model.lag:
                    clock.call(model.step)
            clock.call(lambda: view.draw(model.emulator))
            clock.pass_time(session.timers, _PAUSE)
            clock.call(lambda: description.change(session, {**session.facts, "labels": {"at": f"{clock.now()}"}}))
        for look in (lambda: replay(model.emulator), lambda: export(model.emulator, "json")):
            clock.call(look)
        clock.call(lambda: description.summary(session))
        clock.call(checkpointer.write_if_due)
        clock.pass_time(session.timers, _MINUTE)
    finally:
        gc.enable()
        while session.hook.running:
            session.hook.reap()
    faults = [line for line in session.faults.lines() if "a fault" in line]
    assert not faults, faults[-1].partition(" ")[2]


def _end(*_: object) -> None:
    os._exit(0)


@contextmanager
def _opened() -> Iterator[Check]:
    with own_home(), mock.patch.object(hook, "_become", _end):
        yield check


TARGETS = (Target("steps", grammar.make, _opened),)
