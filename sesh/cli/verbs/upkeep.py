"""The verbs that look after sesh itself: other hosts, help, versions."""

# ruff: noqa: ARG001 (typer reads the words of a verb from its function's signature)
from __future__ import annotations

from typing import Annotated

import typer

from sesh.cli import complete, deploying, reload
from sesh.cli.main import version as say_version
from sesh.cli.verbs.shape import Work, verb, work


@verb("--deploy", "@HOST… [--force]", "sesh --deploy @box", "sesh --deploy @web1 @web2")
def _deploy(
    ctx: typer.Context,
    hosts: Annotated[list[str] | None, typer.Argument(metavar="@HOST…", show_default=False)] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Also in place of a ~/.local/bin/sesh that is not ours.")
    ] = False,
) -> Work:
    """Put this very sesh on other hosts."""
    return work(deploying.deploy, ctx)


@verb("--upgrade", "", "sesh --upgrade")
def _upgrade(ctx: typer.Context) -> Work:
    """Deploy again to every known remote."""
    return work(deploying.upgrade, ctx)


@verb("--reload", "[NAME…]", "sesh --reload", "sesh --reload work", "sesh @gpu --reload")
def _reload(
    ctx: typer.Context, names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]…", show_default=False)] = None
) -> Work:
    """Have running sessions go on as this very sesh, without ending what runs in them; without NAME all of them."""
    return work(reload.reload, ctx)


@verb("--completions", "bash|zsh|fish", 'eval "$(sesh --completions bash)"', "sesh --completions fish | source")
def _completions(
    ctx: typer.Context, shell: Annotated[str, typer.Argument(metavar="SHELL", show_default=False)]
) -> Work:
    """Print the completion script for a shell; `make install` puts it where the shell finds it."""
    return work(complete.completions, ctx)


@verb("--help", "", "sesh --help", "sesh --exec --help")
def _help(ctx: typer.Context) -> Work:
    """Show help, of a verb too."""
    raise AssertionError(f"help is shown before {ctx.command.name} is parsed")


@verb("--version", "", "sesh --version")
def _version(ctx: typer.Context) -> Work:
    """Print the version."""
    return work(say_version, ctx)
