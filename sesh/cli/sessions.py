"""Verbs that act on sessions without attaching."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from signal import Signals
from typing import Annotated

from typer import Argument, Option

from sesh.about import SESH
from sesh.cli.invocation import Invocation
from sesh.cli.parameters import AnyName, Context, Labelled, Name, Names, OldAndNew, Yes, offering, parsed
from sesh.cli.printed import (
    PrintedDetached,
    PrintedKilled,
    PrintedLabels,
    PrintedReloaded,
    PrintedRenamed,
    PrintedResume,
    PrintedSignalled,
    prints,
)
from sesh.cli.render import Failure, failures_of, show_each
from sesh.errors import ErrorFacts, Refused, UsageError
from sesh.names import check_label, check_labels, check_name
from sesh.ops import sessions, views
from sesh.ops.lookup import has_labels, unlabelled
from sesh.reach.target import Target
from sesh.schema.outcomes import ActedOn


@prints(PrintedDetached)
def detach(ctx: Context, name: AnyName = None) -> int:
    """Detach all clients of NAME; without NAME, inside a session, only this client.

    If NAME runs on another machine that the line does not name, sesh asks; in a script it fails.

    Examples:
      sesh detach
      sesh detach work
    """
    cli = ctx.obj
    return cli.out.done(**cli.find_target(name, question="Detach its terminals?").call(sessions.detach, name=name))


def checked_signal(word: str) -> str:
    """Return the name of a signal, as a host knows it, too. Raises UsageError."""
    return Signals(sessions.signal_number(word)).name


@prints(PrintedKilled | PrintedSignalled)
def kill(
    ctx: Context,
    names: Names = None,
    *,
    label: Labelled = None,
    signal: Annotated[
        str | None,
        Option(
            "--signal",
            "-s",
            metavar="SIGNAL",
            parser=parsed(checked_signal),
            autocompletion=offering(lambda: (each.name.removeprefix("SIG") for each in Signals)),
            help="Send SIGNAL (INT, TERM, USR1, …) to the program in the foreground, and nothing else.",
        ),
    ] = None,
    yes: Yes = False,
) -> int:
    """End sessions and what runs in them: SIGHUP, then SIGKILL after 2 s. `kill-all` does so for all of them.

    Without NAME it ends the session that you are in; with --label, all sessions with that label, here or on @HOST. In
    both cases it asks first on a terminal. With --label and several hosts it needs -y.

    If NAME runs on another machine that the line does not name, sesh asks; in a script it fails. Each NAME is tried;
    the exit code is 1 if any was not ended.

    With --signal no session is ended by sesh: the process group in the foreground gets SIGNAL, as from kill(1).

    Examples:
      sesh kill work
      sesh kill build test
      sesh kill -s INT build
      sesh kill --label team=shop
      sesh kill
    """
    cli = ctx.obj
    if names and label:
        raise UsageError("sesh kill takes names or --label, not both; nothing was ended")
    if signal is not None:
        return _send_signal(cli, signal, names or [], dict(label or ()), yes=yes)
    if label:
        return _kill_labelled(cli, dict(label), yes=yes)
    if not names:
        own = cli.session_name(None)
        _confirm(cli, f"end {own}, this session, and all that runs in it?", yes=yes)
        return _kill_chosen(cli, {own: ""})

    def end_on(target: Target, some: list[str]) -> Mapping[str, ErrorFacts]:
        return target.call(sessions.kill, names=some)["failed"]

    failed = cli.on_each(names, end_on, question="End it?", yes=yes)
    return _show_killed(cli, [name for name in dict.fromkeys(names) if name not in failed], failed)


def _send_signal(cli: Invocation, signal: str, names: list[str], wanted: dict[str, str], *, yes: bool) -> int:
    """Send a signal to the foreground of the sessions with these names, or on the line's machine with these labels."""
    if not (names or wanted):
        raise UsageError("no session given", hint=f"write: {SESH} kill -s {signal.removeprefix('SIG')} NAME")

    def signal_on(target: Target, some: list[str]) -> Mapping[str, ErrorFacts]:
        return target.call(sessions.signal_foreground, some, signal)["failed"]

    if wanted:
        names = list(_labelled(cli, wanted))
        if not names:
            cli.out.done(signalled=[])
            return cli.out.nothing_found()
        failed = failures_of(signal_on(cli.line_target, names), cli.line.host)
    else:
        failed = cli.on_each(names, signal_on, question=f"Send it {signal}?", yes=yes)
    done = [name for name in dict.fromkeys(names) if name not in failed]
    return show_each(
        cli.out, "signalled", done, failed, describe=f"{signal} sent to {{}}".format, facts={"signal": signal}
    )


def _kill_chosen(cli: Invocation, ids: dict[str, str]) -> int:
    """End sessions of the line's machine; no name is looked up elsewhere. `ids`: by name."""
    result = cli.line_target.call(sessions.kill, names=list(ids), ids=ids)
    return _report_killed(cli, result)


def _report_killed(cli: Invocation, result: ActedOn) -> int:
    return _show_killed(cli, result["done"], failures_of(result["failed"], cli.line.host))


def _show_killed(cli: Invocation, done: Sequence[str], failed: Mapping[str, Failure]) -> int:
    return show_each(cli.out, "killed", done, failed, describe="ended {}".format)


def _kill_labelled(cli: Invocation, wanted: dict[str, str], *, yes: bool) -> int:
    """End the target's sessions with these labels, once the person agrees. Raises NotFound, Refused."""
    _check_can_confirm(cli, yes=yes)
    ids = _labelled(cli, wanted)
    if not ids:
        cli.out.done(killed=[])
        return cli.out.nothing_found()
    _confirm(cli, f"end {', '.join(ids)}?", yes=yes)
    return _kill_chosen(cli, ids)


def _labelled(cli: Invocation, wanted: dict[str, str]) -> dict[str, str]:
    """Return the ids of the target's sessions with these labels, by name.

    Raises NotFound if there are none, except on one of several hosts: another one may have them.
    """
    rows = cli.line_target.call(views.overview)["sessions"]
    ids = {row["name"]: row.get("id") or "" for row in rows if has_labels(row, wanted) and "machine" not in row}
    if not (ids or cli.out.several):
        raise unlabelled(wanted)
    return ids


def _confirm(cli: Invocation, question: str, *, yes: bool) -> None:
    """Ask the person, if any, unless -y was given. Raises Refused if the person declines."""
    if cli.can_answer and not yes and not cli.agrees(question):
        raise Refused("no session was ended")


def _check_can_confirm(cli: Invocation, *, yes: bool) -> None:
    """Raise UsageError on one of several hosts without -y, because there nobody is asked."""
    if cli.out.several and not yes:
        raise UsageError("on several hosts nobody is asked whether to end the sessions", hint="add -y to end them")


@prints(PrintedKilled)
def kill_all(ctx: Context, *, yes: Yes = False) -> int:
    """End all sessions on this machine, or on @HOST: `kill` for every NAME of `sesh list`.

    On a terminal it asks first. With several hosts it needs -y.

    Examples:
      sesh kill-all
      sesh kill-all -y
      sesh @web kill-all -y
    """
    cli = ctx.obj
    _check_can_confirm(cli, yes=yes)
    return _report_killed(cli, cli.line_target.call(sessions.kill_all, ask=not yes))


@prints(PrintedRenamed)
def rename(ctx: Context, names: OldAndNew) -> int:
    """Rename a session; without OLD, the one that you are in.

    If OLD runs on another machine that the line does not name, sesh asks; in a script it fails.

    Examples:
      sesh rename work play
      sesh rename play
    """
    cli = ctx.obj
    *olds, new = map(check_name, names)
    if len(olds) > 1:
        raise UsageError(f"sesh rename takes an old and a new name; {new} is one too many")
    old = olds[0] if olds else None
    target = cli.find_target(old, question="Rename it?")
    renamed = target.call(sessions.rename, name=old, new=new)
    cli.note_verb(new, target.host)
    return cli.out.done(**renamed)


@prints(PrintedLabels)
def label(
    ctx: Context,
    name: Name,
    labels: Annotated[list[str], Argument(metavar="K=V…", help="Labels to set.", show_default=False)],
) -> int:
    """Set labels; `K=` removes one.

    Examples:
      sesh label work team=web
      sesh label work team=
    """
    cli = ctx.obj
    changes = check_labels(map(check_label, labels))
    return cli.out.done(name=name, labels=cli.find_target(name).call(sessions.label, name=name, labels=changes))


@prints(PrintedResume)
def resume_with(ctx: Context, name: AnyName = None) -> int:
    """Set the command that restarts NAME after its end or loss; `--` alone removes it.

    Without NAME it sets the command of the session in which it runs, as in a hook.

    Examples:
      sesh resume-with -- claude --resume "$id"
      sesh resume-with agent -- ./agent --continue
      sesh resume-with agent --
    """
    cli = ctx.obj
    if cli.line.tail is None or (name is None and cli.line.host is not None):
        line = f"{SESH} resume-with NAME -- CMD…"
        raise UsageError(f"no {'session' if cli.line.tail else 'command'} given; write: {line} (-- alone forgets it)")
    session = cli.find_target(name).call(sessions.resume_with, name=name, command=cli.line.tail)
    return cli.out.done(**session, resume=cli.line.tail or None)


@prints(PrintedReloaded)
def reload(ctx: Context, names: Names = None) -> int:
    """Move running sessions to this version of sesh, without ending what runs in them.

    Without NAME it moves all of them. Each is tried; the exit code is 1 if any failed.

    Examples:
      sesh reload
      sesh reload work
      sesh @gpu reload
    """
    cli = ctx.obj
    done: list[str] = []

    def reload_on(target: Target, some: list[str]) -> dict[str, ErrorFacts]:
        result = target.call(sessions.reload, names=some)
        done.extend(result["done"])
        return result["failed"]

    failed = cli.on_each(names or [], reload_on)
    if not cli.line.json:
        for name in done:
            cli.out.text(f"{name} runs the installed sesh now")
        if not (done or failed):
            cli.out.text("no session runs")
    return show_each(cli.out, "reloaded", done, failed)


def report_session(cli: Invocation, name: str, *, created: bool = True, shown: bool = False) -> int:
    """Print a running session as JSON, or its name if `shown`; note a verb's name."""
    if created:
        cli.note_verb(name, cli.line.host)
    if shown and not cli.line.json:
        cli.out.text(name)
    return cli.out.done(name=name, session=name, host=cli.line.host, created=created)
