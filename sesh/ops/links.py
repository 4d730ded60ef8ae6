"""Links to sesh on other hosts: opened with what the other side has to know of this one, and opened again when lost."""

from __future__ import annotations

import os
import time

from sesh import paths
from sesh.errors import Ended, NotDeployed, SeshError
from sesh.ops.caller import YES_NO
from sesh.remote import eventlog, known
from sesh.remote.ssh import link
from sesh.remote.ssh.destination import Destination

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sesh.ops.caller import Caller
    from sesh.remote.ssh.link import Link

_lost: set[tuple[str, str]] = set()
"""Names and hosts of the sessions whose link is down just now."""


def destination(caller: Caller, word: str) -> Destination:
    """The host that a word means. Raises InvalidHost."""
    return Destination(word, via=caller.settings().remotes.get(word))


def origin(place: Destination) -> dict[str, Any]:
    """This machine as the other side has to know it; there `caller.Origin` reads it."""
    from sesh.ops import create

    terminal = next((descriptor for descriptor in (0, 1, 2) if os.isatty(descriptor)), None)
    return {
        "host": place.host,
        "home": os.path.expanduser("~"),
        "size": list(create.size(terminal)) if terminal is not None else [0, 0, 0, 0],
        "term": os.environ.get("TERM") if terminal is not None else None,
        "colorterm": os.environ.get("COLORTERM") if terminal is not None else None,
        "locale": {key: value for key, value in os.environ.items() if key == "LANG" or key[:3] == "LC_"},
    }


def opened(caller: Caller, place: Destination, *, ask: bool | None = None, offer: bool = False) -> Link:
    """A link to sesh on a host.

    `ask`: whether ssh may prompt, None for what suits the caller. `offer`: whether the person may be asked to install
    sesh there if it is missing. Raises Unreachable, NotDeployed.
    """
    ask = caller.ssh_prompts if ask is None else ask
    try:
        through = link.open_link(place, origin(place), ask=ask)
    except NotDeployed as error:
        if not (offer and caller.can_ask):
            raise
        _deploy(caller, place, error)
        through = link.open_link(place, origin(place), ask=ask)
    known.record(place, str(through.remote_info.get("version") or ""))
    return through


def _deploy(caller: Caller, place: Destination, missing: NotDeployed) -> None:
    """Installs sesh there, if the person wants that. Raises `missing` if not, DeployError."""
    question = f"@{place.host} has no sesh; deploy sesh to @{place.host}?"
    if caller.ask(question, YES_NO, "y") != "y":
        raise missing
    from sesh.remote.deploy import fleet

    for result in fleet.deploy_all([place]):
        if result.error is not None:
            raise result.error


def to_session(caller: Caller, host: str, name: str, *, passing: bool = False) -> Link:
    """A link that has been led to a session's daemon, on which nothing was said yet.

    `passing`: nobody is attached, so the host does not note it as the session attached last.
    """
    through = opened(caller, destination(caller, host))
    try:
        through.open_session("connect", name=name, passing=passing)
    except SeshError:
        through.close()
        raise
    return through


def back(caller: Caller, name: str, host: str, session_id: str, since: int, heard: float) -> Link:
    """One attempt to come back to a session whose link was lost: a new connection to that session, by its id.

    `since`: the position of the first byte that is missing; `heard`: when anything came last (monotonic). Raises Ended
    where the session has ended meanwhile, Unreachable where the attempt failed.
    """
    if (name, host) not in _lost:
        _lost.add((name, host))
        eventlog.log("disconnect", host=host, session=name, reason="lost")
    place = destination(caller, host)
    link.drop_master(place)
    through = opened(caller, place, ask=False)
    try:
        answer, output = through.open_session("connect", timeout=link.START_TIMEOUT, name=name, session_id=session_id)
    except SeshError:
        through.close()
        raise
    _lost.discard((name, host))
    if "result" in answer:
        through.close()
        raise Ended(f"{name} has ended", answer["result"], output)
    gap = round(time.monotonic() - heard, 3)
    eventlog.log("reconnect", host=host, session=name, gap=gap, since=since, joined=answer.get("daemon_pid"))
    return through


def switched(caller: Caller, name: str, host: str) -> Link:
    """The connection for a client that switches to a session on a host."""
    through = to_session(caller, host, name)
    paths.remember(name, host)
    return through
