"""Ctrl-C, and with `--tie` all signals that would end sesh, while it waits for something that goes on without it.

Signals are noted from the start: a Ctrl-C that comes before the request is out is delivered once it is.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from types import FrameType
from typing import NoReturn

from sesh import errors
from sesh.stop import Stop, Way

_AGAIN = 2.0
"""Seconds within which another Ctrl-C counts as a further one; after them it is a first one again."""
_MOST = 3


class Interrupts(Stop):
    """The signals of this process as bytes: `inbound` becomes readable, `taken` reads them.

    A context manager: within it signals of this process come, save those that it ignores; without it, and in a thread,
    only `stop` brings any.

    `handler` is called with each signal, None while `inbound` is polled. At first it counts: the third Ctrl-C in a row
    raises Interrupted with `message`. Within a block `calling` a way, each Ctrl-C calls the way; after it, between two
    connections, the first one stops the waiting. SIGQUIT stops it at any time if its effect was the default.
    """

    def __init__(self, *, tie: bool, message: str) -> None:
        super().__init__()
        self.tie, self.message = tie, message
        """`message`: the line for a person who stops the waiting: what goes on."""
        self.handler: Callable[[int], None] | None = self._count
        self._presses: list[float] = []
        """Moments of the last Ctrl-C in a row (monotonic)."""
        self.typed = False
        """True once a Ctrl-C has been taken: a terminal has printed `^C` then."""
        self.terminal = -1
        """With `--tie`: the terminal, to see that its window closes: SIGHUP may reach another process alone (su)."""
        self.inbound, self._wakeup = os.pipe()
        self._undone = ExitStack()
        """What gives back the signals and descriptors."""
        for descriptor in (self.inbound, self._wakeup):
            os.set_blocking(descriptor, False)
            self._undone.callback(os.close, descriptor)

    def __enter__(self) -> Interrupts:
        try:
            signal.set_wakeup_fd(self._wakeup, warn_on_full_buffer=False)
        except ValueError:
            return self  # not the main thread
        self._undone.callback(signal.set_wakeup_fd, -1)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) if self.tie else (signal.SIGINT,):
            if signal.getsignal(number) != signal.SIG_IGN:
                self._undone.callback(signal.signal, number, signal.signal(number, self._handle))
        if signal.getsignal(signal.SIGQUIT) == signal.SIG_DFL:
            self._undone.callback(signal.signal, signal.SIGQUIT, signal.signal(signal.SIGQUIT, self._leave))
        if self.tie and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
            with suppress(OSError):  # there is none
                self.terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
                self._undone.callback(os.close, self.terminal)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Gives the signals back; a second call does nothing."""
        self.inbound = self._wakeup = -1
        self._undone.close()

    def hung_up(self) -> bytes:
        """Returns the signal that a closed window stands for; the terminal is watched no more."""
        self.terminal = -1
        return bytes((signal.SIGHUP,))

    def taken(self) -> bytes:
        """Reads the numbers of the signals that have come."""
        try:
            signals = os.read(self.inbound, 64)
        except BlockingIOError:
            return b""
        self.typed = self.typed or signal.SIGINT in signals
        return signals

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
            self._leave()

    def add(self, way: Way) -> None:
        """Has each Ctrl-C count, and call `way`; one that was pressed before calls it now."""

        def handler(_number: int) -> None:
            self.pressed(time.monotonic())
            way()

        self.heard()
        self.handler = handler
        if self.taken():
            way()

    def remove(self, _way: Way) -> None:
        """Has the first Ctrl-C stop the waiting: a lost link is waited for no longer than the person wants."""
        self.handler = self.give_up

    @contextmanager
    def at_first(self) -> Iterator[None]:
        """A block that the first signal stops."""
        kept = self.handler, self.message
        self.handler, self.message = self.give_up, "interrupted"
        try:
            yield
        finally:
            self.handler, self.message = kept

    def _count(self, number: int) -> None:
        """Counts a Ctrl-C while nothing can be interrupted; `heard` begins anew."""
        if number == signal.SIGINT:
            self.pressed(time.monotonic())

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self.handler is not None:
            self.handler(number)

    def give_up(self, _number: int) -> None:
        """Stops the waiting at the first signal; a `handler`."""
        raise errors.Interrupted(self.message)

    def _leave(self, *_: object) -> NoReturn:
        r"""Stops the waiting: at the third Ctrl-C, and at once on Ctrl-\, as that leaves a session."""
        stopped = errors.Interrupted(self.message)
        stopped.typed = True
        raise stopped

    def heard(self) -> None:
        """Begins polling: earlier presses are counted when they are delivered."""
        self.handler = None
        self._presses.clear()
