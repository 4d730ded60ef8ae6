"""Ctrl-C, and with `--tie` all signals that would end sesh, while it waits for something that goes on without it.

Signals are noted from the start: a Ctrl-C that comes before the request is out is delivered once it is.
"""

from __future__ import annotations

import os
import time

from sesh.errors import Interrupted
from sesh.lean import signal
from sesh.stop import Stop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any

    from sesh.stop import Way

_AGAIN = 2.0
"""Seconds within which another Ctrl-C counts as a further one; after them it is a first one again."""
_MOST = 3


class Interrupts(Stop):
    """The signals of this process as bytes: `inbound` becomes readable, `taken` reads them.

    A context manager: within it signals of this process come, save those that it ignores; without it, and in a thread,
    only `stop` brings any.

    `away` handles each signal while nobody polls. At first it counts: the third Ctrl-C in a row raises Interrupted with
    `left`. Within a block `by` a way, each Ctrl-C calls the way; after it, between two connections, the first one stops
    the waiting. None while `inbound` is polled. SIGQUIT stops the waiting at any time if its effect was the default.
    """

    def __init__(self, *, tie: bool, left: str) -> None:
        super().__init__()
        self.tie = tie
        self.left = left
        """The line for a person who stops the waiting: what goes on."""
        self.away: Callable[[int], None] | None = self._early
        self._presses: list[float] = []
        """Moments of the last Ctrl-C in a row (monotonic)."""
        self._handlers: list[tuple[int, Any]] = []
        """The handlers that were replaced, by signal."""
        self._wakes = False
        self.inbound, self._wakeup = os.pipe()
        for descriptor in (self.inbound, self._wakeup):
            os.set_blocking(descriptor, False)

    def __enter__(self) -> Interrupts:
        try:
            signal.set_wakeup_fd(self._wakeup, warn_on_full_buffer=False)
        except ValueError:
            return self  # not the main thread
        self._wakes = True
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) if self.tie else (signal.SIGINT,):
            handler = signal.getsignal(number)
            if handler != signal.SIG_IGN:
                self._handlers.append((number, handler))
                signal.signal(number, self._noted)
        if signal.getsignal(signal.SIGQUIT) == signal.SIG_DFL:
            self._handlers.append((signal.SIGQUIT, signal.SIG_DFL))
            signal.signal(signal.SIGQUIT, self._leave)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Gives the signals back; a second call does nothing."""
        if self.inbound < 0:
            return
        for number, handler in self._handlers:
            signal.signal(number, handler)
        if self._wakes:
            signal.set_wakeup_fd(-1)
        os.close(self.inbound)
        os.close(self._wakeup)
        self.inbound = self._wakeup = -1

    def taken(self) -> bytes:
        """Reads the numbers of the signals that have come."""
        try:
            return os.read(self.inbound, 64)
        except BlockingIOError:
            return b""

    def stop(self) -> None:
        """Presses Ctrl-C from another thread; nothing sleeps any more."""
        super().stop()
        if self._wakeup >= 0:
            os.write(self._wakeup, bytes((signal.SIGINT,)))

    def pressed(self, now: float) -> None:
        """Counts one Ctrl-C. Raises Interrupted if it is the third in a row."""
        if self._presses and now - self._presses[0] > _AGAIN:
            self._presses.clear()
        self._presses.append(now)
        if len(self._presses) >= _MOST:
            raise self._stopped()

    def _stopped(self) -> Interrupted:
        stopped = Interrupted(self.left)
        stopped.typed = True
        return stopped

    def add(self, way: Way) -> None:
        """Has each Ctrl-C count, and call `way`; one that was pressed before calls it now."""

        def away(_number: int) -> None:
            self.pressed(time.monotonic())
            way()

        self.heard()
        self.away = away
        if self.taken():
            way()

    def remove(self, _way: Way) -> None:
        """Has the first Ctrl-C stop the waiting: a lost link is waited for no longer than the person wants."""
        self.away = self.given_up

    def _early(self, number: int) -> None:
        """Counts a Ctrl-C while nothing can be interrupted; `heard` begins anew."""
        if number == signal.SIGINT:
            self.pressed(time.monotonic())

    def _noted(self, number: int, _frame: FrameType | None) -> None:
        if self.away is not None:
            self.away(number)

    def given_up(self, _number: int) -> None:
        """Stops the waiting at the first signal; for `away`."""
        raise Interrupted(self.left)

    def _leave(self, _number: int, _frame: FrameType | None) -> None:
        r"""Stops the waiting at once on Ctrl-\, as that leaves a session."""
        raise self._stopped()

    def heard(self) -> None:
        """Begins polling: earlier presses are counted when they are delivered."""
        self.away = None
        self._presses.clear()
