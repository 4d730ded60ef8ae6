"""Reads and writes the program's pty without blocking, and signals and reaps its processes."""

from __future__ import annotations

import os
import select
import termios
from contextlib import suppress
from errno import EAGAIN, EBADF, EIO
from fcntl import ioctl
from resource import struct_rusage
from sys import byteorder
from termios import TIOCSWINSZ

from sesh.system import platforms, processes
from sesh.system.descriptors import CHARACTERS, INPUT, LOCAL, OUTPUT
from sesh.wire import protocol

_READ = 1 << 14
_FULL = 2048  # a read of fewer bytes was the last one: the kernel returns pieces of some 4 KB
READ_LIMIT = 1 << 16  # bytes after which `read` leaves the rest for the next turn
_WRITE_TIME = 10  # milliseconds in which a write in progress makes output readable
_NO_CHARACTER = b"\0"  # of a key that the terminal does not have
_CLOSED = [termios.ICRNL, termios.OPOST | termios.ONLCR, 0, termios.ICANON]


def set_size(descriptor: int, columns: int, rows: int, width: int, height: int) -> None:
    """Set a terminal's size in cells and pixels; a change causes SIGWINCH."""
    packed = b"".join(value.to_bytes(2, byteorder) for value in (rows, columns, width, height))
    try:
        ioctl(descriptor, TIOCSWINSZ, packed)
    except OSError as error:
        if error.errno != EIO:
            raise


class Pty:
    """A pty's master side, non-blocking, and its session leader; without arguments, it is closed."""

    def __init__(self, descriptor: int = -1, slave: int = -1, pid: int = 0) -> None:
        self.has_ended = False
        self.status: int | None = None  # of the kernel's wait(2); None also after the end, if it was lost
        self.usage: struct_rusage | None = None
        self.descriptor = descriptor
        self.slave = slave
        self.pid = pid
        self.path = platforms.pty_path(descriptor) if self.is_open else ""
        self.device = platforms.device_number(os.stat(self.path).st_rdev) if self.is_open else 0

    @property
    def is_open(self) -> bool:
        """True until `close`."""
        return self.descriptor >= 0

    @classmethod
    def adopt(cls, descriptor: int, pid: int) -> Pty:
        os.set_blocking(descriptor, False)
        # Keep the slave side open: else a program that closes and reopens its terminal would seem to have ended.
        slave = os.open(platforms.pty_path(descriptor), os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
        return cls(descriptor, slave, pid)

    def read(self, limit: int = READ_LIMIT) -> tuple[bytes, bool]:
        """Read about `limit` bytes; return them, and whether the slave side has hung up."""
        blocks: list[bytes] = []
        taken = 0
        hung_up = False
        while taken < limit:
            try:
                block = os.read(self.descriptor, min(_READ, limit - taken))
            except OSError as error:
                hung_up = error.errno not in (EAGAIN, EBADF)  # EBADF: closed
                break
            blocks.append(block)
            size = len(block)
            taken += size
            if size < _FULL:  # if more has come meanwhile, poll reports it
                hung_up = block == b""
                break
        return b"".join(blocks), hung_up

    def write(self, data: bytearray) -> int:
        """Write as much as the pty accepts; return the byte count. Raises OSError."""
        try:
            return os.write(self.descriptor, data)
        except BlockingIOError:
            return 0

    def foreground(self) -> int:
        try:
            return max(0, os.tcgetpgrp(self.descriptor))
        except OSError:
            return 0

    def raw(self) -> bool:
        """Return whether the program gets each key at once (not in canonical mode)."""
        return not self._modes()[LOCAL] & termios.ICANON

    def input_reader(self) -> tuple[int, bool]:
        """Return the foreground process group, and whether it gets each key at once."""
        return self.foreground(), self.raw()

    def echoes(self) -> bool:
        return bool(self._modes()[LOCAL] & termios.ECHO)

    def maps_enter(self) -> bool:
        return bool(self._modes()[INPUT] & termios.ICRNL)

    def flags(self) -> int:
        """Return ECHO and ICANON as flags of the frame ECHOED."""
        modes = self._modes()[LOCAL]
        flags = 0
        if modes & termios.ECHO:
            flags |= protocol.ECHOES
        if modes & termios.ICANON:
            flags |= protocol.BY_LINE
        return flags

    def output_stopped(self) -> bool:
        """Return whether output is stopped: the slave is not writable, and no output is readable."""
        # During a program's write the slave is not writable either, but then output becomes readable.
        if not self.is_open:
            return False
        ready = select.poll()
        ready.register(self.slave, select.POLLOUT)
        ready.register(self.descriptor, select.POLLIN)
        return not ready.poll(_WRITE_TIME)

    def has_output(self) -> bool:
        """Return whether there is output to read."""
        if not self.is_open:
            return False
        ready = select.poll()
        ready.register(self.descriptor, select.POLLIN)
        return bool(ready.poll(0))

    def readable(self) -> int:
        """Return the number of bytes that can be read: at most 4,095, though the program may have printed more."""
        try:
            return int.from_bytes(ioctl(self.descriptor, termios.FIONREAD, bytes(4)), byteorder)
        except (OSError, ValueError):
            return 0

    def flushes_at(self, keys: bytes | bytearray) -> bool:
        """Return whether one of the keys makes the terminal discard its output: Ctrl-C, Ctrl-\\, Ctrl-Z."""
        try:
            modes = termios.tcgetattr(self.descriptor)
        except (OSError, ValueError, termios.error):
            return False
        local, characters = modes[LOCAL], modes[CHARACTERS]
        if not local & termios.ISIG or local & termios.NOFLSH:
            return False
        own = [characters[each] for each in (termios.VINTR, termios.VQUIT, termios.VSUSP)]
        return any(each != _NO_CHARACTER and each in keys for each in own)

    def acts_on(self) -> bytes:
        """Return the characters that the terminal takes for itself: they send signals, stop output or resume it."""
        try:
            modes = termios.tcgetattr(self.descriptor)
        except (OSError, ValueError, termios.error):
            return b""
        own = [termios.VINTR, termios.VQUIT, termios.VSUSP] if modes[LOCAL] & termios.ISIG else []
        if modes[INPUT] & termios.IXON:
            own += [termios.VSTOP, termios.VSTART]
        return b"".join(modes[CHARACTERS][each] for each in own).replace(_NO_CHARACTER, b"")

    def unread(self) -> int:
        """Return the number of unread bytes: at most 4,095, 0 just after a write."""
        try:
            return int.from_bytes(ioctl(self.slave, termios.FIONREAD, bytes(4)), byteorder)
        except (OSError, ValueError):
            return 0

    def translates(self) -> bool:
        """Return whether the terminal writes CR LF for LF."""
        needed = termios.OPOST | termios.ONLCR
        return self._modes()[OUTPUT] & needed == needed

    def _modes(self) -> list[int]:
        try:
            return termios.tcgetattr(self.descriptor)[:4]
        except (OSError, ValueError, termios.error):
            return _CLOSED

    def send_signal(self, number: int) -> None:
        """Send a signal to the foreground's process group. Raises ProcessLookupError without one, OSError."""
        group = self.foreground()
        if group <= 1:
            raise ProcessLookupError
        os.killpg(group, number)

    def signal_foreground(self, number: int) -> None:
        group = self.foreground()
        if group > 1:
            _signal_group(group, number)

    def signal_session(self, *numbers: int) -> list[int]:
        """Send signals, in order, to all living process groups of the session; return them."""
        # A reused pid cannot be hit: the kernel does not reuse the id of a session that has processes.
        groups = processes.groups_of_session(self.pid)
        for number in numbers:
            for group in groups:
                _signal_group(group, number)
        return groups

    def reap(self) -> bool:
        """Take the program's exit status from the kernel; return whether the program has ended."""
        if not self.has_ended:
            try:
                pid, status, usage = os.wait4(self.pid, os.WNOHANG)
            except ChildProcessError:
                self.has_ended = True  # somebody else has reaped it, and its status is lost
            else:
                if pid:
                    self.has_ended = True
                    self.status = status
                    self.usage = usage
        return self.has_ended

    def close(self) -> None:
        """Close the pty; processes with an open slave side get SIGHUP from the kernel."""
        if not self.is_open:
            return
        descriptors = (self.descriptor, self.slave)
        self.descriptor = self.slave = -1  # first: close(2) closes them even if it fails
        for descriptor in descriptors:
            os.close(descriptor)


def _signal_group(group: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):  # it has ended, or runs as another user
        os.killpg(group, number)
