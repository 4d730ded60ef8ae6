"""The shell in a terminal's foreground: which one it is, and whether it waits for a command line.

Told from the terminal and from the kernel, never from what stands on the screen.

Whether a shell is at its prompt and has read all that was typed: told from the terminal and the kernel alone.

The line that somebody has begun to type and not entered: as much of it as keys alone tell.
"""

from __future__ import annotations

import fcntl
import os
import termios
from sys import byteorder

from sesh import platform

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.daemon.pty.pty import Pty

BASH, ZSH, FISH, DASH, ASH = "bash", "zsh", "fish", "dash", "ash"
_KINDS = {"bash": BASH, "rbash": BASH, "zsh": ZSH, "fish": FISH, "dash": DASH, "ash": ASH, "busybox": ASH}
_READS = {
    "x86_64": (0, frozenset((7, 23, 232, 270, 271, 281))),
    "aarch64": (63, frozenset((22, 72, 73))),
}
"""The numbers of read(2), and of poll, select and epoll_wait in all their forms."""
_LOCAL, _OUTPUT = 3, 1
_READ_OF_ONE = 1


class Shell:
    """A shell that is the foreground of its terminal: its pid, its kind, whether it stands at its prompt."""

    __slots__ = ("kind", "pid", "ready", "theirs")

    def __init__(self, pid: int, kind: str, *, ready: bool, theirs: bool) -> None:
        self.pid, self.kind, self.ready = pid, kind, ready
        self.theirs = theirs
        """Whether it runs as another user, who cannot read what is ours."""


def foreground(pty: Pty) -> Shell | None:
    """The shell in the foreground, None where that is another program."""
    pid = pty.foreground()
    kind = kind_of(pid) if pid > 1 else ""
    if not kind:
        return None
    return Shell(pid, kind, ready=_ready(pty, pid, kind), theirs=_theirs(pid))


def kind_of(pid: int) -> str:
    """Which shell a process is, empty where it is none that is known, or one that runs a script."""
    words = platform.command_of(pid)
    called = os.path.basename(words[0]).lstrip("-") if words else ""
    try:
        program = os.path.basename(os.readlink(f"/proc/{pid}/exe").removesuffix(" (deleted)"))
    except OSError:
        program = called  # no /proc, or another user's process
    program = program.lstrip(".").removesuffix("-wrapped").rstrip("0123456789.-")
    rest = words[2:] if called == "busybox" else words[1:]
    if "-c" in rest or (rest and rest[0][:1] != "-"):
        return ""  # it runs a script
    if program == "busybox" and "sh" not in (called, *words[1:2]) and "ash" not in (called, *words[1:2]):
        return ""  # another of its many programs
    if program == "sh":
        program = DASH
    return _KINDS.get(program, "")


def called(pty: Pty) -> str:
    """What the program in the foreground is called, for people."""
    words = platform.command_of(pty.foreground())
    return os.path.basename(words[0]).lstrip("-") if words and words[0] else "another program"


def raw(pty: Pty) -> bool:
    """Whether the terminal hands every key over at once, as for an editor of lines or of files."""
    try:
        return not termios.tcgetattr(pty.descriptor)[_LOCAL] & termios.ICANON
    except (OSError, termios.error):
        return False


def echoes(pty: Pty) -> bool:
    """Whether the terminal shows what is typed."""
    try:
        return bool(termios.tcgetattr(pty.descriptor)[_LOCAL] & termios.ECHO)
    except (OSError, termios.error):
        return False


def translates(pty: Pty) -> bool:
    """Whether the terminal writes `\\r\\n` where a program writes `\\n`."""
    try:
        flags: int = termios.tcgetattr(pty.descriptor)[_OUTPUT]
    except (OSError, termios.error):
        return True
    return bool(flags & termios.OPOST) and bool(flags & termios.ONLCR)


def alive(pid: int) -> bool:
    """Whether a process lives."""
    return platform.start_time(pid) != ""


def _theirs(pid: int) -> bool:
    try:
        return os.stat(f"/proc/{pid}").st_uid != os.geteuid()
    except OSError:
        return False


def _ready(pty: Pty, pid: int, kind: str) -> bool:
    """Whether the shell reads a command line.

    All but dash edit the line themselves, in a raw terminal. dash reads a block from a canonical one, its `read`
    builtin a byte.
    """
    edits = raw(pty)
    if not edits and kind != DASH:
        return False
    try:
        with open(f"/proc/{pid}/syscall", encoding="ascii") as file:
            words = file.read().split()
    except OSError:
        return True  # the kernel does not tell: its terminal's mode has to do
    numbers = _READS.get(os.uname().machine)
    if numbers is None:
        return words[:1] != ["running"]
    if len(words) < 4 or not words[0].isdecimal():
        return False
    read, waits = numbers
    number, count = int(words[0]), int(words[3], 16)
    if kind == DASH and not edits:
        return number == read and int(words[1], 16) == 0 and count > _READ_OF_ONE
    return number in waits or (number == read and kind != BASH)


def at_prompt(pty: Pty) -> bool:
    """Whether the terminal's foreground is a shell that waits for a command line, with nothing typed ahead of it."""
    shell = foreground(pty)
    if shell is None or not shell.ready:
        return False
    try:
        return not _unread(pty.path)
    except OSError:
        return False  # the terminal is gone


def _unread(path: str) -> int:
    """Bytes that were typed and that nobody has read yet."""
    slave = os.open(path, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return int.from_bytes(fcntl.ioctl(slave, termios.FIONREAD, bytes(4)), byteorder)
    finally:
        os.close(slave)


_LONGEST = 4096
_ENDS = frozenset(b"\r\n\x03\x15")  # Enter, Ctrl-J, Ctrl-C, Ctrl-U
_ERASES = frozenset(b"\x7f\x08")
_RECALLS = frozenset(b"\x0e\x10\x12\x19")  # Ctrl-N, Ctrl-P, Ctrl-R, Ctrl-Y
_PASTE, _PASTED = b"\x1b[200~", b"\x1b[201~"


class TypedLine:
    """Counts the characters of an unfinished line; what it was is not kept."""

    __slots__ = ("_foreground", "_pasting", "_raw", "length")

    def __init__(self) -> None:
        self.length = 0
        self._pasting = False
        self._raw = False
        self._foreground = 0

    def typed(self, data: bytes, pty: Pty | None) -> None:
        """Takes in what was typed. What another program took that reads each key at once is no part of the line."""
        if pty is not None:
            foreground = pty.foreground()
            if self._raw and self._foreground != foreground:
                self.length = 0
            self._foreground, self._raw = foreground, raw(pty)
        if len(data) == 1 and data.isalnum() and not self._pasting:
            self.length += 1
        else:
            self.length = self._after(data[-_LONGEST:])

    def unfinished(self, pty: Pty) -> bool:
        """Whether a line stands there for the program in the foreground."""
        return self.length > 0 and not (self._raw and self._foreground != pty.foreground())

    def _after(self, data: bytes) -> int:
        length, at = self.length, 0
        while at < len(data):
            byte = data[at]
            if byte == 0x1B:
                at, more = self._escape(data, at)
                length += more
                continue
            at += 1
            if self._pasting:
                length += 1
            elif byte in _ENDS:
                length = 0
            elif byte in _ERASES:
                length = max(0, length - 1)
            elif byte >= 0x20 or byte in _RECALLS:
                length += 1
        return length

    def _escape(self, data: bytes, at: int) -> tuple[int, int]:
        """Where a key's sequence ends, and how much it adds to the line: something where it recalls another line."""
        if data.startswith(_PASTE, at) or data.startswith(_PASTED, at):
            self._pasting = data.startswith(_PASTE, at)
            return at + len(_PASTE), 0
        if data[at + 1 : at + 2] not in (b"[", b"O"):
            return at + 2, 0
        end = at + 2
        while end < len(data) and not 0x40 <= data[end] <= 0x7E:
            end += 1
        return end + 1, int(data[end : end + 1] in (b"A", b"B"))
