"""The verbs by which programs drive sessions: jobs, commands, keys, waiting."""

# ruff: noqa: ARG001, PLR0913, PLR0917 (typer reads the words of a verb from its function's signature)
from __future__ import annotations

from typing import Annotated

import typer

from sesh.cli import group, job
from sesh.cli.verbs.shape import Detached, Env, Label, MaybeName, Name, Work, verb, work
from sesh.ops import events, send, shell, wait


@verb(
    "--exec",
    "[NAME] [OPTIONS] -- CMD…",
    "sesh --exec build -- make -j8",
    "sesh --exec --print --timeout 60 -- ./check.sh",
    "sesh -e job -d -- backup",
)
def _exec(
    ctx: typer.Context,
    places: Annotated[list[str] | None, typer.Argument(metavar="[NAME]", show_default=False)] = None,
    directory: Annotated[str | None, typer.Option("-C", metavar="DIR", help="Where it runs.")] = None,
    printed: Annotated[bool, typer.Option("--print", help="Print its output when it has ended.")] = False,
    follow: Annotated[bool, typer.Option("--follow", help="Print its output as it comes.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the session to be looked at, until --kill.")] = False,
    timeout: Annotated[str | None, typer.Option("--timeout", metavar="S", help="End it after so many seconds.")] = None,
    stdin: Annotated[bool, typer.Option("--stdin", help="Its standard input is sesh's.")] = False,
    tie: Annotated[bool, typer.Option("--tie", help="SIGINT, SIGTERM and SIGHUP to sesh end it.")] = False,
    detached: Detached = False,
    env: Env = None,
    label: Label = None,
) -> Work:
    """Run CMD in a session of its own, wait, and exit with its code; `sesh NAME` watches it meanwhile."""
    return work(job.exec_, ctx)


@verb(
    "--run",
    "NAME [OPTIONS] -- CMD…",
    "sesh --run work -- make test",
    "sesh --run work --timeout 60 -- 'cd src && ls | wc -l'",
    "sesh --run work --json -- ./check.sh",
    "sesh @web1 @web2 --run work -- git pull",
)
def _run(
    ctx: typer.Context,
    name: Name,
    timeout: Annotated[
        str | None, typer.Option("--timeout", metavar="S", help="124 after so many seconds; the command goes on.")
    ] = None,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Return when it has begun.")] = False,
    ansi: Annotated[bool, typer.Option("--ansi", help="Leave escape sequences in its output.")] = False,
) -> Work:
    """Run CMD in NAME's live shell, print exactly its output, exit with its code. One word is shell source."""
    return work(shell.run, ctx)


@verb(
    "--send",
    "NAME [TEXT…] [--enter] [--key KEY]…",
    "sesh --send work 'make test' --enter",
    "sesh --send work --key C-c",
    "sesh --send work - < notes.txt",
)
def _send(
    ctx: typer.Context,
    name: Name,
    text: Annotated[list[str] | None, typer.Argument(metavar="[TEXT]…", show_default=False)] = None,
    enter: Annotated[bool, typer.Option("--enter", help="Press Enter after the text.")] = False,
    key: Annotated[list[str] | None, typer.Option("--key", metavar="KEY", help="C-c M-x Enter Tab Up F5 …")] = None,
) -> Work:
    """Type TEXT, its words joined by a blank, and keys into a session, in the order of the words. TEXT - is stdin."""
    return lambda: send.send(group.of(ctx))  # the order matters, and only the line knows it


@verb(
    "--wait",
    "NAME [OPTIONS]",
    "sesh --wait build --exit",
    "sesh --wait work --prompt --timeout 60",
    "sesh --wait web --for 'listening on port [0-9]+' --idle 30",
)
def _wait(
    ctx: typer.Context,
    name: Name,
    exit_: Annotated[
        bool, typer.Option("--exit", help="It has ended; its code is sesh's. (Without any option.)")
    ] = False,
    prompt: Annotated[bool, typer.Option("--prompt", help="Its shell is at the prompt.")] = False,
    idle: Annotated[str | None, typer.Option("--idle", metavar="S", help="It printed nothing for S seconds.")] = None,
    pattern: Annotated[str | None, typer.Option("--for", metavar="REGEX", help="A line holds it.")] = None,
    start: Annotated[
        str | None, typer.Option("--from", metavar="POS", help="What counts: from the position of --send --json on.")
    ] = None,
    since_start: Annotated[bool, typer.Option("--since-start", help="What counts: all that is kept.")] = False,
    timeout: Annotated[str | None, typer.Option("--timeout", metavar="S", help="124 after so many seconds.")] = None,
) -> Work:
    """Wait until one of the conditions holds, and say which. Output counts from the last --send on, else from now."""
    return work(wait.wait, ctx)


@verb(
    "--events",
    "[NAME] [--since N] [--log]",
    "sesh --events work",
    "sesh --events --json",
    "sesh --events work --since 0",
    "sesh --events --log",
)
def _events(
    ctx: typer.Context,
    name: MaybeName = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="N", help="Those behind event number N first; 0: all kept.")
    ] = None,
    log: Annotated[bool, typer.Option("--log", help="Show the event log: what happened with remotes.")] = False,
) -> Work:
    """Follow what happens to NAME until it ends; without NAME to all sessions, new ones too."""
    return work(events.events, ctx)
