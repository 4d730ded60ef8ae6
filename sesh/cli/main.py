"""Execute a command line: the most frequent ones directly, others through the typer app."""

# ruff: noqa: PLC0415 - each command line imports what it needs, and no more

from __future__ import annotations

import os

from sesh.cli import printing
from sesh.cli.invocation import Invocation
from sesh.cli.line import split
from sesh.cli.verbs import GO, HAS_TYPER
from sesh.errors import ExitCode, NotDeployed, UsageError


def run_line(argv: list[str]) -> int:
    """Execute a command line; return the exit code. Raises SeshError."""
    if os.environ.get("_SESH_COMPLETE"):
        if not HAS_TYPER:
            return ExitCode.FAILED
        from sesh.cli import complete

        return complete.print_candidates()
    line = split(argv)
    cli = Invocation(line)
    if line.local and line.hosts:
        raise UsageError(f"--local is this machine alone, and @{line.hosts[0]} another", hint="leave one of them out")
    plain = line.verb.name == GO and not any(word[:1] == "-" and word != "-" for word in argv)
    try:
        if line.verb.name in ("hook", "bridge", "trial"):
            return line.verb.load()(cli)
        if plain and not line.words:
            return list_or_pick(cli)
        if plain and len(line.words) == 1 and len(cli.line.hosts) < 2:
            from sesh.cli import attach

            (name,) = line.words
            return attach.attach_last(cli) if name == attach.LAST else attach.attach_or_create(cli, name)
        if not HAS_TYPER:
            from sesh.cli import older_python

            return older_python.run_verb(cli)
        from sesh.cli import app

        return app.run_verb(cli)
    except NotDeployed as missing:
        if (host := cli.line.host) is None or not cli.agrees_to_install(missing):
            raise
        if not HAS_TYPER:
            from sesh.cli import older_python

            raise older_python.refusal("deploy") from None
        from sesh.cli import deploy

        deploy.install(cli, host)
    return run_line(argv)


def list_or_pick(cli: Invocation) -> int:
    """Show the board if the settings say so, else print the list."""
    if HAS_TYPER and printing.on_terminal() and not (cli.line.json or printing.dumb()) and cli.settings().pick:
        from sesh.cli import choose

        return choose.pick_and_attach(cli)
    from sesh.cli import list as listed

    return listed.show(cli)
