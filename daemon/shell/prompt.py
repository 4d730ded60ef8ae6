"""Whether a shell waits for a command line of `--run`, or may soon; and what it means if it does while one runs."""

from __future__ import annotations

from sesh.about import SESH
from sesh.daemon.pty.pty import Pty
from sesh.daemon.pty.pump import Pump
from sesh.daemon.shell import shells
from sesh.daemon.shell.shells import Shell
from sesh.errors import Busy, ExitCode, Refused
from sesh.moments import STEADY
from sesh.stored import Facts

PASSING = 0.3
"""Seconds for which another program may be in the foreground, as a prompt's own commands are."""
FIRST_PROMPT = 15.0
"""Seconds for a new session's first prompt."""
NEXT_PROMPT = 3.0
"""Seconds for a shell that is in the foreground to come to its prompt."""


def ready_shell(pump: Pump, facts: Facts, waited: float) -> Shell | None:
    """Return the shell at its prompt, None if there may be one soon. Raise Busy, Refused.

    `waited`: seconds since it was asked for first.
    """
    pty, name = pump.pty, facts["name"]
    if pty is None or not pump.running:
        raise Refused(f"the program of {name} has ended")
    drained = not pump.take()
    if drained and (stopped := output_stopped(pty, name)) is not None:
        raise stopped
    shell = shells.foreground(pty)
    if shell is not None:
        shells.check_runs(shell, name)
    if shell is None or not shell.ready or not drained or pump.input.size:
        if waited > _patience(pump, facts, shell):
            program = shells.foreground_name(pty)
            raise Busy(f"{program} is running in {name}; wait for it to end, or use --send")
        return None
    if pump.line_begun:
        hint = f"enter it, or clear it: {SESH} --send {name} --key C-c"
        raise Busy(f"there is an unfinished line at the prompt of {name}", hint=hint)
    return shell


def _patience(pump: Pump, facts: Facts, shell: Shell | None) -> float:
    """Return the seconds for the shell in the foreground to come to its prompt, or for another program to end."""
    untouched = not pump.typed_line.typed_at and STEADY.now() - facts["created"] <= FIRST_PROMPT
    if untouched and (shell is not None or shells.kind_of(int(facts["pid"]))):
        return FIRST_PROMPT
    return NEXT_PROMPT if shell is not None else PASSING


def output_stopped(pty: Pty | None, name: str) -> Busy | None:
    """Return the error for a session whose output is stopped, None for any other."""
    if pty is None or not pty.output_stopped():
        return None
    hint = f"let it go on (Ctrl-Q): {SESH} --send {name} --key C-q"
    return Busy(f"the output of {name} is stopped (Ctrl-S)", hint=hint)


def end_without_mark(began: Shell, shell: Shell, *, interrupted: bool) -> tuple[bool, int | None]:
    """Return whether a command has ended, and its exit code, None if that is unknown: no mark E has come.

    `began`: the shell that began the command. `shell`: the one that is at its prompt, and silent.
    """
    if (shell.pid, shell.kind) == (began.pid, began.kind):
        # zsh and fish always print mark E: what reads there is a builtin of the command.
        return shell.kind not in (shells.ZSH, shells.FISH), ExitCode.INTERRUPTED if interrupted else None
    if shells.alive(began.pid):
        return True, 0  # the command has started this shell
    return True, None
