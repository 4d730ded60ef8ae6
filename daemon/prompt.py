"""Whether a shell is at its prompt: told from the terminal and the kernel, never from what stands on the screen."""

from __future__ import annotations

import fcntl
import os
import termios
from sys import byteorder

from sesh import kernel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.daemon.pty import Pty

_EDITING = frozenset(("bash", "zsh", "fish", "ksh", "ksh93", "mksh", "tcsh", "csh", "nu", "xonsh", "elvish", "yash"))
"""Shells that edit their line themselves: at the prompt their terminal is not canonical."""
_PLAIN = frozenset(("sh", "dash", "ash", "busybox"))
"""Shells that may leave the line to the terminal: at the prompt they read from it."""
_READ = {"x86_64": "0", "aarch64": "63", "arm64": "63"}
"""The number of read(2)."""


def at_prompt(pty: Pty) -> bool:
    """Whether the terminal's foreground is a shell that waits for a command line and has read all that was typed."""
    group = pty.foreground()
    program = _program(group) if group > 1 else ""
    if program not in _EDITING and program not in _PLAIN:
        return False
    try:
        local = termios.tcgetattr(pty.descriptor)[3]
        unread = _unread(pty.path)
    except (OSError, termios.error):
        return False
    if unread:
        return False
    return not local & termios.ICANON or (program in _PLAIN and _reads(group))


def _program(pid: int) -> str:
    """The name of the program that a process runs."""
    try:
        return os.path.basename(os.readlink(f"/proc/{pid}/exe")).removesuffix(" (deleted)")
    except OSError:
        words = kernel.command_of(pid)
        return os.path.basename(words[0]).lstrip("-") if words else ""


def _unread(path: str) -> int:
    """Bytes that were typed and that nobody has read yet."""
    slave = os.open(path, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return int.from_bytes(fcntl.ioctl(slave, termios.FIONREAD, bytes(4)), byteorder)
    finally:
        os.close(slave)


def _reads(pid: int) -> bool:
    """Whether a process waits in read(0, …, more than one byte): a shell at its prompt, not its `read` builtin.

    Where the kernel does not tell (macOS, a locked /proc) a shell in the foreground counts as reading.
    """
    try:
        with open(f"/proc/{pid}/syscall", encoding="ascii") as file:
            words = file.read().split()
    except OSError:
        return True
    number = _READ.get(os.uname().machine)
    if number is None or len(words) < 4:
        return number is None
    return words[0] == number and int(words[1], 16) == 0 and int(words[3], 16) > 1
