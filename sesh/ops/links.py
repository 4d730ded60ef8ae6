"""Other hosts, reached: a link to the sesh over there with what it has to know of here, and back after an outage."""

from __future__ import annotations

import os
import time

from sesh import paths
from sesh.cli import printing, settings
from sesh.errors import Ended, NotDeployed, SeshError
from sesh.remote import eventlog, known
from sesh.remote.ssh import link
from sesh.remote.ssh.destination import Destination

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sesh.remote.ssh.link import Link

_lost: set[tuple[str, str]] = set()
"""Names and hosts of the sessions whose link is down just now."""


def place(word: str) -> Destination:
    """The host that a word means. Raises InvalidHost."""
    return Destination(word, via=settings.loaded().remotes.get(word))


def near(destination: Destination) -> dict[str, Any]:
    """This machine as the sesh over there has to know it."""
    from sesh.ops import create

    terminal = next((descriptor for descriptor in (0, 1, 2) if os.isatty(descriptor)), None)
    return {
        "host": destination.host,
        "home": os.path.expanduser("~"),
        "size": list(create.size(terminal)) if terminal is not None else [0, 0, 0, 0],
        "term": os.environ.get("TERM") if terminal is not None else None,
        "colorterm": os.environ.get("COLORTERM") if terminal is not None else None,
        "locale": {key: value for key, value in os.environ.items() if key == "LANG" or key[:3] == "LC_"},
    }


def opened(destination: Destination, *, ask: bool | None = None, offer: bool = False) -> Link:
    """A link to the sesh over there.

    `ask`: whether ssh may prompt; None where a person sits at a terminal. `offer`: whether that person may be asked
    to put sesh there where there is none. Raises Unreachable, NotDeployed.
    """
    try:
        through = link.open_link(destination, near(destination), ask=ask)
    except NotDeployed as error:
        if not (offer and printing.on_terminal()):
            raise
        _deployed(destination, error)
        through = link.open_link(destination, near(destination), ask=ask)
    known.record(destination, str(through.remote_info.get("version") or ""))
    return through


def _deployed(destination: Destination, missing: NotDeployed) -> None:
    """Puts sesh there, if the person at the terminal wants that. Raises `missing` if not, DeployError."""
    from sesh.cli import prompts

    question = f"@{destination.host} has no sesh; deploy sesh to @{destination.host}?"
    if prompts.ask(question, prompts.YES_NO, "y") != "y":
        raise missing
    from sesh.remote.deploy import fleet

    for result in fleet.deploy_all([destination]):
        if result.error is not None:
            raise result.error


def reopened(name: str, host: str) -> Link:
    """The connection for a client that goes to another session, and stays."""
    through = opened(place(host))
    try:
        through.open_session("connect", name=name)
    except SeshError:
        through.close()
        raise
    paths.remember(name, host)
    return through


def back(name: str, host: str, number: str, since: int, heard: float) -> Link:
    """One attempt to come back to a session whose link was lost: a new connection to that with the id `number`.

    `since`: the position of the first byte that is missing; `heard`: when anything came last (monotonic). Raises Ended
    where the session has ended meanwhile, Unreachable where the attempt failed.
    """
    if (name, host) not in _lost:
        _lost.add((name, host))
        eventlog.log("disconnect", host=host, session=name, reason="lost")
    destination = place(host)
    link.drop_master(destination)
    through = opened(destination, ask=False)
    try:
        answer, output = through.open_session("connect", timeout=link.START_TIMEOUT, name=name, session_id=number)
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
