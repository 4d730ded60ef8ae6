"""The terminal that the client sits at, taken over for an attachment and given back exactly as it was."""

from __future__ import annotations

import errno
import fcntl
import os
import select
import sys
import termios
import time

from sesh.errors import Refused
from sesh.lean import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LEAVING = (signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
"""Signals upon which the client gives the terminal back and ends with 128 and the signal's number."""
RESIZED, STOPPED, CONTINUED = signal.SIGWINCH, signal.SIGTSTP, signal.SIGCONT
_WATCHED = (*LEAVING, RESIZED, STOPPED, CONTINUED)
_READ = 1 << 13


class RawTerminal:
    """The terminal on two descriptors (0 and 1), raw while the `with` block lasts.

    Its line discipline, the handlers of signals and whether the descriptors block come back byte for byte when the
    block is left, whatever the reason. Signals arrive as bytes on `signals`, a descriptor to wait on. Output goes
    through a description of its own where the terminal can be opened anew, so that what other processes share with
    this one never becomes non-blocking. Raises Refused where one of the descriptors is no terminal.
    """

    def __init__(self, inbound: int = 0, outbound: int = 1) -> None:
        if not (os.isatty(inbound) and os.isatty(outbound)):
            raise Refused("attaching needs a terminal on stdin and stdout; a program uses --exec, --send and --screen")
        self.inbound = inbound
        self.outbound = self._shown_on = outbound
        self.signals = -1
        self.stirred = False
        """Whether a signal has come since `noticed` was called; true before `signals` is seen to be readable."""
        self._attributes: list[Any] | None = None
        self._blocking: dict[int, bool] = {}
        self._handlers: dict[int, Any] = {}
        self._wakeup = self._old_wakeup = -1

    def __enter__(self) -> RawTerminal:
        try:
            self._attributes = termios.tcgetattr(self.inbound)
            self.outbound = _reopen(self._shown_on)
            if self.outbound == self._shown_on:
                self._blocking = {fd: os.get_blocking(fd) for fd in (self.inbound, self.outbound)}
                os.set_blocking(self.outbound, False)
            self._watch()
            self.raw()
        except (OSError, termios.error) as error:
            self.__exit__()
            raise Refused(f"this terminal cannot be attached to a session: {error.args[-1]}") from error
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.cooked()
        for descriptor, blocking in self._blocking.items():
            os.set_blocking(descriptor, blocking)
        self._blocking = {}
        if self.outbound != self._shown_on:
            os.close(self.outbound)
            self.outbound = self._shown_on
        self._unwatch()

    # -- the line discipline

    def raw(self) -> None:
        """Every byte passes as it is, both ways; what was typed before stays. Raises OSError where it has gone."""
        if self._attributes is None:
            return
        iflag, oflag, cflag, lflag, ispeed, ospeed, characters = self._attributes
        iflag &= ~(
            termios.IGNBRK | termios.BRKINT | termios.PARMRK | termios.ISTRIP
            | termios.INLCR | termios.IGNCR | termios.ICRNL | termios.IXON
        )  # fmt: skip
        cflag = (cflag & ~(termios.CSIZE | termios.PARENB)) | termios.CS8
        lflag &= ~(termios.ECHO | termios.ECHONL | termios.ICANON | termios.ISIG | termios.IEXTEN)
        characters = list(characters)
        characters[termios.VMIN], characters[termios.VTIME] = 1, 0
        wanted = [iflag, oflag & ~termios.OPOST, cflag, lflag, ispeed, ospeed, characters]
        self._set(wanted)

    def cooked(self) -> None:
        """The line discipline as it was found; a terminal that has gone needs none."""
        if self._attributes is not None:
            try:
                self._set(self._attributes)
            except OSError:
                return

    def _set(self, attributes: list[Any]) -> None:
        while True:
            try:
                return termios.tcsetattr(self.inbound, termios.TCSANOW, attributes)
            except termios.error as error:  # a process in the background stops here until it is in front again
                if error.args[0] != errno.EINTR:
                    raise OSError(*error.args) from error

    def stop(self) -> None:
        """Stops this process as SIGTSTP would have, the terminal cooked; returns, raw again, when it is continued.

        Raises OSError where the terminal has gone meanwhile.
        """
        self.cooked()
        ours = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, ours)
        self.raw()

    def size(self) -> tuple[int, int, int, int]:
        """Columns, rows, and width and height in pixels, 0 where the terminal does not know them."""
        try:
            found = fcntl.ioctl(self._shown_on, termios.TIOCGWINSZ, bytes(8))
        except OSError:
            found = bytes(8)
        rows, columns, width, height = (int.from_bytes(found[at : at + 2], sys.byteorder) for at in (0, 2, 4, 6))
        return columns, rows, width, height

    def path(self) -> str:
        """The terminal's device, empty where it has no name."""
        try:
            return os.ttyname(self.inbound)
        except OSError:
            return ""

    # -- bytes

    def read(self) -> bytes | None:
        """What has been typed; empty where the terminal has gone, None where somebody else was faster."""
        try:
            return os.read(self.inbound, _READ)
        except BlockingIOError:
            return None
        except OSError:
            return b""

    def write(self, data: bytes | memoryview) -> int:
        """Shows as much of `data` as the terminal takes now: the number of bytes. Raises OSError where it has gone."""
        try:
            return os.write(self.outbound, data)
        except BlockingIOError:
            return 0

    def write_all(self, data: bytes, seconds: float) -> bool:
        """Shows all of `data`, waiting for the terminal for so long at the most. False where it did not take it."""
        deadline = time.monotonic() + seconds
        view = memoryview(data)
        poll = select.poll()
        poll.register(self.outbound, select.POLLOUT)
        try:
            while view:
                view = view[self.write(view) :]
                left = deadline - time.monotonic()
                if view and (left <= 0 or not poll.poll(left * 1000)):
                    return False
        except OSError:
            return False
        return True

    def discard(self, seconds: float) -> None:
        """Throws away what comes in for so long: the terminal's answers to questions that nobody asks any more."""
        deadline = time.monotonic() + seconds
        poll = select.poll()
        poll.register(self.inbound, select.POLLIN)
        while (left := deadline - time.monotonic()) > 0:
            if poll.poll(left * 1000) and self.read() == b"":
                return

    # -- signals

    def _watch(self) -> None:
        self.signals, self._wakeup = os.pipe()
        os.set_blocking(self.signals, False)
        os.set_blocking(self._wakeup, False)
        self._old_wakeup = signal.set_wakeup_fd(self._wakeup, warn_on_full_buffer=False)
        for number in _WATCHED:
            self._handlers[number] = signal.signal(number, self._stir)

    def _unwatch(self) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        self._handlers = {}
        if self.signals >= 0:
            signal.set_wakeup_fd(self._old_wakeup)
            os.close(self.signals)
            os.close(self._wakeup)
            self.signals = self._wakeup = -1

    def _stir(self, _number: int, _frame: object) -> None:
        """A signal needs a handler for its byte to be written."""
        self.stirred = True

    def noticed(self) -> set[int]:
        """The numbers of the signals that have come since the last call."""
        self.stirred = False
        try:
            return set(os.read(self.signals, 4096))
        except BlockingIOError:
            return set()


def _reopen(descriptor: int) -> int:
    """The terminal, opened anew and non-blocking; `descriptor` itself where that is not to be had."""
    try:
        own = os.open(os.ttyname(descriptor), os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return descriptor
    if os.fstat(own).st_rdev == os.fstat(descriptor).st_rdev and os.isatty(own):
        return own
    os.close(own)
    return descriptor
