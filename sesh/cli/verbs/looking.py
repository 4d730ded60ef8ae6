"""The verbs that show a session, or say something to who looks at it."""

# ruff: noqa: ARG001 (typer reads the words of a verb from its function's signature)
from __future__ import annotations

from typing import Annotated

import typer

from sesh.cli import pick
from sesh.cli.verbs.sessions import Join, NoKey, NoReplay, ReadOnly, Replace
from sesh.cli.verbs.shape import Label, Name, Work, verb, work
from sesh.cli.watch import watch as keep_watching
from sesh.ops import send, shell, view


@verb("--list", "[--label K=V]…", "sesh", "sesh --list --json", "sesh --list --label team=web")
def _list(
    ctx: typer.Context,
    label: Label = None,
    watch: Annotated[bool, typer.Option("--watch", help="Keep the list up to date.")] = False,
) -> Work:
    """List the sessions; the one that it is typed in bears a *. --label lists those that bear it."""
    return work(view.list_, ctx)


@verb("--watch", "[--label K=V]…", "sesh --watch", "sesh @gpu --watch", "sesh --watch --json")
def _watch(ctx: typer.Context, label: Label = None) -> Work:
    """List the sessions and keep the list up to date; q or Ctrl-C leaves."""
    return work(keep_watching, ctx)


@verb("--pick", "[OPTIONS]", "sesh --pick", "sesh @gpu --pick", "sesh --pick --label team=web")
def _pick(
    ctx: typer.Context,
    join: Join = False,
    replace: Replace = False,
    read_only: ReadOnly = False,
    no_replay: NoReplay = False,
    no_detach_key: NoKey = False,
    label: Label = None,
) -> Work:
    """Choose a session by arrow keys or letters, its screen beside the list."""
    return work(pick.pick, ctx)


@verb("--screen", "NAME [--format F]", "sesh --screen work", "sesh --screen work --format svg > work.svg")
def _screen(
    ctx: typer.Context,
    name: Name,
    form: Annotated[str, typer.Option("--format", metavar="F", help="text, ansi, json, svg or html.")] = "text",
) -> Work:
    """Print what the screen shows now."""
    return work(view.screen, ctx)


@verb(
    "--logs",
    "NAME [N] [-f] [--ansi]",
    "sesh --logs work 50",
    "sesh --logs work -f",
    "sesh --logs work --ansi | less -R",
)
def _logs(
    ctx: typer.Context,
    name: Name,
    count: Annotated[str | None, typer.Argument(metavar="[N]", show_default=False)] = None,
    follow: Annotated[bool, typer.Option("-f", help="Then those that come, until it ends.")] = False,
    ansi: Annotated[bool, typer.Option("--ansi", help="With their colours.")] = False,
) -> Work:
    """Print the last N lines of scrollback and screen; without N 300."""
    return work(view.logs, ctx)


@verb("--history", "NAME [N]", "sesh --history work", "sesh --history work 3")
def _history(
    ctx: typer.Context,
    name: Name,
    count: Annotated[str | None, typer.Argument(metavar="[N]", show_default=False)] = None,
    ansi: Annotated[bool, typer.Option("--ansi", help="Leave escape sequences in the output.")] = False,
) -> Work:
    """List the commands that --run ran in NAME, and those typed (see --shell-init); with N print that one's output."""
    return work(shell.history, ctx)


@verb("--status", "NAME", "sesh --status work", "sesh --status work --json")
def _status(ctx: typer.Context, name: Name) -> Work:
    """Print everything known of a session."""
    return work(view.status, ctx)


@verb("--message", "NAME TEXT…", "sesh --message work 'the build is done'")
def _message(
    ctx: typer.Context, name: Name, texts: Annotated[list[str], typer.Argument(metavar="TEXT", show_default=False)]
) -> Work:
    """Show TEXT to the attached clients; the program never sees it."""
    return work(send.message, ctx)


@verb("--label", "NAME K=V…", "sesh --label work team=web", "sesh --label work team=")
def _label(
    ctx: typer.Context, name: Name, labels: Annotated[list[str], typer.Argument(metavar="K=V…", show_default=False)]
) -> Work:
    """Set labels; K= removes one."""
    return work(send.label, ctx)
