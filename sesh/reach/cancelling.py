"""Handle Ctrl-C during a wait, and with `--tie` all signals that would end sesh."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from types import FrameType

from sesh import errors
from sesh.stop import Callback, Stop

_AGAIN = 2.0  # seconds from the first Ctrl-C; a later one starts a new count
_MOST = 3  # the Ctrl-C that stops the wait


class Interrupts(Stop):
    """The signals of this process, as bytes on `inbound`, which `read` reads; `stop` sends a Ctrl-C from a thread.

    Within its context the main thread records signals, except ignored ones, so that a Ctrl-C before the request was
    sent is delivered after it. The third Ctrl-C in a row raises Interrupted with `message`, and so does SIGQUIT, unless
    its disposition was changed.

    `handler`: called with each signal; None while `inbound` is polled. `typed`: a Ctrl-C was read, so the terminal has
    printed `^C`. `terminal`: with `--tie`, polled for hangup, as only another process may get the SIGHUP (su).
    """

    def __init__(self, *, tie: bool, message: str) -> None:
        super().__init__()
        self.tie, self.message = tie, message
        self.handler: Callable[[int], None] | None = self._count
        self._pressed_at: list[float] = []  # times of the Ctrl-C in a row (monotonic)
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
            with suppress(OSError):  # no controlling terminal
                self.terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
                self._undo.callback(os.close, self.terminal)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Restore the signal handlers; a second call does nothing."""
        self.inbound = self._wakeup = -1
        self._undo.close()

    # -- polled

    def start_polling(self) -> None:
        """Switch to polling; earlier presses are still in `inbound`, so forget their count."""
        self.handler = None
        self._pressed_at.clear()

    def read(self) -> bytes:
        """Read the numbers of the recorded signals."""
        try:
            signals = os.read(self.inbound, 64)
        except BlockingIOError:
            return b""
        self.typed = self.typed or signal.SIGINT in signals
        return signals

    def hangup(self) -> bytes:
        """Stop polling the terminal; return the SIGHUP for its hangup."""
        self.terminal = -1
        return bytes((signal.SIGHUP,))

    def pressed(self, now: float) -> None:
        """Count a Ctrl-C. Raises Interrupted for the third in a row."""
        if self._pressed_at and now - self._pressed_at[0] > _AGAIN:
            self._pressed_at.clear()
        self._pressed_at.append(now)
        if len(self._pressed_at) >= _MOST:
            self._leave()

    def stop(self) -> None:
        """Send a Ctrl-C from another thread; it ends `sleep`."""
        super().stop()
        if self._wakeup >= 0:
            os.write(self._wakeup, bytes((signal.SIGINT,)))

    # -- handled

    @contextmanager
    def calling(self, callback: Callback) -> Iterator[None]:
        """Within the block, count each Ctrl-C and call `callback`, at once for an earlier one.

        After the block, during a reconnect, the first Ctrl-C stops the wait.
        """

        def handler(_number: int) -> None:
            self.pressed(time.monotonic())
            callback()

        self.start_polling()
        self.handler = handler
        if self.read():
            callback()
        try:
            yield
        finally:
            self.handler = self._give_up

    @contextmanager
    def stop_on_first(self) -> Iterator[None]:
        """Within the block, the first signal stops the wait."""
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
        r"""Stop the wait: after the third Ctrl-C, or after one Ctrl-\, which also detaches from a session."""
        stopped = errors.Interrupted(self.message)
        stopped.typed = True
        raise stopped
