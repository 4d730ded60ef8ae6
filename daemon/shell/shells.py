"""Finds the shell in a terminal's foreground, and whether it is at its prompt."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

from sesh.about import SESH
from sesh.daemon.base.facts import Facts
from sesh.daemon.pty import syscalls
from sesh.daemon.pty.pty import Pty
from sesh.daemon.pty.pump import Pump
from sesh.daemon.pty.syscalls import Call
from sesh.errors import Busy, Refused
from sesh.system import processes
from sesh.system.clock import STEADY

BASH, ZSH, FISH, DASH, ASH, CSH = "bash", "zsh", "fish", "dash", "ash", "csh"
_KINDS = {kind: kind for kind in (BASH, ZSH, FISH, DASH, ASH, CSH)}
_KINDS |= {"rbash": BASH, "sh": DASH, "busybox": ASH, "tcsh": CSH, "bsd-csh": CSH}
_OTHERS = {
    *("bsd-csh", "csh", "elvish", "es", "ion", "ksh", "lksh", "mksh", "murex", "nu", "oils-for-unix", "oksh", "osh"),
    *("pdksh", "pwsh", "rbash", "rc", "tcsh", "xonsh", "yash", "ysh"),
}
"""Shells in which `run` does not work: rbash reads no file by its path."""
WITH_VI_KEYS = frozenset((BASH, ZSH, FISH))
"""Shells whose line editor may have the keys of vi."""
_WORKS = "sesh run works in bash, zsh, fish, dash and ash"
PROMPT_COMMANDS = 0.3  # seconds for another program in the foreground, such as a prompt's own commands, to end
FIRST_PROMPT = 15.0  # seconds for the first prompt of a new session
NEXT_PROMPT = 3.0  # seconds for a shell in the foreground to be at its prompt
_READ_OF_ONE = 1
_VALUED = frozenset(("--rcfile", "--init-file", "--init-command", "-C"))  # have a value, as do those that end in `o`


@dataclass(frozen=True)
class Shell:
    pid: int
    kind: str
    ready: bool  # it reads a command line


def foreground(pty: Pty) -> Shell | None:
    pid = pty.foreground()
    kind = kind_of(pid) if pid > 1 else ""
    return Shell(pid, kind, _ready(pty, pid, kind)) if kind else None


def look_for_prompt(pump: Pump, facts: Facts, waited: float, *, is_due: bool = False) -> Shell | None:
    """Return the shell at its prompt, or None to try again. Raises Busy, Refused.

    `waited`: seconds since the first try. `is_due`: nothing was typed since a command ended, so what runs in the
    foreground makes the prompt.
    """
    pty = pump.pty
    name = facts.name
    if not pump.life.running:
        raise Refused(f"the program of {name} has ended")
    drained = not pump.has_output
    if drained and (stopped := error_if_stopped(pty, name)) is not None:
        raise stopped
    shell = foreground(pty)
    hint = f"type into it: {SESH} send {name} TEXT"
    if other := other_kind_of(pty.foreground()):
        raise Refused(f"{_WORKS}, and the shell in {name} is {other}", hint=hint)
    if shell is None or not shell.ready or not drained or pump.unwritten or pump.enter_unread:
        if waited > (NEXT_PROMPT if is_due else _prompt_timeout(pump, facts, shell)):
            program = foreground_name(pty)
            if pty.foreground() == int(facts.pid) and not kind_of(int(facts.pid), scripts=True):
                raise Busy(f"{_WORKS}, and {name} runs {program}", hint=hint)  # with whose end the session ends
            raise Busy(f"{program} is running in {name}; wait for it to end, or use sesh send")
        return None
    if pump.line_begun:
        hint = f"enter it, or clear it: {SESH} send {name} --key C-c"
        raise Busy(f"there is an unfinished line at the prompt of {name}", hint=hint)
    return shell


def _prompt_timeout(pump: Pump, facts: Facts, shell: Shell | None) -> float:
    untouched = not pump.input_line.input_at and STEADY.now() - facts.created <= FIRST_PROMPT
    if untouched and (shell is not None or kind_of(int(facts.pid))):
        return FIRST_PROMPT
    return NEXT_PROMPT if shell is not None else PROMPT_COMMANDS


def error_if_stopped(pty: Pty, name: str) -> Busy | None:
    if not pty.output_stopped():
        return None
    hint = f"let it go on (Ctrl-Q): {SESH} send {name} --key C-q"
    return Busy(f"the output of {name} is stopped (Ctrl-S)", hint=hint)


def kind_of(pid: int, *, scripts: bool = False) -> str:
    """Return the kind of an interactive shell; empty for another program, and for a script without `scripts`."""
    words = processes.command_of(pid)
    name = _base(words[0]) if words else ""
    program = _program_of(pid) or _plain(name)
    rest = words[2:] if name == "busybox" else words[1:]
    if _runs_script(rest) and not scripts:
        return ""
    if program == "busybox" and not {"sh", "ash"} & {name, *words[1:2]}:
        return ""  # another applet
    return _KINDS.get(program, "")


def other_kind_of(pid: int) -> str:
    """Return the name of an interactive shell in which `run` does not work; empty for another program."""
    words = processes.command_of(pid)
    program = _program_of(pid)
    if program == "python" and words[:1] != ["xonsh"]:  # xonsh is a script, which may name its process so
        words, program = words[1:], ""
    if not words or _runs_script(words[1:]):
        return ""
    return next((name for name in (_plain(_base(words[0])), program) if name in _OTHERS), "")


def _base(path: str) -> str:
    return path.rpartition("/")[2].lstrip("-")


def _program_of(pid: int) -> str:
    """Return the name of a process's program; empty without /proc, and for another user's process."""
    try:
        return _plain(os.readlink(f"/proc/{pid}/exe").removesuffix(" (deleted)").rpartition("/")[2])
    except OSError:
        return ""


def _plain(program: str) -> str:
    """Return a program's name without its version, as in `ksh93` and `ksh93u+m`, and what a packager adds."""
    return re.sub(r"-?[0-9][0-9.]*(?:[a-z][0-9+a-z]*)?$", "", program.lstrip(".").removesuffix("-wrapped"))


def _runs_script(words: list[str]) -> bool:
    """Return whether a shell with these arguments runs a script (`-c`, `-lc`, or a file)."""
    rest = iter(words)
    for word in rest:
        if word[:1] not in ("-", "+"):
            return True  # a file
        letters = "" if word[1:2] == "-" else word[1:]
        if "c" in letters:
            return True
        if "s" in letters:
            return False  # it reads stdin; the other words are arguments
        if word in _VALUED or letters[-1:] in ("o", "O"):
            next(rest, None)
    return False


def foreground_name(pty: Pty, asker: int = -1, own: Sequence[str] = ()) -> str:
    """Return the foreground program's name, or that of `own` while `asker` is there."""
    group = pty.foreground()
    return _name_in(own if group == asker else processes.command_of(group))


def program_name(pid: int) -> str:
    """Return the name by which a process's program was started."""
    return _name_in(processes.command_of(pid))


def _name_in(words: Sequence[str]) -> str:
    return os.path.basename(words[0]).lstrip("-") if words and words[0] else "another program"


def alive(pid: int) -> bool:
    return processes.start_time(pid) != ""


def _ready(pty: Pty, pid: int, kind: str) -> bool:
    """Return whether the shell reads a command line."""
    # At a prompt, all shells but dash put the terminal into raw mode. dash reads a block in canonical mode; its `read`
    # builtin reads single bytes. bash switches ICRNL off at its prompt, but not in its `read` builtin.
    raw = pty.raw()
    if not raw and kind != DASH:
        return False
    call, descriptor, size = syscalls.call_of(f"/proc/{pid}")
    if call == Call.UNKNOWN:
        return True  # rely on the terminal's mode
    if call == Call.OTHER:
        return False
    if kind == DASH and not raw:
        return call == Call.READ and descriptor == 0 and size > _READ_OF_ONE
    return kind != BASH or not pty.maps_enter()


def at_prompt(pty: Pty) -> bool:
    """Return whether a shell reads a command line, without pending input or stopped output."""
    shell = foreground(pty)
    return shell is not None and shell.ready and pty.unread() == 0 and not pty.output_stopped()
