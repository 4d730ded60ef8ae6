"""The target of a daemon's loop: no call that a program's output causes holds the loop up.

A session without a program is given blocks of output as its pump reads them: queries, notifications, titles, marks and
reports are handled; the emulator follows; a client of another size is drawn; the screen is looked at; a checkpoint is
written. Each call is measured by processor time. Settings are read by a process of its own, so that only its start
could count here; it is left out.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest import mock

from sesh.daemon import description
from sesh.daemon.activity.hook import Hook
from sesh.daemon.files import checkpoint_header
from sesh.daemon.screen.checkpoint import Checkpointer
from sesh.daemon.session import Session
from sesh.vt.render.export import export
from sesh.vt.render.replay import replay
from sesh.vt.render.viewport import Viewport
from tests.fuzz import grammar
from tests.fuzz.place import own_home
from tests.fuzz.target import Check, Target
from tests.support.data import daemon_facts

BLOCK = 64 << 10
"""Bytes that a pump reads at most."""
MOST = 0.5
"""Seconds that fail a case: ten times what is allowed, for slow machines."""


class Clock:
    """Keeps the longest of the calls that it makes, in seconds of processor time."""

    def __init__(self) -> None:
        self.longest = 0.0

    def call(self, what: Callable[[], object]) -> None:
        """Make one call."""
        began = time.process_time()
        what()
        self.longest = max(self.longest, time.process_time() - began)


def check(case: bytes) -> float:
    """Play a script to a session; return the longest call."""
    script, clock = grammar.script(case), Clock()
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
                clock.call(lambda size=size: model.resize(*size))  # type: ignore[misc]
                continue
            for at in range(0, len(step), BLOCK):
                clock.call(lambda block=step[at : at + BLOCK]: session.pump.add(block))  # type: ignore[misc]
                while model.lag:
                    clock.call(model.step)
            clock.call(lambda: view.draw(model.emulator))
        for look in (lambda: replay(model.emulator), lambda: export(model.emulator, "json")):
            clock.call(look)
        clock.call(lambda: description.summary(session))
        clock.call(checkpointer.write_if_due)
        while session.timers.remaining("checkpoint") == 0:
            clock.call(session.timers.run)
    finally:
        gc.enable()
    faults = [line for line in session.faults.lines() if "a fault" in line]
    assert not faults, faults[-1].partition(" ")[2]
    assert clock.longest < MOST, f"a call of {clock.longest * 1000:.0f} ms"
    return clock.longest


@contextmanager
def _opened() -> Iterator[Check]:
    with own_home(), mock.patch.object(Hook, "start"):
        yield check


TARGETS = (Target("steps", grammar.make, _opened),)
