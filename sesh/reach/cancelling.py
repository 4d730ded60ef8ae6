"""Ctrl-C while sesh waits for something that goes on without it; with `--tie` all signals that would end sesh."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from types import FrameType

from sesh import errors
from sesh.stop import Callback, Stop

_AGAIN = 2.0
"""Seconds within which another Ctrl-C counts as a further one."""
_MOST = 3


class Interrupts(Stop):
    """The signals of this process as bytes: `inbound` becomes readable, `taken` reads them.

    A context manager: only within it do signals of this process come, in the main thread, save those that it ignores;
    `stop` is a Ctrl-C from another thread. They are noted from the start: a Ctrl-C that comes before the request was
    sent is delivered once it is.

    `handler`: called with each signal, None while `inbound` is polled. The third Ctrl-C in a row raises Interrupted
    with `message`, the line for a person who stops the waiting, and so does SIGQUIT, if its effect was the default.
    `typed`: a Ctrl-C was taken, so the terminal has printed `^C`. `terminal`: with `--tie`, polled for its end, as the
    SIGHUP may go to another process alone (su).
    """

    def __init__(self, *, tie: bool, message: str) -> None:
        super().__init__()
        self.tie, self.message = tie, message
        self.handler: Callable[[int], None] | None = self._count
        self._pressed_at: list[float] = []
        """Moments of the last Ctrl-C in a row (monotonic)."""
        self.typed, self.terminal = False, -1
        self.inbound, self._wakeup = os.pipe()
        self._undo = ExitStack()
        for descriptor in (self.inbound, self._wakeup):
            os.set_blocking(descriptor, False)
            self._undo.callback(os.close, descriptor)

    def __enter__(self) -> Interrupts:
        try:
            signal.set_wakeup_fd(self._wakeup, warn_on_full_buffer=False)
        except ValueError:
            return self  # not the main thread
        self._undo.callback(signal.set_wakeup_fd, -1)
        numbers = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP] if self.tie else [signal.SIGINT]
        handlers: dict[int, Callable[[int, FrameType | None], None]] = {
            number: self._handle for number in numbers if signal.getsignal(number) != signal.SIG_IGN
        }
        if signal.getsignal(signal.SIGQUIT) == signal.SIG_DFL:
            handlers[signal.SIGQUIT] = self._leave
        for number, handler in handlers.items():
            self._undo.callback(signal.signal, number, signal.signal(number, handler))
        if signal.SIGHUP in handlers:
            with suppress(OSError):  # there is none
                self.terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
                self._undo.callback(os.close, self.terminal)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the signals back; a second call does nothing."""
        self.inbound = self._wakeup = -1
        self._undo.close()

    # -- polled

    def heard(self) -> None:
        """Begin polling: earlier presses are counted when they are delivered."""
        self.handler = None
        self._pressed_at.clear()

    def taken(self) -> bytes:
        """Read the numbers of the signals that have come."""
        try:
            signals = os.read(self.inbound, 64)
        except BlockingIOError:
            return b""
        self.typed = self.typed or signal.SIGINT in signals
        return signals

    def hung_up(self) -> bytes:
        """Return the signal that a closed window stands for; stop watching the terminal."""
        self.terminal = -1
        return bytes((signal.SIGHUP,))

    def pressed(self, now: float) -> None:
        """Count one Ctrl-C. Raises Interrupted if it is the third in a row."""
        if self._pressed_at and now - self._pressed_at[0] > _AGAIN:
            self._pressed_at.clear()
        self._pressed_at.append(now)
        if len(self._pressed_at) >= _MOST:
            self._leave()

    def stop(self) -> None:
        """Press Ctrl-C from another thread; `sleep` ends."""
        super().stop()
        if self._wakeup >= 0:
            os.write(self._wakeup, bytes((signal.SIGINT,)))

    # -- handled

    @contextmanager
    def calling(self, callback: Callback) -> Iterator[None]:
        """Have each Ctrl-C count and call `callback` within a block, one that was pressed before at once.

        After the block, between two connections, the first one stops the waiting.
        """

        def handler(_number: int) -> None:
            self.pressed(time.monotonic())
            callback()

        self.heard()
        self.handler = handler
        if self.taken():
            callback()
        try:
            yield
        finally:
            self.handler = self._give_up

    @contextmanager
    def at_first(self) -> Iterator[None]:
        """Have the first signal stop the waiting within a block."""
        before = self.handler, self.message
        self.handler, self.message = self._give_up, "interrupted"
        try:
            yield
        finally:
            self.handler, self.message = before

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self.handler is not None:
            self.handler(number)

    def _count(self, number: int) -> None:
        if number == signal.SIGINT:
            self.pressed(time.monotonic())

    def _give_up(self, _number: int) -> None:
        raise errors.Interrupted(self.message)

    def _leave(self, *_: object) -> None:
        r"""Stop the waiting: at the third Ctrl-C, and at once on Ctrl-\, as that leaves a session."""
        stopped = errors.Interrupted(self.message)
        stopped.typed = True
        raise stopped
