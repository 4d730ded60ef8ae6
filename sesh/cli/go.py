"""Verbs that go to a session or start one: `NAME`, `attach`, `new`, `open`, `here`."""

from __future__ import annotations

from typing import Annotated

from typer import Option

from sesh.about import SESH
from sesh.cli import parameters
from sesh.cli.attach import LAST, AttachFlags, attach_last, attach_or_create, attach_terminal
from sesh.cli.main import list_or_pick
from sesh.cli.printed import PrintedSession, prints
from sesh.cli.sessions import report_session
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
    line = ctx.obj.line
    if name is None:
        if not line.words and not line.create and line.tail is None:
            return list_or_pick(ctx.obj)
        raise UsageError(f"no NAME given; write: {SESH} NAME, or {SESH} new for the lowest free number")
    flags = AttachFlags(replace, read_only, no_replay, no_detach_key)
    spec = parameters.spec_of(line.tail, directory, env, label)
    starts = directory is not None or bool(line.tail)
    if name == LAST or (read_only and not starts):
        why = f"`{SESH} -` returns to a session" if name == LAST else "--read-only watches a session, and starts none"
        parameters.refuse_unused(why, {"--env": env, "--label": label})
    if name != LAST:
        return attach_or_create(ctx.obj, name, spec, flags)
    if spec.get("directory") is not None or spec.get("command") is not None:
        raise UsageError(f"`{SESH} -` attaches to the last session, and creates no new one; omit DIR and CMD")
    return attach_last(ctx.obj, flags)


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
    if name == LAST:
        return attach_last(cli, flags)
    return attach_terminal(cli, cli.find_target(check_name(name)), enter.attach, {"name": name}, flags)


@prints(PrintedSession)
def new(  # noqa: PLR0913 (a session and an attachment have that many options)
    ctx: parameters.Context,
    name: parameters.AnyName = None,
    directory: parameters.Directory = None,
    *,
    detached: parameters.Detached = False,
    join: Annotated[bool, Option("--join", help="Go to the session of that name, if it runs.")] = False,
    kill_old: Annotated[
        bool, Option("--kill-old", help="End NAME and all that runs in it, then start it anew.")
    ] = False,
    _replace: Annotated[
        bool, parameters.renamed("--replace", now="--kill-old", meaning="ends the session of that name")
    ] = False,
    new_name: Annotated[bool, Option("--new-name", help="Use the next free name: NAME-2, NAME-3, …")] = False,
    env: parameters.Env = None,
    label: parameters.Label = None,
    size: parameters.Size = None,
    read_only: parameters.ReadOnly = False,
    no_replay: parameters.NoReplay = False,
    no_detach_key: parameters.NoDetachKey = False,
) -> int:
    """Start a session and go to it; without NAME it gets the lowest free number.

    If NAME already runs, sesh asks; in a script it fails unless you give --join, --kill-old or --new-name. `open` is
    `new --detached --join`: it makes sure that NAME runs.

    Examples:
      sesh new
      sesh new -d web ~/site -- make serve
      sesh new web --new-name
    """
    cli = ctx.obj
    choices = [word for word, chosen in (("join", join), ("kill-old", kill_old), ("new", new_name)) if chosen]
    if len(choices) > 1:
        raise UsageError("--join, --kill-old and --new-name cannot be combined")
    choice = choices[0] if choices else ""
    if name is None:
        given = {"--join": join, "--kill-old": kill_old, "--new-name": new_name}
        parameters.refuse_unused("without NAME the session gets a free number", given)
    if detached or cli.line.json:
        flags = {"--read-only": read_only, "--no-replay": no_replay, "--no-detach-key": no_detach_key}
        parameters.refuse_unused(f"{'-d' if detached else '--json'} does not go to the session", flags)
    elif not read_only:
        parameters.refuse_unused("the session gets the size of your terminal, unless you add -d", {"--size": size})
    spec = parameters.spec_of(cli.line.tail, directory, env, label, size)
    target = cli.line_target
    if detached or cli.line.json:
        name, created = target.begin(enter.new, name=name, spec=spec, choice=choice)
        return report_session(cli, name, created=created, shown=True)
    return attach_terminal(
        cli,
        target,
        enter.new,
        {"name": name, "spec": spec, "choice": choice},
        AttachFlags(read_only=read_only, no_replay=no_replay, no_detach_key=no_detach_key),
    )


@prints(PrintedSession)
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

    It does what `new --detached --join` does, and replaces one that has ended or is lost. `new` starts a session and
    goes to it.

    Examples:
      sesh open work
      sesh open web ~/site --label team=web -- make serve
    """
    cli = ctx.obj
    spec = parameters.spec_of(cli.line.tail, directory, env, label, size)
    _, created = cli.line_target.begin(enter.open_, name=name, spec=spec)
    return report_session(cli, name, created=created)


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
    spec = parameters.spec_of(cli.line.tail, None if session["there"] else session["directory"])
    flags = AttachFlags(replace, read_only, no_replay, no_detach_key)
    return attach_terminal(cli, cli.line_target, enter.go, {"name": session["name"], "spec": spec}, flags)
