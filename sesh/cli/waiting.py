"""`--next`: this terminal goes to the session that has waited longest for a person, again to the next."""

from __future__ import annotations

import select
import time

from sesh import wording
from sesh.cli import attach, printing
from sesh.errors import NotFound, Refused
from sesh.names import check_label
from sesh.ops import enter
from sesh.ops.lookup import SessionIndex
from sesh.ops.views import bears
from sesh.store import listing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from sesh.cli.invocation import Invocation
    from sesh.store.listing import Summary

    Key = tuple[str | None, str]

_PATIENCE = 2.0
"""Seconds that hosts have to answer."""


def next_(cli: Invocation, *, label: Sequence[str] = (), **view: Any) -> int:
    """`--next [--label K=V]… [OPTIONS]`: the exit code is that of attaching.

    Raises Refused without a terminal, NotFound where no session waits.
    """
    wanted = dict(check_label(word) for word in label)
    attach.View(**view)  # which raises what is wrong with the words
    if not printing.on_terminal():
        raise Refused("--next needs a terminal", hint="`$sesh --list --json` has the activity of each session")
    current = listing.current()
    here = (None, str(current["name"])) if current is not None else None
    recent = [(host or None, name) for host, name in enter.recent()]
    chosen = following(_waiting(cli, wanted), here or (recent[0] if recent else None))
    if chosen is None or chosen == here:
        alone = "no other session waits for you" if chosen is not None else "no session waits for you"
        raise NotFound(alone, hint="`$sesh` shows how each one stands")
    host, name = chosen
    cli.hosts, cli.caller.host = ([host], host) if host is not None else ([], None)
    return attach.attach(cli, name, **view)


def following(waiting: dict[Key, float], last: Key | None) -> Key | None:
    """Of sessions by since when they wait, the one to go to where `last` was shown last: the next one after it, else
    the one that has waited longest. None where there is none."""
    order = sorted(waiting, key=lambda key: (waiting[key], key[0] or "", key[1]))
    if last in order:
        at = order.index(last) + 1
        order = order[at:] + order[:at]
    return order[0] if order else None


def _waiting(cli: Invocation, wanted: dict[str, str]) -> dict[Key, float]:
    """The sessions that wait, here and on hosts, by since when."""
    with SessionIndex(cli.caller, cli.hosts or None) as index:
        until = time.monotonic() + _PATIENCE
        while index.pending and (left := until - time.monotonic()) > 0:
            poll = select.poll()
            for descriptor in index.descriptors:
                poll.register(descriptor, select.POLLIN)
            index.take({descriptor for descriptor, _ in poll.poll(min(index.due, left) * 1000)})
        every: dict[Key, Summary] = {(None, str(each["name"])): each for each in index.here}
        for host, rows in index.there.items():
            every |= {(host, str(each["name"])): each for each in rows if not isinstance(each, str)}
    return {key: _since(each) for key, each in every.items() if bears(each, wanted) and _waits(each)}


def _waits(session: Summary) -> bool:
    activity = session.get("activity")
    return session["state"] == "running" and isinstance(activity, dict) and activity.get("state") == "waiting"


def _since(session: Summary) -> float:
    return wording.seconds(session["activity"].get("since")) or 0.0
