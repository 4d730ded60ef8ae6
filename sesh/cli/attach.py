"""Attach this terminal, for any verb; inside a session, switch its client instead."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from sesh.about import SESH
from sesh.cli import printing
from sesh.cli.invocation import Invocation
from sesh.cli.verbs import similar_verb, words_for
from sesh.client.attach import attach as run_client
from sesh.client.attach import first_hello
from sesh.client.attachment_end import AUTO_JOIN, AttachmentEnd, EndKind
from sesh.client.options import AttachOptions
from sesh.errors import NotFound, Refused, SeshError, Unreachable, UsageError, for_host
from sesh.names import check_name, is_name
from sesh.ops import enter, sessions, views
from sesh.reach import find
from sesh.reach.op import Connected, Op
from sesh.reach.target import Target
from sesh.remote import eventlog, known
from sesh.schema.facts import Place, Record, Spec
from sesh.store import listing, recent
from sesh.text.keys import DetachKey
from sesh.wire.connection import Connection
from sesh.wire.messages import SWITCH

LAST = "-"  # the name that means the session attached last
_DETACH_KEY = "C-\\"
_COUNT_TIMEOUT = 0.2  # seconds that counting may delay a person who leaves


@dataclass(frozen=True)
class AttachFlags:
    """The options of verbs that attach, as `cli/parameters` describes them."""

    replace: bool = False
    read_only: bool = False
    no_replay: bool = False
    no_detach_key: bool = False


NO_FLAGS = AttachFlags()


def attach_or_create(
    cli: Invocation,
    name: str,
    spec: Spec | None = None,
    flags: AttachFlags = NO_FLAGS,
    target: Target | None = None,
    *,
    chosen: bool = False,
) -> int:
    """Attach to NAME wherever it is, else create it here.

    `target`: where NAME is, if that is known. `chosen`: the person has chosen to create it, so it is no misspelt verb.
    """
    spec = spec or {}
    target = target or cli.find_target(check_name(name), creates=True)
    if flags.read_only and spec.get("directory") is None and spec.get("command") is None:
        return attach_terminal(cli, target, enter.attach, {"name": name}, flags)  # a new shell has nothing to watch
    chosen = chosen or cli.line.create or spec.get("command") is not None
    near = "" if chosen else similar_verb(name)
    if near and not target.call(sessions.there, name=name):
        hint = f"did you mean: {SESH} {near}? (to create it: {SESH} -A {name})"
        raise Refused(f"no session {name}", hint=hint, host=target.host)
    try:
        return attach_terminal(cli, target, enter.go, {"name": name, "spec": spec}, flags)
    except Unreachable:
        if target.host is not None or find.has_daemon(name):
            raise
        # The session ended while sesh connected to it: the second call creates it again.
        return attach_terminal(cli, target, enter.go, {"name": name, "spec": spec}, flags)


def attach_last(cli: Invocation, flags: AttachFlags = NO_FLAGS) -> int:
    """Attach to the last other session that still runs. Raises NotFound."""
    if cli.line.host is not None:
        return attach_terminal(cli, cli.line_target, enter.attach, {"name": LAST}, flags)
    for host, name in enter.recent():
        if host is None and listing.contains_this_terminal(name):
            continue
        try:
            return attach_terminal(cli, cli.target_of(host), enter.attach, {"name": name}, flags)
        except NotFound:
            continue  # the session has ended, or was lost
    raise NotFound("there is no previous session on this machine", hint=f"`{SESH}` lists the sessions")


def attach_terminal(
    cli: Invocation,
    target: Target,
    op: Op[..., Connected],
    arguments: dict[str, Any],
    flags: AttachFlags = NO_FLAGS,
) -> int:
    """Attach this terminal to the session that an op finds or creates.

    Inside a session, switch its own client instead. Return the exit code. Raises Refused without a terminal, and if
    this terminal is already in the session to attach to.
    """
    name, host = arguments["name"], target.host
    named = name if is_name(name) else "NAME"
    if not printing.on_terminal():
        if op is enter.attach and name != LAST:
            target.call(sessions.there, name=name, required=True)  # raises NotFound
        ways = (
            f"`{SESH} open {named}` starts it unless it runs, `{SESH} screen {named}` shows it, "
            f"`{SESH} send {named}` types"
        )
        raise Refused("attaching needs a terminal", hint=ways, host=host)
    current = listing.current()
    if current is not None:
        _check_switch(current, flags, named, host)
    options = _options(cli, flags)
    hello = first_hello(host, options) if current is None and host is not None else None
    name, connection, created = target.connect_by(op, hello, **arguments)
    cli.note_verb(name, host, attaching=current is None)
    with _saying_that_it_runs(name, host):
        _check_not_inside(name, host, connection, created=created)
        if current is not None:
            connection.close()
            if target.call(views.status, name=name)["state"] == "exited":  # the client would end at once
                raise Refused(f"{name} has ended", hint=f"see: {SESH} screen {name}", host=host)
            _switch(current, name, host)
            return 0
        options.first_notice = cli.first_notice
        while True:
            place = Place(target.host, name)
            _record_attached(place)
            keeper = target.keeper()
            end = run_client(connection, keeper, name, host=target.host, options=options)
            if keeper is not None:
                _record_left(end, place, keeper.heard_time)
            if end.kind is not EndKind.SWITCH:
                return end.code
            target, name, connection = _connect_next(cli, Place(end.host, end.name), place, options)


def _connect_next(
    cli: Invocation, chosen: Place, left: Place, options: AttachOptions
) -> tuple[Target, str, Connection]:
    """Connect to the chosen session; after an error, to the one just left."""
    try:
        target = cli.target_of(chosen.host)
        connection = target.connect(chosen.name)
        _check_not_inside(chosen.name, chosen.host, connection)
        return target, chosen.name, connection
    except (SeshError, KeyboardInterrupt) as error:
        options.first_notice = str(error)
        target = cli.target_of(left.host)
        return target, left.name, target.connect(left.name)


@contextmanager
def _saying_that_it_runs(name: str, host: str | None) -> Iterator[None]:
    """Name the session in the interrupt that ends the block; an attached client gets none."""
    try:
        yield
    except KeyboardInterrupt:
        returns = for_host(f"{SESH} {words_for(name)}", host)
        raise KeyboardInterrupt(f"interrupted; {name} runs; to return to it: {returns}") from None


def _options(cli: Invocation, flags: AttachFlags) -> AttachOptions:
    return AttachOptions(
        cli.settings(),
        read_only=flags.read_only,
        replace=flags.replace,
        replay=not flags.no_replay,
        detach_key=None if flags.no_detach_key else detach_key(cli),
        words_for=words_for,
        waiting=_waiting,
    )


def detach_key(cli: Invocation) -> DetachKey | None:
    r"""Return the key that detaches: `SESH_DETACH_KEY`, else the settings' `detach_key`, else Ctrl-\; None for `none`.

    An invalid `SESH_DETACH_KEY` is ignored, with a note.
    """
    if key := os.environ.get("SESH_DETACH_KEY"):
        try:
            return DetachKey.parse(key)
        except UsageError as error:
            cli.note(f"SESH_DETACH_KEY is ignored: {error}")
    return DetachKey.parse(cli.settings().detach_key or _DETACH_KEY)


def _record_attached(place: Place) -> None:
    recent.remember(place.name, place.host)
    if place.host is not None:
        eventlog.log("connect", host=place.host, session=place.name)


def _record_left(end: AttachmentEnd, place: Place, heard_time: float) -> None:
    """Log the end of an attachment to a host; update the cache of its session."""
    host = place.host or ""
    name = place.name if end.kind is EndKind.SWITCH else end.name  # a switch names the next session
    eventlog.log("disconnect", host=host, session=name, reason=end.kind.value)
    if end.kind is EndKind.ENDED:
        known.cache_changes(host, gone=[name])
    else:
        known.cache_changes(host, running=name, at=heard_time)


def _waiting(left: str) -> int:
    """Count the sessions of this machine that wait for the person, except `left`."""
    try:
        rows = listing.summaries(_COUNT_TIMEOUT)
    except SeshError:
        return 0
    activities = [row.get("activity") for row in rows if row["name"] != left]
    return sum(activity["state"] == "waiting" for activity in activities if activity)


# -- inside a session


def _check_switch(current: Record, flags: AttachFlags, name: str, host: str | None) -> None:
    """Raise Refused if the current session's client cannot be switched to `name`."""
    if options := [f"--{key.replace('_', '-')}" for key, value in asdict(flags).items() if value]:
        raise Refused(f"inside a session you can only switch to another; detach first to use {', '.join(options)}")
    _switch(current, name, host, probe=True)


def _switch(current: Record, name: str, host: str | None, *, probe: bool = False) -> None:
    """Switch the current session's client; `probe`: switch nothing. Raises Refused if none can switch."""
    switched, _ = find.request(str(current["name"]), SWITCH, to=name, host=host, probe=probe)
    if not switched:
        raise Refused(f"no attached client of {current['name']} can switch; use another terminal")


def _check_not_inside(name: str, host: str | None, connection: Connection, *, created: bool = False) -> None:
    """Raise Refused if this terminal is in that session: the session would print itself endlessly.

    `created`: the session is new, so its program has joined this terminal by itself.
    """
    if host is None and listing.contains_this_terminal(name):
        connection.close()
        hint = f"{AUTO_JOIN}; to end {name}: {SESH} kill {name}" if created else "use another terminal"
        raise Refused(f"this terminal is in {name} already", hint=hint)
