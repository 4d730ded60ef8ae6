"""Attach this terminal to a session; inside a session, switch its client instead."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass

from sesh import machine, programs
from sesh.about import SESH
from sesh.cli import printing
from sesh.cli.invocation import Invocation
from sesh.cli.verbs import words_for
from sesh.client.attach import attach as run_client
from sesh.client.attach import first_hello
from sesh.client.options import AttachOptions
from sesh.client.outcome import AttachmentEnd, EndKind
from sesh.errors import SIGNAL_BASE, ExitCode, Refused, SeshError, UsageError
from sesh.keys import DetachKey
from sesh.link.keeper import Keep
from sesh.messages import SWITCH, WAIT, Hello
from sesh.names import is_name
from sesh.ops import views
from sesh.quitkey import quit_key
from sesh.reach import find
from sesh.reach.op import Entered
from sesh.reach.target import Target
from sesh.remote import eventlog, known
from sesh.schema import Record
from sesh.store import listing, recent, records
from sesh.wire import Connection

Enter = Callable[[Hello | None], Entered]

_DETACH_KEY = "C-\\"
_COUNT_TIMEOUT = 0.2  # seconds that counting may delay a person who leaves


@dataclass(frozen=True)
class View:
    """The options of verbs that attach, as `cli/words` describes them."""

    replace: bool = False
    read_only: bool = False
    no_replay: bool = False
    no_detach_key: bool = False


NO_OPTIONS = View()


def attach_terminal(
    cli: Invocation, target: Target, name: str, enter: Enter, view: View = NO_OPTIONS, *, sync: bool = True
) -> int:
    """Attach this terminal to the session that `enter` finds or creates on the target; return the exit code.

    Inside a session, switch its own client instead. `sync`: first push the user's files to the host. Raises
    Refused without a terminal, and if this terminal is already in the session to attach to.
    """
    if not printing.on_terminal():
        named = name if is_name(name) else "NAME"
        ways = f"`{SESH} --open {named}` creates it, `--screen {named}` shows it, `--send {named}` types into it"
        raise Refused("attaching needs a terminal", hint=ways)
    options = _options(cli, view)
    current = listing.current()
    if current is not None:
        _check_switch(current, view, name, target.host)
    if sync:
        target.sync()
    hello = first_hello(target.host, options) if current is None and target.host is not None else None
    name, connection = enter(hello)
    quit_key.disarm()
    if target.host is None:
        _refuse_own(name, connection)
    if current is not None:
        return _switch_over(cli, target, current, name, connection)
    recent.remember(name, target.host)
    options.first_notice = cli.first_notice
    if target.host is not None:
        eventlog.log("connect", host=target.host, session=name)

    def connect(name: str, host: str | None) -> tuple[Connection, Keep]:
        """Connect to the session that this terminal is switched to."""
        other = cli.target_of(host)
        connection = other.connect(name)
        if host is None:
            _refuse_own(name, connection)
        recent.remember(name, host)
        return connection, other.keeper

    outcome = run_client(connection, name, host=target.host, options=options, connect=connect, keep=target.keeper)
    if outcome.host is not None:
        _record_left(outcome, outcome.host)
    return _exit_code(outcome)


def _options(cli: Invocation, view: View) -> AttachOptions:
    settings = cli.settings()
    return AttachOptions(
        read_only=view.read_only,
        replace=view.replace,
        replay=not view.no_replay,
        detach_key=None if view.no_detach_key else detach_key(cli),
        lines=settings.replay_lines,
        predict=settings.predict,
        renew=settings.renew,
        waiting=_waiting,
        words_for=words_for,
    )


def detach_key(cli: Invocation) -> DetachKey | None:
    r"""Return the key that detaches: `SESH_DETACH_KEY`, else the settings' `detach_key`, else Ctrl-\; None for `none`.

    An invalid `SESH_DETACH_KEY` is ignored, with a note.
    """
    if key := os.environ.get("SESH_DETACH_KEY"):
        try:
            return DetachKey.parse(key)
        except UsageError as error:
            cli.note_on_entry(f"SESH_DETACH_KEY is ignored: {error}")
    return DetachKey.parse(cli.settings().detach_key or _DETACH_KEY)


def _record_left(outcome: AttachmentEnd, host: str) -> None:
    """Log the end of an attachment to a session of a host, and cache what is known of both."""
    eventlog.log("disconnect", host=host, session=outcome.name, reason=outcome.kind.value)
    if outcome.kind is EndKind.ENDED:
        known.drop(host, [outcome.name])
    elif outcome.heard_time:
        known.saw(host, outcome.name, outcome.heard_time)


def _waiting(left: str) -> int:
    """Count the sessions of this machine that wait for the person, except `left`."""
    try:
        rows = listing.summaries(_COUNT_TIMEOUT)
    except SeshError:
        return 0
    activities = [row.get("activity") for row in rows if row["name"] != left]
    return sum(activity["state"] == "waiting" for activity in activities if activity)


def _exit_code(outcome: AttachmentEnd) -> int:
    """Return the exit code for the outcome of an attachment."""
    if outcome.kind is EndKind.ENDED:
        return SIGNAL_BASE + outcome.signal if outcome.signal else outcome.code or 0
    if outcome.early:
        return ExitCode.INTERRUPTED
    return 0 if outcome.kind is EndKind.DETACHED else 1


# -- inside a session


def _check_switch(current: Record, view: View, name: str, host: str | None) -> None:
    """Raise Refused if the client of the current session cannot be switched to `name` (on `host`)."""
    if options := [f"--{key.replace('_', '-')}" for key, value in asdict(view).items() if value]:
        raise Refused(f"inside a session you can only switch to another; detach first to use {', '.join(options)}")
    to = name if is_name(name) and host is not None else "NAME"
    if not _switch(current, to, host, probe=True):
        raise Refused(f"no attached client of {current['name']} can switch; use another terminal")


def _switch_over(cli: Invocation, target: Target, current: Record, name: str, connection: Connection) -> int:
    """Switch the current session's client; only print a session that has exited: the client would end at once."""
    if target.call(views.status, name=name)["state"] == "exited":
        return _show_ended(cli, target, name, connection)
    connection.close()
    if not _switch(current, name, target.host):
        raise Refused(f"no client of {current['name']} is attached that could switch to {name}; use another terminal")
    return 0


def _show_ended(cli: Invocation, target: Target, name: str, connection: Connection) -> int:
    """Print the last screen and the end of an exited session; return its exit code."""
    end, _ = connection.single_request(WAIT)
    text = views.drawn(target, name, "text")["text"].rstrip("\n")
    outcome = AttachmentEnd.ended(name, target.host, end)
    cli.out.text(f"{text}\n[{outcome.line()}]" if text else f"[{outcome.line()}]")
    return _exit_code(outcome)


def _switch(current: Record, name: str, host: str | None, *, probe: bool = False) -> bool:
    """Switch the client of the current session; return whether a client could switch. `probe`: only ask."""
    answer, _ = find.ask(str(current["name"]), SWITCH, to=name, host=host, probe=probe)
    return answer["switched"]


def _refuse_own(name: str, connection: Connection) -> None:
    """Raise Refused if this terminal is in that session: the session would print itself endlessly."""
    if contains_this_terminal(name):
        connection.close()
        raise Refused(f"this terminal is in {name} already", hint="use another terminal")


def contains_this_terminal(name: str) -> bool:
    """Return whether this terminal is in a session, also through tmux or script.

    The terminals of all ancestors count. Those of tmux's clients count too, because tmux's server has no terminal.
    """
    record = records.readable(name)
    for pid in (os.getpid(), *_tmux_clients()):
        ancestor = pid
        while record is not None and ancestor > 1:
            if listing.holds(record, machine.controlling_tty(ancestor)):
                return True
            ancestor = machine.parent_of(ancestor)
    return False


def _tmux_clients() -> list[int]:
    """Return the pids of the clients that show this pane of tmux."""
    pane = os.environ.get("TMUX_PANE")
    if not pane:
        return []
    printed = programs.printed("tmux", "list-clients", "-t", pane, "-F", "#{client_pid}", timeout=1.0)
    return [int(word) for word in (printed or "").split() if word.isdecimal()]
