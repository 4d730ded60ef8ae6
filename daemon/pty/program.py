"""Starts a program on a pty of its own, as the leader of a session whose terminal that is.

posix_spawn(3) does it where it can: no page of the daemon's memory has to be copied, and a fork takes three times as
long. Where it cannot have the program lead a session (macOS, a Python made for an older C library), ptyprocess forks.
"""

from __future__ import annotations

import os
import shlex
import signal
from collections.abc import Sequence
from errno import EACCES, EAGAIN, EIO, EMFILE, ENFILE, ENOENT, ENOEXEC, ENOMEM, ENOSPC, ENOTDIR, ENXIO
from fcntl import ioctl
from sys import byteorder
from termios import TIOCSWINSZ
from typing import Any

from ptyprocess import PtyProcess

from sesh import platform, system
from sesh.errors import CannotStart, ExitCode, Refused, limit_hint, no_process
from sesh.names import printable

_SHELL = frozenset(" \t\n|&;<>()$`\\\"'*?[]{}!=")
"""Characters that a shell reads as its own, and names of programs hardly have."""
_BUILTINS = frozenset((
    "alias", "bg", "cd", "command", "eval", "exec", "exit", "export", "fg", "getopts", "hash", "jobs", "read",
    "readonly", "set", "shift", "source", "trap", "type", "ulimit", "umask", "unalias", "unset", "wait",
))  # fmt: skip
"""Commands of a shell itself."""
_SHOWN = 80
"""Characters of a line of shell that a hint repeats."""


class Program:
    """A program to be started with this umask and with every signal at its default.

    `words`: its argv. `size`: columns, rows, width and height in pixels. `stdin`: a descriptor to read from instead of
    the pty, -1 for none.
    """

    def __init__(
        self,
        path: str,
        words: list[str],
        directory: str,
        environment: dict[str, str],
        size: tuple[int, int, int, int],
        umask: int,
        stdin: int = -1,
    ) -> None:
        self._path, self._words, self._directory, self._environment = path, words, directory, environment
        self._size, self._umask, self._stdin = size, umask, stdin

    def start(self) -> tuple[int, int, int]:
        """Starts it; returns the master side of its pty, the slave side (-1 if that is not open here), its pid.

        Raises CannotStart (127, or 126 if the file is there and cannot be executed) and Refused.
        """
        if platform.LINUX:
            try:
                return self._spawn()
            except RuntimeError:
                pass  # this Python was made for a C library whose posix_spawn knows no sessions: nothing was started
        return self._fork()

    def _spawn(self) -> tuple[int, int, int]:
        try:
            master, slave = os.openpty()
        except OSError as error:
            raise _no_terminal(error) from error
        try:
            set_size(master, *self._size)
            # The leader of a session that opens a terminal has it as its own.
            opens: list[Any] = [(os.POSIX_SPAWN_OPEN, 0, os.ttyname(slave), os.O_RDWR, 0)]
            opens += [(os.POSIX_SPAWN_DUP2, 0, 1), (os.POSIX_SPAWN_DUP2, 0, 2)]
            if self._stdin >= 0:
                opens.append((os.POSIX_SPAWN_DUP2, self._stdin, 0))
            signals = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}
            with _Inherited(self._directory, self._umask), system.yielding_memory():
                options: Any = {"file_actions": opens, "setsid": True, "setsigmask": (), "setsigdef": signals}
                return master, slave, os.posix_spawn(self._path, self._words, self._environment, **options)
        except BaseException as error:
            os.close(master)
            os.close(slave)
            if not isinstance(error, OSError):
                raise
            if error.errno in (EAGAIN, ENOMEM, EMFILE, ENFILE):
                raise no_process(error) from error
            raise cannot_start(self._words, self._path, error.errno or EACCES) from error

    def _fork(self) -> tuple[int, int, int]:
        try:
            process = PtyProcess.spawn(
                [self._path],
                preexec_fn=self._become,
                dimensions=(self._size[1], self._size[0]),
                pass_fds=(self._stdin,) if self._stdin >= 0 else (),
            )
        except FileNotFoundError as error:
            raise cannot_start(self._words, self._path, EACCES if os.path.exists(self._path) else ENOENT) from error
        except OSError as error:
            if error.errno != 0:
                raise _no_terminal(error) from error
            # An error of `_become`, of which ptyprocess passes on the text only.
            code, _, step = str(error).rpartition(":")[2].strip().partition(" ")
            number = int(code) if code.isdecimal() else EACCES
            if step == "chdir":
                raise _no_directory(self._directory, number) from error
            raise cannot_start(self._words, self._path, number) from error
        descriptor = os.dup(process.fd)
        process.closed = True  # it would end the program when it is collected
        process.fileobj.close()
        if self._size[2] or self._size[3]:
            set_size(descriptor, *self._size)
        return descriptor, -1, process.pid

    def _become(self) -> None:
        """Becomes, in the child, the program: its umask, default signals, argv[0] as it was given."""
        step = "chdir"
        try:
            os.chdir(self._directory)
            step = "exec"
            os.umask(self._umask)
            if self._stdin >= 0:
                os.dup2(self._stdin, 0)
                os.close(self._stdin)
            for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
                if signal.getsignal(number) is not None:
                    signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            system.yield_memory()
            os.execve(self._path, self._words, self._environment)
        except OSError as error:
            raise OSError(f"{error.errno} {step}") from error


class _Inherited:
    """Directory and umask that the program is to inherit and this process is not to keep."""

    def __init__(self, directory: str, umask: int) -> None:
        self._directory, self._umask, self._back = directory, umask, -1

    def __enter__(self) -> None:
        self._back = os.open(".", os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.chdir(self._directory)
        except OSError as error:
            os.close(self._back)
            raise _no_directory(self._directory, error.errno or EACCES) from error
        self._umask = os.umask(self._umask)

    def __exit__(self, *_: object) -> None:
        os.umask(self._umask)
        os.fchdir(self._back)
        os.close(self._back)


def set_size(descriptor: int, columns: int, rows: int, width: int, height: int) -> None:
    """Sets the size of a terminal; the kernel sends SIGWINCH only if it changes."""
    packed = b"".join(value.to_bytes(2, byteorder) for value in (rows, columns, width, height))
    try:
        ioctl(descriptor, TIOCSWINSZ, packed)
    except InterruptedError:
        set_size(descriptor, columns, rows, width, height)
    except OSError as error:
        if error.errno != EIO:
            raise


def _no_directory(directory: str, number: int) -> Refused:
    """The error for a directory that the program cannot start in."""
    return Refused(f"cannot enter {printable(directory)}: {os.strerror(number)}")


def _no_terminal(error: OSError) -> Refused:
    """The error for a pty or a process that could not be created: ptyprocess hides which, but another pty tells."""
    try:
        for descriptor in os.openpty():
            os.close(descriptor)
    except OSError as again:
        if again.errno in (ENOSPC, EAGAIN, ENXIO):
            limit = "kernel.pty.max" if platform.LINUX else "kern.tty.ptmx_max"
            return Refused("no pty is left", hint=f"end some sessions or close terminals, or raise {limit} with sysctl")
        return Refused(
            f"cannot open a pty: {again.strerror or again}", hint=limit_hint(again) or "check /dev/ptmx and /dev/pts"
        )
    return no_process(error)


def cannot_start(words: Sequence[str], program: str, number: int) -> CannotStart:
    """The error for a program that does not start: 127 if there is no such file, 126 if it cannot be executed."""
    word = words[0]
    if number in (ENOENT, ENOTDIR) and not os.path.exists(program):
        hint = "check the spelling" if "/" in word else "check the spelling and PATH"
        if len(words) == 1 and not _SHELL.isdisjoint(word):
            hint = f"for a line of shell: sh -c {_quoted(word)}"
        elif word in _BUILTINS:
            line = shlex.join(["." if word == "source" else word, *words[1:]])
            hint = f"it is the shell's own; write: sh -c {_quoted(line)}"
        return CannotStart(f"{printable(word)}: command not found", hint=hint)
    if os.path.isdir(program):
        why = "it is a directory"
    else:
        why = "it is not a program and names no interpreter" if number == ENOEXEC else os.strerror(number)
    return CannotStart(f"cannot execute {printable(word)}: {why}", exit_code=ExitCode.NOT_EXECUTABLE, code="refused")


def _quoted(line: str) -> str:
    """A line of shell as one word for a shell; `'…'` for one that is long or cannot be shown."""
    return "'" + line.replace("'", "'\\''") + "'" if line.isprintable() and len(line) <= _SHOWN else "'…'"
