"""Record Ctrl-C during a wait, and with `--tie` all signals that would end sesh.

A signal becomes a byte on `inbound`. The code that waits polls `inbound`, and passes Ctrl-C on to a job or a command,
but not before the request is sent. While a link is lost, no signal can be passed on: `check_recorded` ends the wait.
"""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from sesh import errors
from sesh.system.workers import Stop

_COUNT_TIME = 2.0  # seconds from the first Ctrl-C of a count to one that starts a new count
_MAX_CTRL_C = 3  # in a row; the last one stops the wait


class Interrupts(Stop):
    """The signals of this process, as bytes on `inbound`.

    Within its context the main thread records signals, except ignored ones, and `read` returns them. `stop` records a
    Ctrl-C from another thread. The third Ctrl-C in a row raises Interrupted with `message`, except with `tie`. SIGQUIT
    raises Interrupted too, unless the program that calls the API handles it.

    `echoed`: a Ctrl-C was read, so the terminal has printed `^C`.
    """

    def __init__(self, *, tie: bool, message: str) -> None:
        super().__init__()
        self.tie = tie
        self.message = message
        self.echoed = False
        self._stops_on_first = False
        self._pressed_at: list[float] = []  # times of the Ctrl-C in a row (monotonic)
        self._undo = ExitStack()
        self._reader, self._writer = map(self._undo.enter_context, socket.socketpair())
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self.inbound = self._reader.fileno()

    def __enter__(self) -> Interrupts:
        try:
            signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        except ValueError:
            return self  # not the main thread
        self._undo.callback(signal.set_wakeup_fd, -1)
        numbers = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP] if self.tie else [signal.SIGINT]
        for number in numbers:
            if signal.getsignal(number) != signal.SIG_IGN:
                self._undo.callback(signal.signal, number, signal.signal(number, self._count))
        if signal.getsignal(signal.SIGQUIT) in (signal.SIG_DFL, signal.default_int_handler):
            self._undo.callback(signal.signal, signal.SIGQUIT, signal.signal(signal.SIGQUIT, self._leave))
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Restore the signal handlers; a second call does nothing."""
        self._undo.close()

    def read(self) -> bytes:
        try:
            signals = self._reader.recv(64)
        except BlockingIOError:
            return b""
        self.echoed = self.echoed or signal.SIGINT in signals
        return signals

    def stop(self) -> None:
        super().stop()
        self._record(signal.SIGINT)

    def deliver(self, number: int) -> None:
        """Record a signal that another thread has caught. Raises Interrupted to stop the wait."""
        if number != signal.SIGINT and not self.tie:
            raise errors.Interrupted(self.message)
        self._record(number)  # before the count, so that `stop_on_first` finds it in any case
        self._count(number, None)

    def _record(self, number: int) -> None:
        with suppress(OSError):  # `close` was called
            self._writer.send(bytes((number,)))

    def check_recorded(self) -> None:
        """Raise Interrupted if a signal has come, as no signal can be passed on now."""
        self.check()
        if self.read():
            raise errors.Interrupted(self.message)

    @contextmanager
    def stop_on_first(self) -> Iterator[None]:
        """Stop the wait at the first signal, within the block or before it."""
        message, self.message = self.message, ""
        self._stops_on_first = True
        try:
            self.check_recorded()
            yield
        finally:
            self._stops_on_first = False
            self.message = message

    def count_ctrl_c(self, now: float) -> None:
        """Count a Ctrl-C. Raises Interrupted for the third in a row."""
        if self._pressed_at and now - self._pressed_at[0] > _COUNT_TIME:
            self._pressed_at.clear()
        self._pressed_at.append(now)
        if len(self._pressed_at) >= _MAX_CTRL_C:
            self._leave()

    def _count(self, number: int, _frame: object) -> None:
        if self._stops_on_first:
            raise errors.Interrupted(self.message)
        if number == signal.SIGINT and not self.tie:
            self.count_ctrl_c(time.monotonic())

    def _leave(self, *_: object) -> None:
        r"""Stop the wait after the third Ctrl-C, or one Ctrl-\, which also detaches."""
        raise errors.Interrupted(self.message)
