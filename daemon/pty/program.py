"""Starts a program on a pty of its own, as the leader of a session whose terminal that is."""

from __future__ import annotations

import os
import shlex
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from errno import EACCES, EIO, ENOENT, ENOEXEC, ENOTDIR
from fcntl import ioctl
from mmap import mmap
from sys import byteorder
from termios import TCSANOW, TIOCSWINSZ, tcgetattr, tcsetattr

from ptyprocess import PtyProcess

from sesh import system
from sesh.errors import CannotStart, ExitCode, Refused, no_process
from sesh.names import printable

GATE = 'IFS= read -r _ && exec "$@"'
"""The shell source that waits for Enter and then becomes the command."""
_ENTER, _EXECUTE = 1, 2
"""Steps of the child that may fail: to enter its directory, to become the program."""
_IUTF8 = 0x4000
"""The input flag by which Backspace takes a whole character, as terminals set it; termios has no name for it."""
_SIGNALS = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}


@dataclass(frozen=True)
class Program:
    """A program to be started with this umask and with every signal at its default.

    `words`: its argv. `size`: columns, rows, width and height in pixels. `stdin`: a descriptor to read from instead of
    the pty, -1 for none.
    """

    path: str
    words: list[str]
    directory: str
    environment: dict[str, str]
    size: tuple[int, int, int, int]
    umask: int
    stdin: int = -1

    def start(self) -> tuple[int, int]:
        """Start it; return the master side of its pty, and its pid.

        Raises CannotStart (127, or 126 if the file is there and cannot be executed) and Refused.
        """
        # Of an error of the child ptyprocess passes on the text only: step and number come through memory of both.
        report = mmap(-1, 2)
        try:
            process = PtyProcess.spawn(
                [self.path],
                preexec_fn=lambda: self._become(report),
                dimensions=(self.size[1], self.size[0]),
                pass_fds=[self.stdin] if self.stdin >= 0 else [],
            )
        except FileNotFoundError as error:
            raise cannot_start(self.words, self.path, EACCES if os.path.exists(self.path) else ENOENT) from error
        except OSError as error:
            raise no_process(error) from error
        process.closed = True  # it would end the program when it is collected
        with process.fileobj:
            step, number = report[:]
            if step:
                os.waitpid(process.pid, 0)
                raise self._failed(step, number)
            if any(self.size[2:]):  # pixels, of which ptyprocess knows nothing
                set_size(process.fd, *self.size)
            return os.dup(process.fd), process.pid

    def _become(self, report: mmap) -> None:
        """Become the program in the child; of `words` argv[0] need not be the path."""
        step = _ENTER
        try:
            os.chdir(self.directory)
            step = _EXECUTE
            os.umask(self.umask)
            modes = tcgetattr(0)
            modes[0] |= _IUTF8
            tcsetattr(0, TCSANOW, modes)
            if self.stdin >= 0:
                os.dup2(self.stdin, 0)
                os.close(self.stdin)
            for number in _SIGNALS:
                if signal.getsignal(number) is not None:
                    signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            system.yield_memory()
            os.execve(self.path, self.words, self.environment)
        except OSError as error:
            report[:] = bytes([step, error.errno or EACCES])
            os._exit(1)

    def _failed(self, step: int, number: int) -> Refused | CannotStart:
        if step == _EXECUTE:
            return cannot_start(self.words, self.path, number)
        return Refused(f"cannot enter {printable(self.directory)}: {os.strerror(number)}")


def is_gate(command: list[str]) -> bool:
    """Return whether this is the shell that waits for Enter to become a command."""
    return command[1:3] == ["-c", GATE]


def set_size(descriptor: int, columns: int, rows: int, width: int, height: int) -> None:
    """Set the size of a terminal; the kernel sends SIGWINCH only if it changes."""
    packed = b"".join(value.to_bytes(2, byteorder) for value in (rows, columns, width, height))
    try:
        ioctl(descriptor, TIOCSWINSZ, packed)
    except InterruptedError:
        set_size(descriptor, columns, rows, width, height)
    except OSError as error:
        if error.errno != EIO:
            raise


def cannot_start(words: Sequence[str], program: str, number: int) -> CannotStart:
    """Return the error: 127 if there is no such file, 126 if it cannot be executed."""
    word = words[0]
    if number in (ENOENT, ENOTDIR) and not os.path.exists(program):
        is_line = len(words) == 1 and word.isprintable() and shlex.quote(word) != word
        hint = f"for a line of shell: sh -c {shlex.quote(word)}" if is_line else "check the spelling and PATH"
        return CannotStart(f"{printable(word)}: command not found", hint=hint)
    if os.path.isdir(program):
        why = "it is a directory"
    else:
        why = "it is not a program and names no interpreter" if number == ENOEXEC else os.strerror(number)
    return CannotStart(f"cannot execute {printable(word)}: {why}", exit_code=ExitCode.NOT_EXECUTABLE, code="refused")
