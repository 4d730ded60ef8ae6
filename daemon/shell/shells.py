"""The shell in the foreground of a terminal, and whether it is at its prompt: by the kernel, never by the screen."""

from __future__ import annotations

import os
from dataclasses import dataclass

from sesh import identity, proc
from sesh.about import SESH
from sesh.daemon.pty import reads
from sesh.daemon.pty.pty import Pty
from sesh.daemon.pty.reads import Call
from sesh.errors import Busy, Refused

BASH, ZSH, FISH, DASH, ASH, CSH = "bash", "zsh", "fish", "dash", "ash", "csh"
_KINDS = {
    "bash": BASH,
    "rbash": BASH,
    "zsh": ZSH,
    "fish": FISH,
    "dash": DASH,
    "sh": DASH,
    "ash": ASH,
    "busybox": ASH,
    "csh": CSH,
    "tcsh": CSH,
    "bsd-csh": CSH,
}
_READ_OF_ONE = 1
_VALUED = frozenset(("--rcfile", "--init-file", "--init-command", "-C"))
"""Options of shells behind which their value stands, beside those that end in `o`."""


@dataclass(frozen=True)
class Shell:
    """A shell in the foreground of its terminal.

    `ready`: True if it reads a command line. `other_user`: True if it cannot read our files.
    """

    pid: int
    kind: str
    ready: bool
    other_user: bool


def foreground(pty: Pty) -> Shell | None:
    """Return the shell in the foreground, None for another program."""
    pid = pty.foreground()
    kind = kind_of(pid) if pid > 1 else ""
    if not kind:
        return None
    try:
        other_user = os.stat(f"/proc/{pid}").st_uid != os.geteuid()
    except OSError:
        other_user = False
    return Shell(pid, kind, _ready(pty, pid, kind), other_user)


def check_runs(shell: Shell, name: str) -> None:
    """Raises Busy, Refused if `--run` can run nothing in the shell of a session."""
    hint = f"type into it: {SESH} --send {name} TEXT"
    if shell.other_user:
        raise Busy(f"the shell in {name} is another user's", hint=hint)
    if shell.kind == CSH:
        raise Refused(f"--run works in bash, zsh, fish, dash and ash, and {name} has a {CSH}", hint=hint)


def kind_of(pid: int) -> str:
    """The kind of shell of a process; empty for an unknown program, and for a shell that runs a script."""
    words = proc.command_of(pid)
    name = words[0].rpartition("/")[2].lstrip("-") if words else ""
    try:
        program = os.readlink(f"/proc/{pid}/exe").removesuffix(" (deleted)").rpartition("/")[2]
    except OSError:
        program = name  # no /proc, or another user's process
    program = program.lstrip(".").removesuffix("-wrapped").rstrip("0123456789.-")
    rest = words[2:] if name == "busybox" else words[1:]
    if _runs_script(rest):
        return ""
    if program == "busybox" and not {"sh", "ash"} & {name, *words[1:2]}:
        return ""  # another of its many programs
    return _KINDS.get(program, "")


def _runs_script(words: list[str]) -> bool:
    """Returns whether a shell with these arguments runs a script, as by `-c`, `-lc`, or a file's name."""
    value = False
    for word in words:
        short = word[1:] if word[:1] in ("-", "+") and word[1:2] != "-" else ""
        if "c" in short or (not value and word[:1] not in ("-", "+")):
            return not value
        if "s" in short:
            return False  # it reads its standard input; more words are arguments
        value = not value and (word in _VALUED or short[-1:] in ("o", "O"))
    return False


def foreground_name(pty: Pty) -> str:
    """The name of the program in the foreground, for people."""
    words = proc.command_of(pty.foreground())
    return os.path.basename(words[0]).lstrip("-") if words and words[0] else "another program"


def alive(pid: int) -> bool:
    """Returns whether a process lives."""
    return identity.start_time(pid) != ""


def _ready(pty: Pty, pid: int, kind: str) -> bool:
    """Returns whether the shell reads a command line.

    All shells but dash edit the line themselves, on a raw terminal. On a canonical one dash reads a block, and its
    `read` builtin a single byte. Bash takes Enter as it is typed, which its `read` builtin does not.
    """
    edits = pty.raw()
    if not edits and kind != DASH:
        return False
    call, descriptor, size = reads.call_of(f"/proc/{pid}")
    if call == Call.UNKNOWN:
        return True  # the terminal's mode has to do
    if call == Call.OTHER:
        return False
    if kind == DASH and not edits:
        return call == Call.READ and descriptor == 0 and size > _READ_OF_ONE
    return kind != BASH or not pty.maps_enter()


def at_prompt(pty: Pty) -> bool:
    """Return whether the foreground is a shell that waits for a command line, has read all input, and may print."""
    shell = foreground(pty)
    return shell is not None and shell.ready and pty.unread() == 0 and not pty.output_stopped()
