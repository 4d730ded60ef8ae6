"""Verbs that go to a session or start one: `NAME`, `attach`, `new`, `open`, `here`."""

from __future__ import annotations

from typing import Annotated

from typer import Option

from sesh.about import SESH
from sesh.cli import parameters
from sesh.cli.attach import AttachFlags, attach_existing, attach_last, attach_or_create, attach_terminal
from sesh.cli.invocation import Invocation
from sesh.errors import UsageError
from sesh.names import check_name
from sesh.ops import create, enter
from sesh.ops.create import checked_directory


def go(  # noqa: PLR0913 (a session and an attachment have that many options)
    ctx: parameters.Context,
    name: parameters.AnyWord = None,
    directory: parameters.Directory = None,
    *,
    env: parameters.Env = None,
    label: parameters.Label = None,
    replace: parameters.Replace = False,
    read_only: parameters.ReadOnly = False,
    no_replay: parameters.NoReplay = False,
    no_detach_key: parameters.NoDetachKey = False,
) -> int:
    """Go to NAME, here or on a known remote, or start it.

    If there is none, start it here, in DIR with CMD or your shell. A session with CMD ends when CMD does, and its
    output is gone if CMD succeeds: exec keeps a job's output. `sesh -` returns to the session attached last. -A may be
    left out, unless NAME is a verb.

    Examples:
      sesh work
      sesh dev ~/project
      sesh db -- sqlite3 shop.db
      sesh -
      sesh -A kill
    """
    if name is None:
        raise UsageError(f"no NAME given; write: {SESH} NAME, or {SESH} --new for the lowest free number")
    flags = AttachFlags(replace, read_only, no_replay, no_detach_key)
    return attach_or_create(ctx.obj, name, parameters.spec_of(ctx.obj.line.tail, directory, env, label), flags)


def attach(
    ctx: parameters.Context,
    name: parameters.NameOrLast,
    *,
    replace: parameters.Replace = False,
    read_only: parameters.ReadOnly = False,
    no_replay: parameters.NoReplay = False,
    no_detach_key: parameters.NoDetachKey = False,
) -> int:
    """Go to NAME, which must exist.

    Examples:
      sesh attach work
      sesh attach --read-only work
    """
    cli = ctx.obj
    flags = AttachFlags(replace, read_only, no_replay, no_detach_key)
    target = None if name == "-" else cli.find_target(check_name(name))
    return attach_last(cli, flags) if target is None else attach_existing(cli, target, name, flags)


def new(  # noqa: PLR0913 (a session and an attachment have that many options)
    ctx: parameters.Context,
    name: parameters.AnyName = None,
    directory: parameters.Directory = None,
    *,
    detached: parameters.Detached = False,
    join: Annotated[bool, Option("--join", help="Go to the session of that name, if it runs.")] = False,
    replace: Annotated[bool, Option("--replace", help="End the session of that name first.")] = False,
    new_name: Annotated[bool, Option("--new-name", help="Use the next free name: NAME-2, NAME-3, …")] = False,
    env: parameters.Env = None,
    label: parameters.Label = None,
    size: parameters.Size = None,
    read_only: parameters.ReadOnly = False,
    no_replay: parameters.NoReplay = False,
    no_detach_key: parameters.NoDetachKey = False,
) -> int:
    """Start a session and go to it; without NAME it gets the lowest free number.

    If NAME already runs, sesh asks; without a terminal it fails.

    Examples:
      sesh new
      sesh new -d web ~/site -- make serve
      sesh new web --new-name
    """
    cli = ctx.obj
    choices = [word for word, chosen in (("join", join), ("replace", replace), ("new", new_name)) if chosen]
    if len(choices) > 1:
        raise UsageError("--join, --replace and --new-name cannot be combined")
    choice = choices[0] if choices else ""
    spec = parameters.spec_of(cli.line.tail, directory, env, label, size)
    target = cli.line_target
    if detached or cli.line.json:
        target.sync()
        session = target.call(enter.new_detached, name=name, spec=spec, choice=choice)
        if not cli.line.json:
            cli.out.text(session["name"])
        return _report_session(cli, session["name"], created=session["created"])
    return attach_terminal(
        cli,
        target,
        name or "NAME",
        lambda hello: target.connect_by(enter.new, hello, name=name, spec=spec, choice=choice),
        AttachFlags(read_only=read_only, no_replay=no_replay, no_detach_key=no_detach_key),
        sync=not join,
    )


def open_(
    ctx: parameters.Context,
    name: parameters.Name,
    directory: parameters.Directory = None,
    *,
    env: parameters.Env = None,
    label: parameters.Label = None,
    size: parameters.Size = None,
) -> int:
    """Start NAME unless it runs already, without going to it.

    Examples:
      sesh open work
      sesh open web ~/site --label team=web -- make serve
    """
    cli = ctx.obj
    target = cli.line_target
    target.sync()
    created = target.call(enter.open_, name=name, spec=parameters.spec_of(cli.line.tail, directory, env, label, size))
    return _report_session(cli, name, created=created)


def _report_session(cli: Invocation, name: str, *, created: bool) -> int:
    """Print the session if JSON is wanted; note if its name is a verb."""
    if created:
        cli.note_verb(name, cli.line.host)
    return cli.out.done(name=name, session=name, host=cli.line.host, created=created)


def here(
    ctx: parameters.Context,
    directory: parameters.Directory = None,
    *,
    replace: parameters.Replace = False,
    read_only: parameters.ReadOnly = False,
    no_replay: parameters.NoReplay = False,
    no_detach_key: parameters.NoDetachKey = False,
) -> int:
    """Go to the session named after this directory's repository, or start it here.

    In a git worktree the name is REPO-BRANCH; outside a repository it is the name of the directory. If a session of
    another directory has that name, it is NAME-2.

    Examples:
      sesh here
      sesh here ~/src/app
      sesh @gpu here
    """
    cli = ctx.obj
    directory = checked_directory(cli, ".") if directory is None else directory
    session = cli.line_target.call(create.here, directory=directory)
    name = session["name"]
    spec = parameters.spec_of(cli.line.tail, None if session["there"] else session["directory"])
    target = cli.line_target
    flags = AttachFlags(replace, read_only, no_replay, no_detach_key)
    return attach_terminal(
        cli, target, name, lambda hello: target.connect_by(enter.go, hello, name=name, spec=spec), flags
    )
