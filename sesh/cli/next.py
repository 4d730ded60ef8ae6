"""`--next`: this terminal goes to the session that has waited longest for a person, again to the next."""

from __future__ import annotations

import select
import time

from sesh import moments
from sesh.cli import attach, printing
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
    from sesh.schema import Summary

    Key = tuple[str | None, str]

_PATIENCE = 2.0
"""Seconds that hosts have to answer."""


def next_(cli: Invocation, *, label: Sequence[str] = (), **view: Unpack[ViewWords]) -> int:
    """`--next [--label K=V]… [OPTIONS]`: the exit code is that of attaching.

    Raises Refused without a terminal, NotFound where no session waits.
    """
    wanted = dict(check_label(word) for word in label)
    attach.check(view)
    if not printing.on_terminal():
        raise Refused("--next needs a terminal", hint="`$sesh --list --json` has the activity of each session")
    current = listing.current()
    here = (None, str(current["name"])) if current is not None else None
    recent = [(host or None, name) for host, name in enter.recent()]
    waiting, silent = _waiting(cli, wanted)
    chosen = following(waiting, here or (recent[0] if recent else None))
    if chosen is None or chosen == here:
        alone = "no other session waits for you" if chosen is not None else "no session waits for you"
        alone += f", but {', '.join(silent)} could not be asked" if silent else ""
        raise NotFound(alone, hint="`$sesh` shows how each one stands")
    host, name = chosen
    cli.at(host)
    return attach.attach(cli, name, **view)


def following(waiting: dict[Key, float], last: Key | None) -> Key | None:
    """The session to visit: the one after `last` in the order in which they began to wait, else the longest waiting."""
    order = sorted(waiting, key=lambda key: (waiting[key], key[0] or "", key[1]))
    if last in order:
        at = order.index(last) + 1
        order = order[at:] + order[:at]
    return order[0] if order else None


def _waiting(cli: Invocation, wanted: dict[str, str]) -> tuple[dict[Key, float], list[str]]:
    """The sessions that wait, here and on hosts, by since when; and the sessions and hosts that do not say.

    Raises what `--list` does where the only host that was named cannot be reached.
    """
    every: dict[Key, Summary] = {}
    silent: list[str] = []
    if cli.host is not None:
        every = {(cli.host, str(each["name"])): each for each in cli.target.call(sessions.summaries)}
    else:
        with SessionIndex(cli.caller, cli.hosts or None) as index:
            until = time.monotonic() + _PATIENCE
            while index.pending and (left := until - time.monotonic()) > 0:
                poll = select.poll()
                for descriptor in index.descriptors:
                    poll.register(descriptor, select.POLLIN)
                index.take({descriptor for descriptor, _ in poll.poll(min(index.due, left) * 1000)})
            index.take(set())  # which gives up those that are late
            every = {(None, str(each["name"])): each for each in index.here}
            for host, rows in index.there.items():
                silent += [f"@{host}"] if isinstance(rows, str) else []
                every |= {(host, str(each["name"])): each for each in rows if not isinstance(each, str)}
    found = {key: each for key, each in every.items() if bears(each, wanted)}
    silent = [_called(key) for key, each in found.items() if _is_silent(each)] + silent
    return {key: _since(each) for key, each in found.items() if _waits(each)}, silent


def _called(key: Key) -> str:
    host, name = key
    return f"{name} on @{host}" if host is not None else name


def _is_silent(session: Summary) -> bool:
    """Whether a session runs here and its daemon does not answer; one of another machine is asked there."""
    return session["state"] == "running" and session.get("responding") is False and not session.get("machine")


def _waits(session: Summary) -> bool:
    standing = session.get("activity")
    return session["state"] == "running" and standing is not None and standing["state"] == "waiting"


def _since(session: Summary) -> float:
    standing = session.get("activity")
    return (moments.seconds(standing.get("since")) if standing else None) or 0.0
