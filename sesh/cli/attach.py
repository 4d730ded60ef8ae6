"""`sesh -`, `--attach`, `--new`: find or create a session, and attach this terminal to it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypedDict

from sesh import attached_last, identity, programs
from sesh.about import SESH
from sesh.cli import printing, verbs
from sesh.cli.created import new_detached
from sesh.cli.invocation import Invocation
from sesh.client.attach import attach as run_client
from sesh.client.attach import introduction
from sesh.client.outcome import AttachOptions, Ending, Outcome
from sesh.errors import (
    SIGNAL_BASE,
    ExitCode,
    NotDeployed,
    NotFound,
    Refused,
    Unreachable,
    UsageError,
)
from sesh.keynames import DetachKey
from sesh.link.race import LostSession
from sesh.link.reopen import Reopen
from sesh.names import is_name
from sesh.ops import enter, sessions, views
from sesh.ops.new import new as new_session
from sesh.quitkey import quit_key
from sesh.reach import find, links
from sesh.reach.op import Entered
from sesh.reach.target import Target
from sesh.store import listing, records
from sesh.stored import Record
from sesh.wire import Connection

if TYPE_CHECKING:
    from typing_extensions import Unpack


class ViewWords(TypedDict, total=False):
    """The attach options of the command line. With `join` the user's files are not pushed to a host before."""

    join: bool
    replace: bool
    read_only: bool
    no_replay: bool
    no_detach_key: bool


_DETACH_KEY = "C-\\"


def check(view: ViewWords) -> None:
    """Raise UsageError if attach options contradict each other."""
    if view.get("join") and view.get("replace"):
        raise UsageError("--join and --replace cannot be combined")


def view(**words: bool) -> ViewWords:
    return {key: value for key, value in words.items() if value}  # type: ignore[return-value]


def _options(cli: Invocation, view: ViewWords) -> AttachOptions:
    """Return the client's options."""
    settings = cli.settings()
    return AttachOptions(
        read_only=view.get("read_only", False),
        replace=view.get("replace", False),
        replay=not view.get("no_replay"),
        detach_key=None if view.get("no_detach_key") else detach_key(cli),
        lines=settings.replay_lines,
        predict=settings.predict,
        renew=settings.renew,
    )


def detach_key(cli: Invocation) -> DetachKey | None:
    r"""Return the key that detaches: `SESH_DETACH_KEY`, else the settings' `detach_key`, else Ctrl-\; None for `none`.

    A `SESH_DETACH_KEY` that is not a key is noted and passed over.
    """
    if named := os.environ.get("SESH_DETACH_KEY"):
        try:
            return DetachKey.parse(named)
        except UsageError as error:
            cli.entering(f"SESH_DETACH_KEY is ignored: {error}")
    return DetachKey.parse(cli.settings().detach_key or _DETACH_KEY)


def attach(cli: Invocation, name: str, **view: Unpack[ViewWords]) -> int:
    """`--attach NAME`: attach to a session that must be there. Raises NotFound."""
    check(view)
    if name == "-":
        return back(cli, view)
    find.checked(name, "--attach")
    return attach_to(cli, name, view)


def attach_to(cli: Invocation, name: str, view: ViewWords) -> int:
    """Attach to a session that must be there; return the exit code."""
    if not printing.on_terminal():
        raise without_terminal(cli, name, exists=runs_or_is_kept(cli.target, name, required=True))
    return attach_terminal(cli, name, view, lambda target: target.enter(enter.attach, name=name))


def back(cli: Invocation, view: ViewWords, directory: str | None = None) -> int:
    """`sesh -`: the session attached last that is still there; typed inside one, the one before it.

    Raises NotFound, and UsageError if a DIR or a command was written.
    """
    if directory is not None or cli.tail is not None:
        raise UsageError(f"`{SESH} -` attaches to the last session, and creates no new one; omit DIR and CMD")
    if cli.host is not None:
        return attach_to(cli, "-", view)
    current = listing.current()
    for host, name in enter.recent():
        if not host and (not runs_or_is_kept(cli.target_of(None), name) or _shows(name)):
            continue
        cli.set_host(host or None)
        try:
            return attach_to(cli, name, view)
        except NotFound:
            continue  # it has ended
        except (NotDeployed, Unreachable) as error:
            if host:
                error.message = f"cannot go back to {name} on @{host}: {error.message}"
            raise
    cli.set_host(None)
    if current is None:
        raise NotFound("there is no previous session", hint=f"`{SESH}` lists the sessions")
    hint = f"if you came from another machine, leave this session, and type `{SESH} -` there"
    raise NotFound("there is no previous session on this machine", hint=hint)


def new(  # noqa: PLR0913 (a session has that many options)
    cli: Invocation,
    name: str | None = None,
    directory: str | None = None,
    *,
    detached: bool = False,
    join: bool = False,
    replace: bool = False,
    new_name: bool = False,
    asks: bool = True,
    env: Sequence[str] = (),
    label: Sequence[str] = (),
    size: str | None = None,
    **view: Unpack[ViewWords],
) -> int:
    """`--new [NAME] [DIR] [-d] [-- CMD…]`: create a session. `--new --json` does not attach.

    `asks`: if the name is taken here, ask the person what to do; else Exists is raised.
    """
    if new_name + join + replace > 1:
        raise UsageError("--join, --replace and --new-name cannot be combined")
    if name is not None:
        find.checked(name, "--new")
    choice = "join" if join else "replace" if replace else "new" if new_name else ""
    spec = cli.spec(directory, env, label, size)
    if detached or (cli.json and cli.verb == "--new"):
        return new_detached(cli, name, spec, choice)
    if not printing.on_terminal():
        exists = cli.host is not None and runs_or_is_kept(cli.target, name or "NAME")
        raise without_terminal(cli, name or "NAME", exists=exists)

    def create_it(target: Target) -> Entered:
        return target.enter(new_session, name=name, spec=spec, choice=choice, asks=asks)

    return attach_terminal(cli, name or "NAME", view, create_it, creates=True)


def attach_terminal(
    cli: Invocation,
    name: str,
    view: ViewWords,
    obtain: Callable[[Target], Entered],
    *,
    creates: bool = False,
) -> int:
    """Attach this terminal to the session that `obtain` finds or creates; return the exit code.

    Typed in a session, its client is switched to the other one instead, but not to one that has ended, as the client
    would end with it. `creates`: for `--new`, which wants another session even if the current one is called NAME.
    """
    target = cli.target
    options = _options(cli, view)
    current = listing.current()
    if not creates and cli.host is None and current is not None and current["name"] == name:
        cli.note(f"you are already in {name}")
        return 0
    if current is not None:
        _check_switch(current, view, cli.host, name)
    if not view.get("join"):
        target.sync()
    if current is None and target.host is not None:
        target.greeting = introduction(target.host, options)
    try:
        name, connection = obtain(target)
    finally:
        target.greeting = None
    quit_key.disarm()
    if current is None:
        return _run_client(cli, target, name, connection, options)
    if _has_ended(cli, name):
        return code(verbs.load("views.ended")(cli, name, connection))
    connection.close()
    if cli.host is None and current["name"] == name:
        cli.note(f"you are already in {name}")
    elif not _switch(current, name, cli.host):
        raise Refused(f"no client of {current['name']} is attached that could switch to {name}; use another terminal")
    return 0


def _has_ended(cli: Invocation, name: str) -> bool:
    if cli.host is None:
        return find.ended(name)
    return cli.target.call(views.status, name=name)["state"] == "exited"


def without_terminal(cli: Invocation, name: str, *, exists: bool, meant: Sequence[str] = ()) -> Refused:
    """Return the error without a terminal; its hint is the line that was `meant`, or names commands that need none."""
    instead = f"`{SESH} --open {name}` creates a session without attaching"
    if exists and not meant:
        instead = f"`{SESH} --screen {name}` shows its screen, `{SESH} --send {name}` types into it"
    return Refused("attaching needs a terminal", hint=instead)


def runs_or_is_kept(target: Target, name: str, *, required: bool = False) -> bool:
    """Return whether a session runs, or is kept. Raises NotFound if it is `required`."""
    return target.call(sessions.there, name=name, required=required)


def _check_switch(current: Record, view: ViewWords, host: str | None, name: str) -> None:
    """Raise Refused if the client of the current session cannot be switched to `name` (on `host`)."""
    if words := [f"--{key.replace('_', '-')}" for key, value in sorted(view.items()) if value and key != "join"]:
        raise Refused(f"inside a session you can only switch to another; detach first to use {', '.join(words)}")
    to = name if is_name(name) and host is not None else "NAME"
    if not _switch(current, to, host, probe=True):
        raise Refused(f"no attached client of {current['name']} can switch; use another terminal")


def _switch(current: Record, name: str, host: str | None, *, probe: bool = False) -> bool:
    """Switch the client of the current session to another; return whether it could. `probe`: only ask."""
    answer, _ = find.ask(str(current["name"]), "switch", to=name, host=host, probe=probe)
    return bool(answer.get("switched"))


def _shows(name: str) -> bool:
    """Tell whether a session shows the caller's terminal, also through programs with terminals of their own.

    These are the ancestors of the caller (as script is) and of the clients of its tmux, whose server has none.
    """
    record = records.readable(name)
    for pid in (os.getpid(), *_tmux_clients()):
        ancestor = pid
        while record is not None and ancestor > 1:
            if listing.holds(record, identity.controlling_tty(ancestor)):
                return True
            ancestor = identity.parent_of(ancestor)
    return False


def _tmux_clients() -> list[int]:
    """List the pids of the clients that show this pane of tmux."""
    pane = os.environ.get("TMUX_PANE")
    if not pane:
        return []
    printed = programs.printed("tmux", "list-clients", "-t", pane, "-F", "#{client_pid}", timeout=1.0)
    return [int(word) for word in (printed or "").split() if word.isdecimal()]


def _refuse_loop(name: str) -> None:
    """Raise Refused if a session shows this terminal, in tmux or script: its client would print itself for ever."""
    if _shows(name):
        raise Refused(f"this terminal is shown in {name} itself", hint="attach to it in another terminal")


def _run_client(cli: Invocation, target: Target, name: str, connection: Connection, options: AttachOptions) -> int:
    destinations = {target.host: target.destination}

    def connect(name: str, host: str | None) -> Connection:
        if host is None:
            _refuse_loop(name)
        other = cli.target_of(host)
        connection = other.connect(name, attaches=True)
        destinations[host] = other.destination
        attached_last.remember(name, host)
        return connection

    def reconnect(host: str, ask: Callable[[], object], session: Callable[[], LostSession]) -> Reopen:
        destination = destinations[host]
        assert destination is not None  # noqa: S101 (a link leads to a host)
        return links.reopening(destination, links.back, ask, session)

    if target.host is None:
        _refuse_loop(name)
    attached_last.remember(name, target.host)
    options.first_notice = cli.greeting
    target.log_attached(name)
    outcome = run_client(connection, name, host=target.host, options=options, connect=connect, reconnect=reconnect)
    target.log_left(outcome.name, outcome.host, outcome.kind.value, outcome.round_trip, outcome.heard_at)
    return code(outcome)


def code(outcome: Outcome) -> int:
    """Return the exit code for the outcome of an attachment."""
    if outcome.kind is Ending.ENDED:
        return SIGNAL_BASE + outcome.signal if outcome.signal else outcome.code or 0
    if outcome.early:
        return ExitCode.INTERRUPTED
    return 0 if outcome.kind is Ending.DETACHED else 1
