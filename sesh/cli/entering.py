"""Verbs that attach to a session: NAME, `attach`, `new`, `here`."""

from __future__ import annotations

from typing import Annotated

from typer import Option

from sesh.about import SESH
from sesh.cli import attach as acts
from sesh.cli import go as going
from sesh.cli.words import (
    AnyName,
    Context,
    Detached,
    Directory,
    Env,
    Label,
    Name,
    NoDetachKey,
    NoReplay,
    ReadOnly,
    Replace,
    Size,
)
from sesh.errors import UsageError


def go(  # noqa: PLR0913 (a session has that many options)
    ctx: Context,
    name: AnyName = None,
    directory: Directory = None,
    *,
    replace: Replace = False,
    read_only: ReadOnly = False,
    no_replay: NoReplay = False,
    no_detach_key: NoDetachKey = False,
    env: Env = None,
    label: Label = None,
) -> int:
    """Attach to NAME, here or on a known remote.

    If there is none, create it here, in DIR with CMD or your shell. A session with CMD ends when CMD does, and its
    output is gone if CMD succeeds: exec keeps a job's output. `sesh -` returns to the session attached last. -A may be
    left out, unless NAME is a verb.

    Examples:
      sesh work
      sesh dev ~/project
      sesh db -- sqlite3 shop.db
      sesh -
      sesh -A kill
    """
    cli = ctx.obj
    if name is None:
        raise UsageError(f"no NAME given; write: {SESH} NAME, or {SESH} --new for the lowest free number")
    view = acts.ViewWords(replace=replace, read_only=read_only, no_replay=no_replay, no_detach_key=no_detach_key)
    return going.go(cli, name, directory, create=cli.line.create, env=env or (), label=label or (), **view)


def attach(
    ctx: Context,
    name: Name,
    *,
    replace: Replace = False,
    read_only: ReadOnly = False,
    no_replay: NoReplay = False,
    no_detach_key: NoDetachKey = False,
) -> int:
    """Attach to NAME, which must exist.

    Examples:
      sesh attach work
      sesh attach --read-only work
    """
    view = acts.ViewWords(replace=replace, read_only=read_only, no_replay=no_replay, no_detach_key=no_detach_key)
    return acts.attach(ctx.obj, name, **view)


def new(  # noqa: PLR0913 (a session has that many options)
    ctx: Context,
    name: AnyName = None,
    directory: Directory = None,
    *,
    detached: Detached = False,
    join: Annotated[bool, Option("--join", help="Attach to the session of that name, if it runs.")] = False,
    replace: Annotated[bool, Option("--replace", help="End the session of that name first.")] = False,
    new_name: Annotated[bool, Option("--new-name", help="Use the next free name: NAME-2, NAME-3, …")] = False,
    read_only: ReadOnly = False,
    no_replay: NoReplay = False,
    no_detach_key: NoDetachKey = False,
    env: Env = None,
    label: Label = None,
    size: Size = None,
) -> int:
    """Create a session and attach to it; without NAME it gets the lowest free number.

    If NAME already runs, sesh asks; without a terminal it fails.

    Examples:
      sesh new
      sesh new -d web ~/site -- make serve
      sesh new web --new-name
    """
    view = acts.ViewWords(replace=replace, read_only=read_only, no_replay=no_replay, no_detach_key=no_detach_key)
    return acts.new(
        ctx.obj,
        name,
        directory,
        detached=detached,
        join=join,
        new_name=new_name,
        env=env or (),
        label=label or (),
        size=size,
        **view,
    )


def here(
    ctx: Context,
    directory: Directory = None,
    *,
    replace: Replace = False,
    read_only: ReadOnly = False,
    no_replay: NoReplay = False,
    no_detach_key: NoDetachKey = False,
) -> int:
    """Attach to the session named after this directory's repository; if it does not exist, create it here.

    In a git worktree the name is REPO-BRANCH, outside a repository that of the directory. If a session of another
    directory has that name, it is NAME-2.

    Examples:
      sesh here
      sesh here ~/src/app
      sesh @gpu here
    """
    view = acts.ViewWords(replace=replace, read_only=read_only, no_replay=no_replay, no_detach_key=no_detach_key)
    return going.here(ctx.obj, directory, **view)
