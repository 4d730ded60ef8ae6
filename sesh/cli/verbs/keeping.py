"""The verbs that keep what there is, and keep it in order: layouts, sweeping, checks, recordings, shells."""

# ruff: noqa: ARG001 (typer reads the words of a verb from its function's signature)
from __future__ import annotations

from typing import Annotated

import typer

from sesh.cli import layout
from sesh.cli.verbs.shape import Work, verb, work


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
