"""`--completions` and `--shell-init`: scripts that the user's shell evaluates when it starts.

Inside a session the integration updates DISPLAY and the like for the newest client, and `SESH_SESSION`, before each
prompt. It marks prompts and commands (FinalTerm's OSC 133), for `--history` and for terminals that jump from prompt to
prompt. Evaluated twice, it acts once; the user's own prompt functions find their `$?` unchanged.

Outside too, it defines widgets, functions for a key of the user's choice, and binds none; the text at the prompt is
restored after them. In bash they are left out in POSIX mode, where a function's name with a dash is an error; in zsh
they read `$TTY`, as a widget's stdin is /dev/null, and begin with `zle -I`, as the key leads to a terminal mode of zsh.
"""

from __future__ import annotations

import os

from sesh import completions as package
from sesh.about import CALLED, PROGRAM
from sesh.cli import printing
from sesh.cli.invocation import Invocation
from sesh.errors import UsageError
from sesh.names import printable

SHELLS = ("bash", "zsh", "fish")


def completions(cli: Invocation, shell: str) -> int:
    """`--completions SHELL`: print the script; with `--json` as `{"shell", "script"}`."""
    return _print(cli, "completion", shell, "_sesh" if shell == "zsh" else f"sesh.{shell}")


def shell_init(cli: Invocation, shell: str) -> int:
    """`--shell-init SHELL`: print the script; with `--json` as `{"shell", "script"}`."""
    return _print(cli, "integration", shell, f"init.{shell}")


def _print(cli: Invocation, kind: str, shell: str, name: str) -> int:
    if shell not in SHELLS:
        raise UsageError(f"there is no {kind} for {printable(shell)}; use {', '.join(SHELLS)}")
    with open(os.path.join(os.path.dirname(package.__file__), name), encoding="utf-8") as file:
        script = file.read()
    for widget in ("--pick", "--next"):
        script = script.replace(f"{PROGRAM} {widget}", f"{CALLED} {widget}")
    if cli.json:
        return cli.value({"shell": shell, "script": script})
    printing.write(script.encode())
    return 0
