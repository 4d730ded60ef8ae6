"""The user's terminal in raw mode, and its exact restoration."""

from __future__ import annotations

import errno
import os
import select
import signal
import termios
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import Any

from sesh.client.reports import ReportReader, ResetReplies, Typed, Wait, begun
from sesh.errors import Refused
from sesh.system import descriptors
from sesh.text.coding import UTF8, Coding, own_coding, shown, shown_bytes

_NO_END = {"SIGCHLD", "SIGCONT", "SIGINFO", "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGURG", "SIGWINCH"}
_UNHANDLED = {"SIGKILL", "SIGSTOP", "SIGBUS", "SIGFPE", "SIGILL", "SIGSEGV"}  # a fault would come again and again
_IGNORED = {"SIGPIPE", "SIGXFSZ"}  # by Python
EXIT_SIGNALS = frozenset(  # they end the client; signals of real time have no name
    each for each in signal.valid_signals() if getattr(each, "name", "") not in _NO_END | _UNHANDLED | _IGNORED
)
_HANDLED_SIGNALS = (*EXIT_SIGNALS, signal.SIGWINCH, signal.SIGTSTP, signal.SIGCONT)
_READ_SIZE = 1 << 13
_MAX_DROPPED = 1 << 14  # bytes of dropped input that are kept
_MAX_UNREAD = 1 << 17  # more than a terminal holds


class RawTerminal:
    """The terminal on two descriptors, raw inside the `with` block.

    The end of the block restores termios, signal handlers and blocking. Each signal becomes a byte on the descriptor
    `signals`, for the loop's poll. Raises Refused if a descriptor is not a terminal.
    """

    def __init__(self, inbound: int = 0, outbound: int = 1) -> None:
        if not (os.isatty(inbound) and os.isatty(outbound)):
            raise Refused("attaching needs a terminal on stdin and stdout; in scripts, use sesh exec, send and screen")
        self.inbound = inbound
        self.outbound = outbound
        self.signals = -1
        self._attributes: list[Any] = []
        self._translated = 0  # unread bytes that were typed before raw mode, when Enter still arrived as a newline
        self._coding = Coding.named(own_coding())
        self._begun_report = b""  # at the end of what was read
        self._part_taken = b""  # what the terminal has taken of a character, in its own coding
        self._undo = ExitStack()

    def __enter__(self) -> RawTerminal:
        try:
            with ExitStack() as undo:
                # Once: after a stop they may be those of a shell at its prompt.
                self._attributes = self._attributes or termios.tcgetattr(self.inbound)
                self._open_outbound(undo)
                self.signals, wakeup = os.pipe()
                for descriptor in (self.signals, wakeup):
                    undo.callback(os.close, descriptor)
                    os.set_blocking(descriptor, False)
                undo.callback(signal.set_wakeup_fd, signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False))
                for number in _HANDLED_SIGNALS:  # Python writes only signals that have a handler
                    undo.callback(signal.signal, number, signal.signal(number, lambda *_: None) or signal.SIG_DFL)
                given = partial(termios.tcsetattr, self.inbound, termios.TCSANOW, self._attributes)
                undo.callback(_change_settings, given)
                self.raw()
                self._undo = undo.pop_all()
        except (OSError, termios.error) as error:
            raise Refused(f"cannot attach this terminal: {error.args[-1]}") from error
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    def _open_outbound(self, undo: ExitStack) -> None:
        """Reopen output if possible, because other processes share it; make it non-blocking."""
        given = self.outbound
        undo.callback(setattr, self, "outbound", given)
        try:
            self.outbound = os.open(os.ttyname(given), os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
            undo.callback(os.close, self.outbound)
        except OSError:
            undo.callback(os.set_blocking, given, os.get_blocking(given))
            os.set_blocking(given, False)

    def raw(self) -> None:
        """Set raw mode. Enter in earlier input reads as in raw mode: as carriage return."""
        _change_settings(lambda: tty.setraw(self.inbound, termios.TCSANOW))
        if self._attributes and self._attributes[descriptors.INPUT] & termios.ICRNL:
            with suppress(OSError):  # the terminal has gone
                self._translated = descriptors.unread(self.inbound)

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Give the terminal and the signals back inside the block, in which ssh may prompt."""
        ending = self.take_signals() & EXIT_SIGNALS
        self._undo.close()
        for number in ending:  # they came before, and nobody has read them
            signal.raise_signal(number)
        try:
            yield
        finally:
            self.__enter__()

    def suspend(self) -> None:
        """Give the terminal back, and stop this process until SIGCONT."""
        with self.lent():
            os.kill(os.getpid(), signal.SIGTSTP)

    def size(self) -> tuple[int, int, int, int]:
        """Return columns, rows, and width and height in pixels; 0 if unknown."""
        try:
            return descriptors.window_size(self.outbound)
        except OSError:
            return 0, 0, 0, 0

    def grid(self) -> tuple[int, int]:
        """Return columns and rows; 80 and 24 if unknown."""
        columns, rows, _, _ = self.size()
        return columns or 80, rows or 24

    def path(self) -> str:
        """Return the path of the terminal's device, empty if unknown."""
        try:
            return os.ttyname(self.inbound)
        except OSError:
            return ""

    def read(self, size: int = _READ_SIZE) -> bytes | None:
        """Return unread input; empty if the terminal has gone, None without input."""
        try:
            data = os.read(self.inbound, size)
        except BlockingIOError:
            return None
        except OSError:
            return b""
        if self._translated:
            translated = data[: self._translated]
            self._translated -= len(translated)
            data = translated.replace(b"\n", b"\r") + data[len(translated) :]
        if self._coding is not None and data:
            data = self._coding.to_utf8(data)
            if not data:
                return None
        if data and (self._begun_report or b"\x1b" in data):
            self._begun_report = begun(self._begun_report + data)
        return data

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Write the bytes that the terminal takes now; return their number."""
        if self._coding is not None:
            return self._write_coded(bytes(data), self._coding.name)
        return self._write(data)

    def _write(self, data: bytes | bytearray | memoryview) -> int:
        try:
            return os.write(self.outbound, data)
        except BlockingIOError:
            return 0
        except OSError:
            return len(data)  # a terminal that is gone takes all bytes; the next read notices

    def _write_coded(self, data: bytes, coding: str) -> int:
        """Write as `write` does, in the coding of the terminal's locale."""
        coded = shown_bytes(data, coding)
        begun = self._part_taken if coded.startswith(self._part_taken) else b""  # else the rest of it was dropped
        written = len(begun) + self._write(coded[len(begun) :])
        self._part_taken = b""
        if written >= len(coded):
            return len(data)
        taken = at = 0
        for character in data.decode(UTF8, "surrogateescape"):  # up to the one of which the terminal has a part
            size = len(shown(character, coding))
            if written < at + size:
                break
            at += size
            taken += len(character.encode(UTF8, "surrogateescape"))
        self._part_taken = coded[at:written]
        return taken

    def write_all(self, data: bytes | bytearray, seconds: float) -> bool:
        """Write all of `data`; return False if the terminal takes no byte for `seconds`."""
        view = memoryview(data)
        while view := view[self.write(view) :]:
            if not self.wait_for_room(seconds):
                return False
        return True

    def wait_for_room(self, seconds: float) -> bool:
        """Wait until the terminal takes bytes; return False if it takes none for `seconds`."""
        return descriptors.polled([(self.outbound, select.POLLOUT)], time.monotonic() + seconds) != []

    def drop_input(self, after: float = 0.0) -> None:
        """Drop unread input, and input that comes within `after` seconds."""
        descriptors.polled((), time.monotonic() + after)
        with suppress(termios.error):  # the terminal has gone
            termios.tcflush(self.inbound, termios.TCIFLUSH)
            self._translated = 0

    def take_unread(self) -> bytes:
        """Return all unread input, to be dropped."""
        taken = bytearray()
        while len(taken) < _MAX_UNREAD and descriptors.polled([(self.inbound, select.POLLIN)], time.monotonic()):
            data = self.read()
            if data == b"":  # the terminal has gone
                break
            taken += data or b""
        return bytes(taken)

    def drop_until(self, replies: ResetReplies, seconds: float) -> bytes:
        """Drop reports until `replies` are complete, for at most `seconds`; return the last of what was dropped.

        The first byte that belongs to no report is dropped, too, and ends it. What follows it stays unread: a byte once
        read cannot be given back to the terminal.
        """
        deadline = time.monotonic() + seconds
        dropped, reports = bytearray(self._begun_report), ReportReader(self._begun_report)
        while descriptors.polled([(self.inbound, select.POLLIN)], deadline):
            byte = self.read(1)
            if byte is None:
                continue
            if byte == b"":  # the terminal has gone
                break
            dropped += byte
            found = reports.feed(byte)
            if found is Typed.END:
                replies.take(reports.report)
            elif found is Typed.KEY:
                replies.take_key()
            if replies.wait in (Wait.OVER, Wait.TYPED):
                break
            del dropped[:-_MAX_DROPPED]
        return bytes(dropped)

    def take_signals(self) -> set[int]:
        """Return the signals since the last call, without a SIGTSTP that SIGCONT has ended."""
        try:
            signals = {*os.read(self.signals, 4096)}
        except BlockingIOError:
            return set()
        return signals - {signal.SIGTSTP} if signal.SIGCONT in signals else signals


def _change_settings(change: Callable[[], object]) -> None:
    """Call `change`; ignore its error, because the next read notices a terminal that is gone.

    In a background process, tcsetattr stops the process, and fails with EINTR once it is in the foreground.
    """
    while True:
        try:
            change()
            return
        except termios.error as error:
            if error.args[0] != errno.EINTR:
                return
