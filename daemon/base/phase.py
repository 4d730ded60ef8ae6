"""The phase of a session, and how its program ended."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from enum import Enum
from resource import struct_rusage
from typing import Optional

from sesh.daemon.base.due import NEVER
from sesh.errors import SIGNAL_BASE, ExitCode
from sesh.system import platforms
from sesh.system.clock import STEADY

_INTERRUPTED = 10.0  # seconds after Ctrl-C in which it counts as the cause of an end


class Phase(Enum):
    RUNNING = "running"
    ENDING = "ending"  # on request: the processes of the session get signals
    ENDED = "ended"  # the program has ended; its creator may attach, and the emulator draws the last output
    KEPT = "kept"  # the session stays readable under its name, and the daemon runs
    DORMANT = "dormant"  # the daemon exits, the files stay
    REMOVED = "removed"  # the files are removed; the daemon exits once its peers have their responses
    ABANDONED = "abandoned"  # SIGTERM, as at a shutdown: the daemon exits, and the session can be restored


_RUNNING = (Phase.RUNNING, Phase.ENDING)


@dataclass(frozen=True)
class ProgramEnd:
    """How the program ended; each fact is None if it is unknown, `code` while the program runs."""

    code: Optional[int] = None
    signal: Optional[int] = None
    at: Optional[float] = None  # time (`STEADY`)
    reason: Optional[str] = None  # for people
    cpu: Optional[float] = None  # seconds of processor time
    memory: Optional[int] = None  # peak, in bytes
    by_request: bool = False  # a person ended it with `kill` or Ctrl-C: its exit code does not count as a failure

    @classmethod
    def of(cls, status: int | None, usage: struct_rusage | None) -> ProgramEnd:
        """Return an end at this moment, from the kernel's wait status and resource usage.

        `status`: None if it was lost; the code then says that it is unknown, not that the program succeeded.
        """
        if status is None:
            return cls(ExitCode.UNKNOWN, None, STEADY.now())
        code = os.waitstatus_to_exitcode(status)
        number = None
        if code < 0:
            number = -code
            code = SIGNAL_BASE - code
        if usage is None:
            return cls(code, number, STEADY.now())
        cpu = round(usage.ru_utime + usage.ru_stime, 3)
        memory = usage.ru_maxrss * platforms.PEAK_UNIT
        return cls(code, number, STEADY.now(), cpu=cpu, memory=memory)


@dataclass(frozen=True)
class LifecycleState:
    """What a reload keeps of a life."""

    phase: Phase
    end: ProgramEnd
    last_activity: float


class Lifecycle:
    """How far a session has come, and how its program ended."""

    def __init__(self) -> None:
        self.phase = Phase.RUNNING
        self.last_activity = STEADY.now()  # time (`STEADY`) of the last output or typing
        self._interrupted_at = -NEVER  # time (monotonic) of the last key, if it was Ctrl-C
        self.end = ProgramEnd()

    @property
    def state(self) -> LifecycleState:
        """What a reload keeps."""
        return LifecycleState(self.phase, self.end, self.last_activity)

    @state.setter
    def state(self, state: LifecycleState) -> None:
        self.phase, self.end, self.last_activity = state.phase, state.end, state.last_activity

    @property
    def interrupted(self) -> bool:
        """True if the last key was a recent Ctrl-C: an end counts as requested."""
        return time.monotonic() - self._interrupted_at < _INTERRUPTED

    def note_interrupt(self, *, interrupts: bool) -> None:
        """Note a key; only a Ctrl-C that comes last can be the cause of an end."""
        self._interrupted_at = time.monotonic() if interrupts else -NEVER

    @property
    def phase(self) -> Phase:
        return self._phase

    @phase.setter
    def phase(self, phase: Phase) -> None:
        self._phase = phase
        self.running = phase in _RUNNING
        self.named = self.running or phase in (Phase.ENDED, Phase.KEPT)  # it holds its name: it runs, or is readable
        self.over = phase in (Phase.DORMANT, Phase.REMOVED)  # the daemon exits once its peers have their responses
