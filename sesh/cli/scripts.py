"""What `completions`, `shell-init` and `version` print, which a host's Python without typer prints, too."""

from __future__ import annotations

import os
from typing import Literal, get_args

from sesh import completions as package
from sesh.about import PROGRAM, __version__
from sesh.cli.invocation import Invocation
from sesh.wire import protocol

Shell = Literal["bash", "zsh", "fish"]
SHELLS = get_args(Shell)


def print_completions(cli: Invocation, shell: str) -> int:
    """Print the completion script for a shell."""
    return _print(cli, shell, "_sesh" if shell == "zsh" else f"sesh.{shell}")


def print_integration(cli: Invocation, shell: str) -> int:
    """Print the shell integration, which a startup file evaluates."""
    return _print(cli, shell, f"init.{shell}")


def print_version(cli: Invocation) -> int:
    return cli.out.show({"version": __version__, "protocol": protocol.PROTOCOL}, f"{PROGRAM} {__version__}")


def _print(cli: Invocation, shell: str, name: str) -> int:
    with open(os.path.join(os.path.dirname(package.__file__), name), encoding="utf-8") as file:
        script = file.read()
    return cli.out.show({"shell": shell, "script": script}, script.removesuffix("\n"))
