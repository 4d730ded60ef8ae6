"""The verbs that keep what there is, and keep it in order: layouts, sweeping, checks, recordings, shells."""

# ruff: noqa: ARG001 (typer reads the words of a verb from its function's signature)
from __future__ import annotations

from typing import Annotated

import typer

from sesh.cli import doctor, integration
from sesh.cli.verbs.shape import Name, Work, verb, work
from sesh.ops import layout, recording, sweep


@verb("--export", "", "sesh --export > sessions.json", "sesh @gpu --export", "sesh --export --local --json")
def _export(ctx: typer.Context) -> Work:
    """Print which sessions there are, here and on known remotes, as JSON: name, host, directory, command, labels."""
    return work(layout.export, ctx)


@verb("--import", "[FILE]", "sesh --import sessions.json", "sesh --import - < sessions.json", "sesh @gpu --import -")
def _import(
    ctx: typer.Context, file: Annotated[str | None, typer.Argument(metavar="[FILE]", show_default=False)] = None
) -> Work:
    """Make the sessions of what --export wrote that are missing; without FILE, or with -, of stdin."""
    return work(layout.import_, ctx)


@verb(
    "--sweep",
    "[--older 168h] [--all] [--dry-run]",
    "sesh --sweep --dry-run",
    "sesh --sweep --older 168h",
    "sesh @gpu --sweep",
)
def _sweep(
    ctx: typer.Context,
    older: Annotated[
        str | None, typer.Option("--older", metavar="T", help="What is older: 168h, 7d, 90m, 30s.")
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="End what still lives, too, without asking.")] = False,
    yes: Annotated[bool, typer.Option("-y", help="The same.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what there is.")] = False,
) -> Work:
    """Clear what is left over: ended and lost sessions, stale files, orphaned processes, old versions.

    The oldest comes first. What still lives (a daemon that nobody can find, a bridge without its link) is ended where
    you say so; a session that runs, and another machine's, is never touched.
    """
    return work(sweep.sweep, ctx)


@verb("--doctor", "", "sesh --doctor", "sesh @gpu --doctor", "sesh --doctor --json")
def _doctor(ctx: typer.Context) -> Work:
    """Say what would keep sesh from working, and what to do about it; 1 where something does."""
    return work(doctor.doctor, ctx)


@verb(
    "--record",
    "NAME FILE [--since-start] [--force]",
    "sesh --record work work.cast",
    "sesh --record work work.cast --since-start",
    "sesh @gpu --record train train.cast",
)
def _record(
    ctx: typer.Context,
    name: Name,
    file: Annotated[str, typer.Argument(metavar="FILE", show_default=False)],
    since_start: Annotated[
        bool, typer.Option("--since-start", help="First what the session still has of before, at time 0.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Write over FILE.")] = False,
) -> Work:
    """Write what NAME prints from now on into FILE, for asciinema to play, until it ends or you press Ctrl-C."""
    return work(recording.record, ctx)


@verb("--shell-init", "bash|zsh|fish", 'eval "$(sesh --shell-init bash)"', "sesh --shell-init fish | source")
def _shell_init(ctx: typer.Context, shell: Annotated[str, typer.Argument(metavar="SHELL", show_default=False)]) -> Work:
    """Print a script for your shell's own: typed commands in --history, DISPLAY and the session's name kept fresh."""
    return work(integration.shell_init, ctx)
