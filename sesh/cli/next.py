"""`--next`: this terminal attached to the session that has waited longest for a person; once more, to the next."""

from __future__ import annotations

import time

from sesh import moments
from sesh.cli import attach, printing
from sesh.cli.tui.live import await_change, entries, standing
from sesh.errors import NotFound, Refused
from sesh.names import check_label
from sesh.ops import enter, sessions
from sesh.ops.index import SessionIndex
from sesh.ops.views import bears
from sesh.store import listing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Unpack

    from sesh.cli.attach import ViewWords
    from sesh.cli.invocation import Invocation
    from sesh.cli.tui.live import Key
    from sesh.schema import Summary

_PATIENCE = 2.0
"""Seconds that hosts have to answer."""


def next_(cli: Invocation, *, label: Sequence[str] = (), **view: Unpack[ViewWords]) -> int:
    """`--next [--label K=V]… [OPTIONS]`: the exit code is that of attaching.

    Raises Refused without a terminal, NotFound if no session waits.
    """
    wanted = dict(map(check_label, label))
    attach.check(view)
    if not printing.on_terminal():
        raise Refused("--next needs a terminal", hint="`$sesh --list --json` has the activity of each session")
    current = listing.current()
    here = (None, str(current["name"])) if current is not None else None
    recent = [(host or None, name) for host, name in enter.recent()]
    waiting, silent = _waiting(cli, wanted)
    chosen = following(waiting, here or (recent[0] if recent else None))
    if chosen is None or chosen == here:
        message = "no other session waits for you" if chosen is not None else "no session waits for you"
        message += f", but {', '.join(silent)} could not be asked" if silent else ""
        raise NotFound(message, hint="`$sesh` shows how each one stands")
    host, name = chosen
    cli.set_host(host)
    return attach.attach(cli, name, **view)


def following(waiting: dict[Key, float], last: Key | None) -> Key | None:
    """Return the session after `last` in the order in which they began to wait, else the one that has waited
    longest."""
    order = sorted(waiting, key=lambda key: (waiting[key], key[0] or "", key[1]))
    if last in order:
        return order[(order.index(last) + 1) % len(order)]
    return order[0] if order else None


def _waiting(cli: Invocation, wanted: dict[str, str]) -> tuple[dict[Key, float], list[str]]:
    """Return the sessions that wait with the time since when, and the sessions and hosts that do not answer.

    Raises the error of the host if a single one is named and cannot be reached.
    """
    unreachable: list[str] = []
    if cli.host is not None:
        rows = cli.target.call(sessions.summaries)
        summaries: dict[Key, Summary] = {(cli.host, row["name"]): row for row in rows if bears(row, wanted)}
    else:
        with SessionIndex(cli.caller, cli.hosts or None) as index:
            until = time.monotonic() + _PATIENCE
            while index.pending and (left := until - time.monotonic()) > 0:
                await_change(index, left)
            index.take(set())  # gives up the hosts that are late
            unreachable = [f"@{host}" for host, answer in index.there.items() if isinstance(answer, str)]
            summaries = entries(index, wanted)
    silent = [_described(key) for key, session in summaries.items() if _is_silent(session)]
    waiting = {key: since for key, session in summaries.items() if (since := _waits_since(session)) is not None}
    return waiting, silent + unreachable


def _described(key: Key) -> str:
    host, name = key
    return f"{name} on @{host}" if host is not None else name


def _is_silent(session: Summary) -> bool:
    """Return whether the daemon of a session here does not answer; one of another machine is asked there."""
    return session["state"] == "running" and session.get("responding") is False and not session.get("machine")


def _waits_since(session: Summary) -> float | None:
    """Return the time since when a session waits for a person, 0 if that is not known; None if it does not wait."""
    state, since, _ = standing(session)
    return (moments.seconds(since) or 0.0) if state == "waiting" else None
