"""The pty and the program in it: started by ptyprocess, read and written without blocking, reaped by `wait4`."""

from __future__ import annotations

import os
import sys
import termios
from errno import EACCES, EAGAIN, EIO, ENOENT, ENOEXEC, ENOTDIR
from fcntl import ioctl
from sys import byteorder

from sesh import platform
from sesh.errors import CannotStart, ExitCode, Refused
from sesh.lean import signal
from sesh.names import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from resource import struct_rusage
    from typing import Any

    from ptyprocess import PtyProcess

_READ = 1 << 14
_FULL = 2048
"""A read of less than this has left nothing behind: the kernel gives a pty's output in pieces of some 4 KB."""
_MOST = 1 << 16
"""Bytes taken from the pty in one turn of the loop."""


class Pty:
    """The master side of a pty, non-blocking, and the session leader on its slave side."""

    def __init__(self, process: PtyProcess | None, kept: dict[str, Any] | None = None) -> None:
        """`kept`: what `state` told of a pty whose descriptors this process has already; no `process` then."""
        self._process = process
        self.status: int | None = None
        self.usage: struct_rusage | None = None
        if process is None:
            facts = kept or {}
            self.descriptor, self._other, self.pid = facts["descriptor"], facts["other"], facts["pid"]
            self.path, self.device = facts["path"], facts["device"]
            return
        self.descriptor = process.fd
        self.pid = process.pid
        os.set_blocking(self.descriptor, False)
        self.path = os.ptsname(self.descriptor) if hasattr(os, "ptsname") else _slave_path(self.descriptor)
        self._other = self._hold()
        self.device = platform.device_number(os.stat(self.path).st_rdev)

    def state(self) -> dict[str, Any]:
        """What a process that has these descriptors needs to go on with the pty."""
        return {
            "descriptor": self.descriptor,
            "other": self._other,
            "pid": self.pid,
            "path": self.path,
            "device": self.device,
        }

    def _hold(self) -> int:
        """A descriptor of the program's side, -1 where there is none to be had.

        Without it a program that closes its terminal, and opens it again later, would look like one that has ended.
        """
        try:
            return os.open(self.path, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError:
            return -1

    @classmethod
    def spawn(
        cls,
        program: str,
        words: list[str],
        directory: str,
        environment: dict[str, str],
        size: tuple[int, int, int, int],
        umask: int,
        stdin: int = -1,
    ) -> Pty:
        """Starts `program` with argv `words` on a new pty of `size` (columns, rows, width, height in pixels).

        `stdin`: a descriptor that it reads from instead of the pty, -1 for none.

        Raises CannotStart (127, or 126 where it is there and cannot be executed) and Refused for the directory.
        """
        process_class = spawner()

        def become() -> None:
            """In the child: the creator's umask and default signals, then the program, argv[0] kept."""
            try:
                os.chdir(directory)
            except OSError as error:
                raise OSError(f"{error.errno} chdir") from error
            os.umask(umask)
            if stdin >= 0:
                os.dup2(stdin, 0)
                os.close(stdin)
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
                if signal.getsignal(number) is not None:
                    signal.signal(number, signal.SIG_DFL)
            try:
                os.execve(program, words, environment)
            except OSError as error:
                raise OSError(f"{error.errno} exec") from error

        try:
            process = process_class.spawn(
                [program], preexec_fn=become, dimensions=(size[1], size[0]), pass_fds=(stdin,) * (stdin >= 0)
            )
        except FileNotFoundError as error:
            raise cannot_start(words[0], program, ENOENT if not os.path.exists(program) else EACCES) from error
        except OSError as error:
            raise _told_by_child(error, words[0], program, directory) from error
        pty = cls(process)
        if size[2] or size[3]:
            pty.resize(*size)
        return pty

    def read(self) -> tuple[list[bytes], bool]:
        """What the program has written, and whether the terminal is still open on its side."""
        blocks: list[bytes] = []
        taken = 0
        while taken < _MOST:
            try:
                block = os.read(self.descriptor, _READ)
            except OSError as error:
                return blocks, error.errno == EAGAIN
            if not block:
                return blocks, False
            blocks.append(block)
            taken += len(block)
            if len(block) < _FULL:
                break  # that was all; where more has come meanwhile, the poller says so
        return blocks, True

    def write(self, data: bytes | memoryview) -> int:
        """Types into the program as much as it takes now. Raises OSError where its terminal is gone."""
        try:
            return os.write(self.descriptor, data)
        except BlockingIOError:
            return 0

    def resize(self, columns: int, rows: int, width: int, height: int) -> None:
        """Tells the program its window's size; the kernel signals it only where that changes something."""
        packed = b"".join(value.to_bytes(2, byteorder) for value in (rows, columns, width, height))
        try:
            ioctl(self.descriptor, termios.TIOCSWINSZ, packed)
        except OSError as error:
            if error.errno != EIO:
                raise

    def foreground(self) -> int:
        """The foreground process group of the terminal, 0 where it has none."""
        try:
            return max(0, os.tcgetpgrp(self.descriptor))
        except OSError:
            return 0

    def signal_foreground(self, number: int) -> None:
        """Sends a signal to the foreground process group."""
        group = self.foreground()
        if group > 1:
            _signal_group(group, number)

    def signal_session(self, number: int) -> int:
        """Sends a signal to every process group of the program's session; how many there were.

        Only groups whose session id is the program's are meant, so a pid that was reused is never met: while one of the
        session's processes lives the kernel gives its number to nobody else.
        """
        groups = platform.groups_of_session(self.pid)
        for group in groups:
            _signal_group(group, number)
        return len(groups)

    def reap(self) -> bool:
        """Whether the program has ended; its wait status and usage are kept from then on."""
        if self.status is None:
            try:
                pid, status, usage = os.wait4(self.pid, os.WNOHANG)
            except ChildProcessError:
                pid, status, usage = self.pid, 0, None  # somebody took it from us: nothing better is known
            if pid:
                self.status, self.usage = status, usage
        return self.status is not None

    def close(self) -> None:
        """Gives the master side back; processes that still hold the other side get the kernel's SIGHUP."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            if self._other >= 0:
                os.close(self._other)
            self.descriptor = self._other = -1
            if self._process is not None:
                self._process.fd, self._process.closed = -1, True
                self._process.fileobj = None


def spawner() -> Any:
    """ptyprocess, without what takes most of the time to load it and is of no use for spawning.

    It would load shutil, and the compressors with it, to look for programs (without, it looks by itself; here it is
    given a path), and all enumerations of signal for four numbers.
    """
    stand_ins = {"shutil": None, "signal": signal}
    absent = [name for name in stand_ins if name not in sys.modules]
    for name in absent:
        sys.modules[name] = stand_ins[name]  # type: ignore[assignment]  # None: "cannot be imported"
    try:
        from ptyprocess import PtyProcess
    finally:
        for name in absent:
            del sys.modules[name]
    return PtyProcess


def _slave_path(descriptor: int) -> str:
    """The path of the slave side, for a Python whose os has no ptsname (before 3.13)."""
    if platform.LINUX:
        number = int.from_bytes(ioctl(descriptor, 0x80045430, bytes(4)), byteorder)  # TIOCGPTN
        return f"/dev/pts/{number}"
    return bytes(ioctl(descriptor, 0x40807453, bytes(128))).rstrip(b"\0").decode()  # TIOCPTYGNAME


def _signal_group(group: int, number: int) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        pass  # it ended meanwhile, or changed its user: a terminal's own signals would not reach it either


def _told_by_child(error: OSError, word: str, program: str, directory: str) -> Exception:
    """The exception for what `become` reported through ptyprocess, which carries the text alone."""
    code, _, step = str(error).rpartition(":")[2].strip().partition(" ")
    number = int(code) if code.isdecimal() else EACCES
    if step == "chdir":
        return Refused(f"{printable(directory)} cannot be entered: {os.strerror(number)}")
    return cannot_start(word, program, number)


def cannot_start(word: str, program: str, number: int) -> CannotStart:
    """127 where nothing of the name is there, 126 where it is and cannot be executed."""
    if number in (ENOENT, ENOTDIR) and not os.path.exists(program):
        return CannotStart(f"{printable(word)}: command not found; check the spelling and PATH")
    why = "it is no program and names no interpreter" if number == ENOEXEC else os.strerror(number)
    told = f"{printable(word)} cannot be executed: {why}"
    return CannotStart(told, exit_code=ExitCode.NOT_EXECUTABLE, code="refused")
