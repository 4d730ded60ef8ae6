"""`sesh NAME`, `sesh -`, `--attach`, `--new`: a session found or created, and this terminal led into it."""

from __future__ import annotations

import os

from sesh import paths
from sesh.cli import printing
from sesh.cli.verbs import BY_NAME
from sesh.config import PREDICT
from sesh.errors import ExitCode, NotFound, Refused, Unreachable, UsageError
from sesh.names import is_name, printable
from sesh.ops import enter
from sesh.quitkey import quit_key
from sesh.reach import find
from sesh.store import listing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, TypedDict

    from typing_extensions import Unpack

    from sesh.cli.invocation import Invocation
    from sesh.client.outcome import AttachOptions, Outcome
    from sesh.client.race import Reconnect
    from sesh.keynames import DetachKey
    from sesh.reach.op import Entered
    from sesh.reach.target import Target
    from sesh.schema import Record, Spec
    from sesh.wire import Connection

    class ViewWords(TypedDict, total=False):
        """The attach options of the command line."""

        join: bool
        replace: bool
        read_only: bool
        replay: bool
        no_replay: bool
        no_detach_key: bool
        predict: str | None


_DETACH_KEY = "C-\\"
_WITHOUT_TITLE = ("", "dumb", "linux")
"""Terminals that have no window."""


class View:
    """How to attach: the attach options of the command line. Raises UsageError where they contradict each other."""

    __slots__ = ("no_detach_key", "no_replay", "predict", "read_only", "replace", "replay")

    def __init__(
        self,
        *,
        join: bool = False,
        replace: bool = False,
        read_only: bool = False,
        replay: bool = False,
        no_replay: bool = False,
        no_detach_key: bool = False,
        predict: str | None = None,
    ) -> None:
        if predict not in (None, *PREDICT):
            raise UsageError(f"--predict must be one of {', '.join(PREDICT)}")
        self.predict = predict
        if join and replace:
            raise UsageError("--join and --replace cannot be combined")
        if replay and no_replay:
            raise UsageError("--replay and --no-replay cannot be combined")
        self.replay = replay
        self.replace, self.read_only, self.no_replay, self.no_detach_key = replace, read_only, no_replay, no_detach_key

    def options(self, cli: Invocation) -> AttachOptions:
        """The client's options. Raises UsageError for a `SESH_DETACH_KEY` that is not a key."""
        from sesh.client.outcome import AttachOptions  # a daemon that is forked now would carry the rest of the client

        key = None if self.no_detach_key else detach_key(cli)
        settings = cli.caller.settings()
        return AttachOptions(
            read_only=self.read_only,
            replace=self.replace,
            replay=not self.no_replay,
            detach_key=key,
            lines=settings.replay_lines,
            repeat=self.replay or settings.replay == "all",
            predict=self.predict or settings.predict,
            title=settings.title and os.environ.get("TERM", "") not in _WITHOUT_TITLE,
        )

    def words(self) -> str:
        """The options that mean something only where a client starts."""
        return ", ".join(f"--{name.replace('_', '-')}" for name in self.__slots__ if getattr(self, name))


def detach_key(cli: Invocation) -> DetachKey | None:
    r"""The key that leaves a session: `SESH_DETACH_KEY`, else the settings' `detach_key`, else Ctrl-\; None for `none`.

    Raises UsageError for a `SESH_DETACH_KEY` that is not a key. An invalid one in the settings is noted and ignored.
    """
    from sesh.keynames import DetachKey

    if named := os.environ.get("SESH_DETACH_KEY"):
        try:
            return DetachKey.parse(named)
        except UsageError as error:
            raise UsageError(f"SESH_DETACH_KEY: {error}") from error
    settings = cli.caller.settings()
    try:
        return DetachKey.parse(settings.detach_key or _DETACH_KEY)
    except UsageError as error:
        settings.warn(str(error), "detach_key")
        cli.caller.warn(settings)
        return DetachKey.parse(_DETACH_KEY)


def go(
    cli: Invocation,
    places: Sequence[str] = (),
    *,
    env: Sequence[str] = (),
    label: Sequence[str] = (),
    **view: Unpack[ViewWords],
) -> int:
    """`sesh`, `sesh NAME [DIR] [-- CMD…]` and `sesh -`: the list; or attach, having created what was not there."""
    if not places:
        if cli.tail is not None or env or label or view or cli.line.create:
            instead = f"$sesh --label NAME {printable(label[0])}" if label else "$sesh NAME"
            raise UsageError(f"no NAME given; write: {instead}, or $sesh --new for the lowest free number")
        from sesh.cli.list import list_

        if printing.on_terminal() and not cli.json and cli.caller.settings().pick:
            from sesh.cli.tui import console

            if not console.dumb():
                try:
                    return BY_NAME["--pick"].function()(cli)
                except NotFound:
                    pass  # the list says so
        return list_(cli)
    name, directory = places[0], places[1] if len(places) > 1 else None
    if len(places) > 2:
        from sesh.cli import suggestions

        suggestions.check_words(places)
    how = View(**view)
    if name == "-":
        return back(cli, how, plain=directory is None)
    find.checked(name)
    spec: Spec = {"directory": directory, "command": cli.command, "env": list(env), "label": list(label)}
    meant, other = _suggested(name, directory)
    entry = enter.Entry(cli.caller, name, spec, meant, other) if cli.host is None else None
    if entry is not None and entry.connection is None and not entry.dormant and printing.on_terminal():
        host = _elsewhere(cli, name)
        if host is not None:
            cli.at(host)
            entry = None
    if entry is None:
        return _lead(
            cli,
            name,
            how,
            lambda target: target.enter(enter.go, name=name, spec=spec, meant=meant, other=other),
            there=lambda target: _is_there(target, name),
            syncs=not view.get("join"),
        )
    entry.check()
    runs = entry.connection is not None
    try:
        return _lead(cli, name, how, lambda _: entry.enter(), there=lambda _: runs)
    except Unreachable:
        if not runs or find.running(name) is not None:
            raise
    return go(cli, places, env=env, label=label, **view)  # it ended between our connection and its answer


def _lead(
    cli: Invocation,
    name: str,
    how: View,
    entered: Callable[[Target], Entered],
    *,
    there: Callable[[Target], bool],
    creates: bool = False,
    syncs: bool = True,
) -> int:
    """Leads this terminal into the session that `entered` answers, here or on a host; the exit code.

    `there`: whether NAME exists, for who has no terminal. `creates`: a session that was not there. `syncs`: files are
    pushed to the host before.
    """
    target = cli.target
    if not printing.on_terminal():
        needs_terminal(name, there=there(target))
    options = how.options(cli)
    here = listing.current()
    if not creates and cli.host is None and here is not None and here["name"] == name:
        return already(cli, name)
    check_switch(here, how, cli.host, name)
    if syncs:
        target.sync()
    name, connection = entered(target)
    quit_key.disarm()
    if here is not None:
        connection.close()
        return already(cli, name) if cli.host is None and here["name"] == name else switch(here, name, cli.host)
    return _attached(cli, target, name, connection, options)


def _is_there(target: Target, name: str, *, required: bool = False) -> bool:
    """Whether a session runs, or is kept. Raises NotFound if it is `required`."""
    from sesh.ops import sessions

    return target.call(sessions.there, name=name, required=required)


def _attached(cli: Invocation, target: Target, name: str, connection: Connection, options: AttachOptions) -> int:
    """Attaches this terminal until it leaves; the exit code."""
    from sesh.client.attach import attach as run

    paths.remember(name, target.host)
    options.first_notice = cli.caller.greeting
    target.log_attached(name)
    outcome = run(connection, name, host=target.host, options=options, connect=_opener(cli), reconnect=_returner(cli))
    target.log_left(outcome.name, outcome.host, outcome.kind, outcome.round_trip)
    return code(outcome)


def _elsewhere(cli: Invocation, name: str) -> str | None:
    """The known remote that has a session which is not here; None where none has."""
    from sesh.remote import known

    if not known.exist():
        return None
    from sesh.ops import lookup

    return lookup.host_of(cli.caller, name, creates=True)


def _suggested(name: str, directory: str | None) -> tuple[str, str]:
    """The lines that were probably meant by a session that is named like a verb: with the directory, and without."""
    if is_name(name) and name.isalpha():
        from sesh.cli import suggestions

        return suggestions.verb_line(name, [directory]) if directory else "", suggestions.other_line(name)
    return "", ""


def attach(cli: Invocation, name: str, **view: Unpack[ViewWords]) -> int:
    """`--attach NAME`: attach to what is there. Raises NotFound."""
    how = View(**view)
    if name == "-":
        return back(cli, how)
    find.checked(name, "--attach")
    return attach_to(cli, name, how, syncs=not view.get("join"))


def attach_to(cli: Invocation, name: str, how: View, *, syncs: bool = True) -> int:
    """Attaches to a session that must be there; the exit code."""
    if cli.target.host is None:
        connection = find.required(name)
        return _lead(cli, name, how, lambda _: (name, connection), there=lambda _: True)
    return _lead(
        cli,
        name,
        how,
        lambda target: target.enter(enter.attach, name=name),
        there=lambda target: _is_there(target, name, required=True),
        syncs=syncs,
    )


def new(
    cli: Invocation,
    name: str | None = None,
    directory: str | None = None,
    *,
    detached: bool = False,
    new_name: bool = False,
    asks: bool = True,
    env: Sequence[str] = (),
    label: Sequence[str] = (),
    **view: Unpack[ViewWords],
) -> int:
    """`--new [NAME] [DIR] [-d] [-- CMD…]`: a session that was not there. With `--json` it does not attach.

    `asks`: whether the person is asked what to do where the name is taken here; if not, Exists is raised.
    """
    how = View(**view)
    if new_name and (view.get("join") or how.replace):
        raise UsageError("--join, --replace and --new-name cannot be combined")
    if name is not None:
        find.checked(name, "--new")
    choice = "join" if view.get("join") else "replace" if how.replace else "new" if new_name else ""
    spec: Spec = {"directory": directory, "command": cli.command, "env": list(env), "label": list(label)}
    if detached or cli.json:
        from sesh.cli.open import new_detached

        return new_detached(cli, name, spec, choice)
    how.replace = False  # the old session is gone then, and with it its clients
    from sesh.ops.new import new as new_session

    def entered(target: Target) -> Entered:
        if asks or target.host is not None:  # an older sesh there does not know the word
            return target.enter(new_session, name=name, spec=spec, choice=choice)
        return target.enter(new_session, name=name, spec=spec, choice=choice, asks=False)

    return _lead(
        cli,
        name or "NAME",
        how,
        entered,
        there=lambda target: target.host is not None and _is_there(target, name or "NAME"),
        creates=True,
        syncs=not view.get("join"),
    )


def needs_terminal(name: str, *, there: bool = False) -> None:
    """Raises Refused where nothing can be attached here, with what does without a terminal; `there`: NAME exists."""
    if printing.on_terminal():
        return
    from sesh.cli import suggestions

    verb = suggestions.verb_like(name)
    instead = f"`$sesh --open {name}` creates a session without attaching"
    if there:
        instead = f"`$sesh --screen {name}` shows its screen, `$sesh --send {name}` types into it"
    elif verb:
        instead = f"did you mean $sesh {verb}?"
    raise Refused("attaching needs a terminal", hint=instead)


def already(cli: Invocation, name: str) -> int:
    """`sesh SELF`: nothing to do."""
    cli.note(f"you are already in {name}")
    return 0


def back(cli: Invocation, how: View, *, plain: bool = True) -> int:
    """`sesh -`: the session attached last that is still there; typed inside one, the one before it. Raises NotFound.

    `plain`: whether no DIR was written, which makes no sense with it, no more than a command.
    """
    if not plain or cli.tail is not None:
        raise UsageError("`$sesh -` attaches to the last session and creates none; omit DIR and CMD")
    if cli.host is not None:
        return attach_to(cli, "-", how)
    here = listing.current()
    for host, name in enter.recent():
        try:
            if host:
                cli.lead_to(host)
                return attach_to(cli, name, how)
            if here is not None and name == here["name"]:
                continue
            connection = find.running(name)
        except (Refused, UsageError, NotFound):
            cli.lead_to(None)
            continue
        if connection is not None:
            connection.close()
            return attach_to(cli, name, how)
    raise NotFound("there is no previous session", hint="`$sesh` lists the sessions")


def check_switch(here: Record | None, how: View, host: str | None, name: str) -> None:
    """Raises Refused where the session that this is typed in cannot switch its client to `name` (on `host`)."""
    if here is None:
        return
    if how.words():
        raise Refused(f"inside a session you can only switch to another; detach first to use {how.words()}")
    to = name if is_name(name) and host is not None else "NAME"
    if not find.ask(str(here["name"]), "switch", to=to, host=host, probe=True)[0].get("switched"):
        raise Refused(f"no attached client of {here['name']} can switch; use another terminal")


def switch(here: Record, name: str, host: str | None = None) -> int:
    """Has the client that types here attach to another session; the exit code."""
    answer, _ = find.ask(str(here["name"]), "switch", to=name, host=host)
    if not answer.get("switched"):
        raise Refused(f"no client of {here['name']} is attached that could switch to {name}; use another terminal")
    return 0


def _opener(cli: Invocation) -> Callable[[str, str | None], Connection]:
    """What gives a client that switches the connection to another session, here or on a host."""

    def opened(name: str, host: str | None) -> Connection:
        from sesh.reach.target import Target

        target = Target(cli.caller)
        if host is not None:
            from sesh.reach.host_target import HostTarget

            target = HostTarget(cli.caller, host)
        connection = target.connect(name, passing=False)
        paths.remember(name, host)
        return connection

    return opened


def _returner(cli: Invocation) -> Reconnect:
    """What brings a client back to a session on a host whose link was lost, or may be."""

    def returned(*lost: Any, **how: Any) -> Connection:
        from sesh.reach import links

        return links.back(cli.caller, *lost, **how)

    return returned


def code(outcome: Outcome) -> int:
    """The exit code for the way in which an attachment ended."""
    if outcome.kind == "ended":
        if outcome.signal:
            return 128 + outcome.signal
        return outcome.code or 0
    if outcome.early:
        return ExitCode.INTERRUPTED
    return 0 if outcome.kind == "detached" else 1
