"""The pager, which shows all of a session's lines."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
from collections.abc import Sequence

from sesh import programs
from sesh.cli.tui.console import Stage
from sesh.errors import UsageError
from sesh.names import printable
from sesh.ops import views
from sesh.ops.search import MOST_LINES
from sesh.reach.target import Target

_PAGER = "less"


def read(stage: Stage, target: Target, name: str, start: str) -> None:
    """Show all lines of a session in the pager, outside of the list, which then comes back. Raises as `page` does."""
    lines = target.call(views.logs, name=name, lines=MOST_LINES, ansi=True)
    stage.__exit__()
    stage.terminal.cooked()
    try:
        page(lines, start)
    finally:
        stage.terminal.raw()
        stage.__enter__()


def page(lines: Sequence[str], start: str) -> None:
    """Show lines in `$PAGER`, else in less. `start`: the position in less (`+G`: the end). Raises UsageError."""
    command = os.environ.get("PAGER") or _PAGER
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"PAGER cannot be read: {error}") from None
    if not words or (program := programs.find(words[0])) is None:
        raise UsageError(f"there is no {printable(words[0]) if words else 'pager'}", hint="name another one in PAGER")
    if os.path.basename(words[0]) == "less":
        words += ["-R", start]
    text = "".join(f"{line}\n" for line in lines).encode("utf-8", "replace")
    before = signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl-C is the pager's
    try:
        subprocess.run([program, *words[1:]], input=text, env=programs.environment(), check=False)
    finally:
        signal.signal(signal.SIGINT, before)
