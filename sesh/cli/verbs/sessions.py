"""The verbs that make sessions, enter, leave, rename and end them."""

# ruff: noqa: ARG001, PLR0913, PLR0917 (typer reads the words of a verb from its function's signature)
from __future__ import annotations

from typing import Annotated

import typer

from sesh.cli import enter
from sesh.cli.group import VERBLESS
from sesh.cli.verbs.shape import Detached, Directory, Env, Label, MaybeName, Name, Work, verb, work
from sesh.ops import sessions

Join = Annotated[bool, typer.Option("--join", help="Attach beside other clients (so it is without any option).")]
Replace = Annotated[bool, typer.Option("--replace", help="Detach the other clients.")]
ReadOnly = Annotated[bool, typer.Option("--read-only", "-r", help="Only watch.")]
NoReplay = Annotated[bool, typer.Option("--no-replay", help="Show the screen without the lines above it.")]
NoKey = Annotated[bool, typer.Option("--no-detach-key", "-C", help="Let the program have the detach key.")]


@verb(VERBLESS, "[DIR] [OPTIONS] [-- CMD…]", "sesh work", "sesh dev ~/project", "sesh build -- make -j8", "sesh -")
def _go(
    ctx: typer.Context,
    places: Annotated[list[str] | None, typer.Argument(metavar="[NAME [DIR]]", show_default=False)] = None,
    join: Join = False,
    replace: Replace = False,
    read_only: ReadOnly = False,
    no_replay: NoReplay = False,
    no_detach_key: NoKey = False,
    env: Env = None,
    label: Label = None,
) -> Work:
    """Attach to NAME; where there is none, create it in DIR with CMD or your shell. `-` is the one attached last."""
    return work(enter.go, ctx)


@verb("--attach", "NAME [OPTIONS]", "sesh --attach work", "sesh --attach --read-only work")
def _attach(
    ctx: typer.Context,
    name: Name,
    join: Join = False,
    replace: Replace = False,
    read_only: ReadOnly = False,
    no_replay: NoReplay = False,
    no_detach_key: NoKey = False,
) -> Work:
    """Attach to NAME, which must be there (-A NAME creates it where it is not, as plain NAME does)."""
    return work(enter.attach, ctx)


@verb(
    "--open",
    "NAME [DIR] [OPTIONS] [-- CMD…]",
    "sesh --open work",
    "sesh --open web ~/site --label team=web -- make serve",
)
def _open(ctx: typer.Context, name: Name, directory: Directory = None, env: Env = None, label: Label = None) -> Work:
    """Make sure that NAME runs, without attaching; a success where it runs already."""
    return work(enter.open_, ctx)


@verb(
    "--new",
    "[NAME] [DIR] [OPTIONS] [-- CMD…]",
    "sesh --new",
    "sesh --new -d web ~/site -- make serve",
    "sesh --new web --new-name",
)
def _new(
    ctx: typer.Context,
    name: MaybeName = None,
    directory: Directory = None,
    detached: Detached = False,
    join: Join = False,
    replace: Annotated[bool, typer.Option("--replace", help="End the session that has the name.")] = False,
    new_name: Annotated[bool, typer.Option("--new-name", help="Take the next free NAME-2.")] = False,
    read_only: ReadOnly = False,
    no_replay: NoReplay = False,
    no_detach_key: NoKey = False,
    env: Env = None,
    label: Label = None,
) -> Work:
    """Create a session; without NAME under the lowest free number. Asks, or fails, where NAME runs already."""
    return work(enter.new, ctx)


@verb("--detach", "[NAME]", "sesh --detach", "sesh --detach work")
def _detach(ctx: typer.Context, name: MaybeName = None) -> Work:
    """Detach every client of NAME; without NAME the client that typed it."""
    return work(sessions.detach, ctx)


@verb("--kill", "[NAME…]", "sesh --kill work", "sesh --kill build test", "sesh --kill")
def _kill(
    ctx: typer.Context,
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]…", show_default=False)] = None,
) -> Work:
    """End sessions and what runs in them: SIGHUP, and SIGKILL after 2 s. Without NAME the one that it is typed in."""
    return work(sessions.kill, ctx)


@verb("--kill-all", "[-y]", "sesh --kill-all", "sesh --kill-all -y")
def _kill_all(ctx: typer.Context, yes: Annotated[bool, typer.Option("-y", help="Do not ask.")] = False) -> Work:
    """End all sessions here; asks first on a terminal."""
    return work(sessions.kill_all, ctx)


@verb("--rename", "[OLD] NEW", "sesh --rename work play", "sesh --rename play")
def _rename(
    ctx: typer.Context,
    one: Annotated[str, typer.Argument(metavar="NEW", show_default=False)],
    other: Annotated[str | None, typer.Argument(metavar="NEW", show_default=False)] = None,
) -> Work:
    """Give a session another name; without OLD the one that it is typed in."""
    return work(sessions.rename, ctx)
