"""The pty and the program on it: started by ptyprocess, read and written without blocking, reaped by `wait4`."""

from __future__ import annotations

import os
import sys
import termios
from errno import EACCES, EAGAIN, EIO, EMFILE, ENFILE, ENOENT, ENOEXEC, ENOSPC, ENOTDIR, ENXIO
from fcntl import ioctl
from sys import byteorder

from sesh import platform, protocol
from sesh.errors import CannotStart, ExitCode, Refused, no_process
from sesh.lean import signal
from sesh.names import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from resource import struct_rusage
    from typing import Any, TypedDict

    class PtyState(TypedDict):
        """The pty of a daemon for the next process that has its descriptors."""

        descriptor: int
        slave: int
        pid: int
        path: str
        device: int


_READ = 1 << 14
_FULL = 2048
"""Bytes of a read below which nothing is left: the kernel hands a pty's output over in pieces of some 4 KB."""
TURN = 1 << 16
"""Bytes read from the pty in one turn of the loop."""
_SHELL = frozenset(" \t\n|&;<>()$`\\\"'*?[]{}!=")
"""Characters that a shell reads as its own, and names of programs hardly have."""
_SHOWN = 80
"""Characters of a line of shell that a hint repeats."""
_OUTPUT_FLAGS, _LOCAL_FLAGS = 1, 3
"""Indexes into the list that `tcgetattr` returns."""


class Pty:
    """The master side of a pty, non-blocking, and the session leader on its slave side."""

    def __init__(self, state: PtyState) -> None:
        self.status: int | None = None
        self.usage: struct_rusage | None = None
        """The wait status and the resource usage of the program, once it has ended."""
        self.state = state
        """The pty as plain data for a process that has its descriptors; of no use after `close`."""
        self.descriptor, self._slave, self.pid = state["descriptor"], state["slave"], state["pid"]
        self.path, self.device = state["path"], state["device"]

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

        `stdin`: a descriptor to read from instead of the pty, -1 for none. Raises CannotStart (127, or 126 if the file
        is there and cannot be executed) and Refused for the directory.
        """
        process_class = load_ptyprocess()

        def become() -> None:
            """In the child: the creator's umask and default signals, then the program, argv[0] kept."""
            step = "chdir"
            try:
                os.chdir(directory)
                step = "exec"
                os.umask(umask)
                if stdin >= 0:
                    os.dup2(stdin, 0)
                    os.close(stdin)
                for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
                    if signal.getsignal(number) is not None:
                        signal.signal(number, signal.SIG_DFL)
                signal.pthread_sigmask(signal.SIG_SETMASK, ())
                platform.yield_memory()
                os.execve(program, words, environment)
            except OSError as error:
                raise OSError(f"{error.errno} {step}") from error

        try:
            process = process_class.spawn(
                [program], preexec_fn=become, dimensions=(size[1], size[0]), pass_fds=(stdin,) if stdin >= 0 else ()
            )
        except FileNotFoundError as error:
            raise cannot_start(words, program, ENOENT if not os.path.exists(program) else EACCES) from error
        except OSError as error:
            if error.errno != 0:
                raise _no_terminal(error) from error
            # An error of `become`, of which ptyprocess passes on the text only.
            code, _, step = str(error).rpartition(":")[2].strip().partition(" ")
            number = int(code) if code.isdecimal() else EACCES
            if step == "chdir":
                raise Refused(f"cannot enter {printable(directory)}: {os.strerror(number)}") from error
            raise cannot_start(words, program, number) from error
        descriptor = os.dup(process.fd)
        process.closed = True  # it would end the program when it is collected
        process.fileobj.close()
        pty = cls(_new_state(descriptor, process.pid))
        if size[2] or size[3]:
            pty.resize(*size)
        return pty

    def read(self, most: int = TURN) -> tuple[bytes, bool]:
        """Reads about `most` bytes of output, or some more, and whether the terminal is open on the program's side."""
        blocks: list[bytes] = []
        taken, is_open = 0, True
        while taken < most:
            try:
                block = os.read(self.descriptor, min(_READ, most))
            except OSError as error:
                is_open = error.errno == EAGAIN
                break
            blocks.append(block)
            taken += len(block)
            if len(block) < _FULL:  # that was all; if more has come meanwhile, the poller will say so
                is_open = block != b""
                break
        return b"".join(blocks), is_open

    def write(self, data: bytes | memoryview) -> int:
        """Writes what the program takes now; returns the number of bytes. Raises OSError if its terminal is gone."""
        try:
            return os.write(self.descriptor, data)
        except BlockingIOError:
            return 0

    def resize(self, columns: int, rows: int, width: int, height: int) -> None:
        """Sets the size of the terminal; the kernel sends SIGWINCH only if it changes."""
        packed = b"".join(value.to_bytes(2, byteorder) for value in (rows, columns, width, height))
        try:
            ioctl(self.descriptor, termios.TIOCSWINSZ, packed)
        except InterruptedError:
            self.resize(columns, rows, width, height)
        except OSError as error:
            if error.errno != EIO:
                raise

    def foreground(self) -> int:
        """The foreground process group of the terminal, 0 if it has none."""
        try:
            return max(0, os.tcgetpgrp(self.descriptor))
        except OSError:
            return 0

    def raw(self) -> bool:
        """Returns whether the terminal passes every key on at once, as for an editor of lines or files."""
        return not self._modes(_LOCAL_FLAGS, termios.ICANON) & termios.ICANON

    def echoes(self) -> bool:
        """Returns whether the terminal shows what is typed."""
        return bool(self._modes(_LOCAL_FLAGS) & termios.ECHO)

    def flags(self) -> int:
        """ECHO and ICANON, as ECHOED carries them; 0 if the terminal is gone."""
        flags = self._modes(_LOCAL_FLAGS)
        return (protocol.ECHOES if flags & termios.ECHO else 0) | (protocol.BY_LINE if flags & termios.ICANON else 0)

    def unread(self) -> int:
        """Bytes that were typed and that the program has not read: at most 4,095, and 0 for a moment after a write."""
        try:
            return int.from_bytes(ioctl(self._slave, termios.FIONREAD, bytes(4)), byteorder)
        except (OSError, ValueError):
            return 0

    def translates(self) -> bool:
        """Returns whether the terminal writes `\\r\\n` for each `\\n` of a program."""
        needed = termios.OPOST | termios.ONLCR
        return self._modes(_OUTPUT_FLAGS, needed) & needed == needed

    def _modes(self, index: int, default: int = 0) -> int:
        """The flags at an index of `tcgetattr`; `default` if the terminal is closed here, or on the program's side."""
        try:
            return int(termios.tcgetattr(self.descriptor)[index])
        except (OSError, ValueError, termios.error):
            return default

    def signal_foreground(self, number: int) -> None:
        """Sends a signal to the foreground process group."""
        group = self.foreground()
        if group > 1:
            _signal_group(group, number)

    def signal_session(self, number: int) -> None:
        """Sends a signal to every process group of the program's session.

        Only groups whose session id is the program's are signalled, so a reused pid is never hit: while one of the
        session's processes lives, the kernel gives its number to no other process.
        """
        for group in platform.groups_of_session(self.pid):
            _signal_group(group, number)

    def reap(self) -> bool:
        """Reaps the program if it has ended, and returns whether it has; `status` and `usage` are set from then on."""
        if self.status is None:
            try:
                pid, status, usage = os.wait4(self.pid, os.WNOHANG)
            except ChildProcessError:
                pid, status, usage = self.pid, 0, None  # something else reaped it: nothing better is known
            if pid:
                self.status, self.usage = status, usage
        return self.status is not None

    def close(self) -> None:
        """Closes the pty; processes that still hold the slave side get the kernel's SIGHUP."""
        descriptor, slave = self.descriptor, self._slave
        self.descriptor = self._slave = -1  # the kernel closes them even if it reports an error
        try:
            if descriptor >= 0:
                os.close(descriptor)
        finally:
            if slave >= 0:
                os.close(slave)


def load_ptyprocess() -> Any:
    """Loads the class of ptyprocess, without the modules that take most of its load time and are never used here.

    These are shutil with the compressors, which look for programs (it is given a path here), and the enums of signal,
    of which it uses four numbers.
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


def _new_state(descriptor: int, pid: int) -> PtyState:
    """The state of a new pty, whose master side this descriptor is. Raises OSError."""
    os.set_blocking(descriptor, False)
    if hasattr(os, "ptsname"):  # since Python 3.13
        path = str(os.ptsname(descriptor))
    elif platform.LINUX:
        path = f"/dev/pts/{int.from_bytes(ioctl(descriptor, 0x80045430, bytes(4)), byteorder)}"  # TIOCGPTN
    else:
        path = bytes(ioctl(descriptor, 0x40807453, bytes(128))).rstrip(b"\0").decode()  # TIOCPTYGNAME
    try:
        # Without it, a program that closes its terminal to open it again later would look like one that has ended.
        slave = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        slave = -1
    device = platform.device_number(os.stat(path).st_rdev)
    return {"descriptor": descriptor, "slave": slave, "pid": pid, "path": path, "device": device}


def _signal_group(group: int, number: int) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        pass  # it ended meanwhile, or runs as another user now: a terminal's own signals would not reach it either


def _no_terminal(error: OSError) -> Refused:
    """The error for a pty or a process that could not be created: ptyprocess hides which, but another pty tells."""
    try:
        for descriptor in os.openpty():
            os.close(descriptor)
    except OSError as again:
        if again.errno in (ENOSPC, EAGAIN, ENXIO):
            limit = "kernel.pty.max" if platform.LINUX else "kern.tty.ptmx_max"
            return Refused("no pty is left", hint=f"end some sessions or close terminals, or raise {limit} with sysctl")
        full = again.errno in (EMFILE, ENFILE)
        hint = "close some files, or raise the limit (ulimit -n)" if full else "check /dev/ptmx and /dev/pts"
        return Refused(f"cannot open a pty: {again.strerror or again}", hint=hint)
    return no_process(error)


def cannot_start(words: Sequence[str], program: str, number: int) -> CannotStart:
    """The error for a program that does not start: 127 if there is no such file, 126 if it cannot be executed."""
    word = words[0]
    if number in (ENOENT, ENOTDIR) and not os.path.exists(program):
        hint = "check the spelling and PATH"
        if len(words) == 1 and not _SHELL.isdisjoint(word):
            hint = f"for a line of shell: sh -c {_quoted(word)}"
        return CannotStart(f"{printable(word)}: command not found", hint=hint)
    why = "it is not a program and names no interpreter" if number == ENOEXEC else os.strerror(number)
    return CannotStart(f"cannot execute {printable(word)}: {why}", exit_code=ExitCode.NOT_EXECUTABLE, code="refused")


def _quoted(line: str) -> str:
    """A line of shell as one word for a shell; `'…'` for one that is long or cannot be shown."""
    return "'" + line.replace("'", "'\\''") + "'" if line.isprintable() and len(line) <= _SHOWN else "'…'"
