"""Links to sesh on other hosts, and others in the place of those that are lost."""

from __future__ import annotations

import os
import threading
import time
from math import inf

from sesh import paths, platform
from sesh.about import CALLED
from sesh.errors import (
    Ended,
    LocalFault,
    NotDeployed,
    NotFound,
    Refused,
    SeshError,
    TimedOut,
    Unreachable,
)
from sesh.keepalive import Keepalive
from sesh.reach.caller import YES_NO
from sesh.remote import eventlog, known
from sesh.remote.ssh import link, master
from sesh.remote.ssh.destination import Destination
from sesh.remote.ssh.link import Link
from sesh.remote.ssh.ssh import AuthenticationFailed, seconds_left
from sesh.stop import Stop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.messages import Near, Words
    from sesh.reach.caller import Caller
    from sesh.schema import Answer

_LOOK = 2.0
"""Seconds for looking whether a host has created what nobody waits for any more."""
_REFUSED_FOR = 60.0
"""Seconds for which a login that one link was refused counts for the others that come back to that host."""
_lost: set[tuple[str, str]] = set()
"""Names and hosts of the sessions whose link is down just now."""


def destination(caller: Caller, word: str) -> Destination:
    """The host that a word means. Raises InvalidHost."""
    return Destination(word, via=caller.settings().remotes.get(word), near=known.near)


def origin(place: Destination) -> Near:
    """This machine as the other side has to know it; there `origin.Origin` reads it."""
    terminal = next((descriptor for descriptor in (0, 1, 2) if os.isatty(descriptor)), None)
    return {
        "host": place.host,
        "home": paths.home(),
        "size": list(platform.window_size(terminal)) if terminal is not None else [0, 0, 0, 0],
        "term": os.environ.get("TERM") if terminal is not None else None,
        "colorterm": os.environ.get("COLORTERM") if terminal is not None else None,
        "locale": {key: value for key, value in os.environ.items() if key == "LANG" or key[:3] == "LC_"},
    }


def opened(
    caller: Caller,
    place: Destination,
    *,
    ask: bool | None = None,
    offer: bool = False,
    deadline: float | None = None,
) -> Link:
    """A link to sesh on a host.

    `ask`: whether ssh may prompt, None for what suits the caller. `offer`: whether the person may be asked to install
    sesh there if it is missing. `deadline`: for all of it (monotonic). Raises Unreachable, NotDeployed, TimedOut.
    """
    ask = caller.ssh_prompts if ask is None else ask
    try:
        through = _link(place, ask=ask, deadline=deadline)
    except NotDeployed as error:
        if not (offer and caller.can_ask):
            raise
        _deploy(caller, place, error)
        through = _link(place, ask=ask, deadline=deadline)
    known.record(place, str(through.remote_info.get("version") or ""), asks=through.asked)
    return through


def _link(place: Destination, *, ask: bool | None, deadline: float | None) -> Link:
    try:
        left = seconds_left(deadline, link.START_TIMEOUT)
        return link.open_link(place, origin(place), ask=ask, timeout=left, bounded=deadline is not None)
    except (Unreachable, TimedOut):
        if deadline is not None and time.monotonic() >= deadline:
            raise TimedOut(f"timed out: @{place.host} did not answer in time") from None
        raise
    except OSError as error:
        fault = LocalFault(
            f"cannot open a link to @{place.host}: {error.strerror or error}", hint="see: $sesh --doctor"
        )
        fault.reason = error.strerror or str(error)
        raise fault from error


def _deploy(caller: Caller, place: Destination, missing: NotDeployed) -> None:
    """Installs sesh there, if the person wants that. Raises `missing` if not, DeployError."""
    question = f"@{place.host} has no sesh; deploy it there?"
    if caller.ask(question, YES_NO, "y") != "y":
        raise missing
    from sesh.remote.deploy import deploy

    for result in deploy.deploy_all([place]):
        if result.error is not None:
            raise result.error


def back(  # noqa: PLR0913 (all that is known of the lost link)
    caller: Caller,
    name: str,
    host: str,
    session_id: str,
    since: int,
    heard: float,
    deadline: float | None = None,
    *,
    beside: Stop | None = None,
    ask: bool = False,
) -> Link:
    """One attempt to come back to a session whose link was lost: a new connection to that session, by its id.

    `since`: the position of the first byte that is missing; `heard`: when anything came last; `deadline`: for the
    attempt (both monotonic); `ask`: whether ssh may prompt. Raises Ended where the session has ended meanwhile,
    LoginRefused where another attempt would fail alike, Unreachable where this one failed.

    `beside`: the old link may still live, and is left alone; its control master is given up where the new one stands.
    It ends the attempt. Raises Refused where somebody was asked to log in the last time, Interrupted.
    """
    place = destination(caller, host)
    if beside is None:
        _note_loss(name, host)
        through = reopened(caller, place, deadline, ask=ask)
    else:
        through = _opened_beside(place, beside, {"name": name, "session_id": session_id})
    try:
        with (beside or Stop()).by(through.abort):
            answer, output = connected(through, name, session_id, deadline)
    except SeshError:
        through.close()
        raise
    if beside is not None:
        _note_loss(name, host)
        threading.Thread(target=link.drop_master, args=(place,), daemon=True).start()
    _lost.discard((name, host))
    if "result" in answer:
        through.close()
        raise Ended(f"{name} has ended", answer["result"], output)
    gap = round(time.monotonic() - heard, 3)
    eventlog.log(
        "reconnect", host=host, session=through.session_name, gap=gap, since=since, joined=answer.get("daemon_pid")
    )
    return through


def connected(through: Link, name: str, session_id: str, deadline: float | None) -> tuple[Answer, bytes]:
    """Leads a link to the session with this id: the host's answer, and the output that comes with a `result`.

    That takes as long as a slow link takes for the output, so only silence ends it sooner. Raises NotFound, Lost.
    """
    through.keepalive = Keepalive(enabled=True)
    answer = through.open_session("connect", seconds_left(deadline, inf), name=name, session_id=session_id)
    through.keepalive = None  # its user has one
    return answer


def reopened(caller: Caller, place: Destination, deadline: float | None = None, *, ask: bool = False) -> Link:
    """One attempt at a link in the place of one that was lost. Raises as `opened` does."""
    link.drop_master(place)
    if not ask and place.via is None:  # of many links that were lost at once the first one tries
        master.check_refusals(place, time.time() - _REFUSED_FOR)
    return opened(caller, place, ask=ask, deadline=deadline)


def _note_loss(name: str, host: str) -> None:
    if (name, host) not in _lost:
        _lost.add((name, host))
        eventlog.log("disconnect", host=host, session=name, reason="lost")


def _opened_beside(place: Destination, stop: Stop, wanted: Words) -> Link:
    """A link that shares nothing with those that stand, and has asked for its session already.

    Raises Refused where somebody was asked to log in the last time, LoginRefused where somebody would have to.
    """
    if known.asks(place):
        raise Refused("nobody is asked to log in again while a link may still live")
    try:
        return link.open_beside(place, origin(place), stop, "connect", wanted)
    except AuthenticationFailed:
        known.record(place, asks=True)
        raise
    except OSError as error:
        raise Unreachable(f"cannot open a link to @{place.host}: {error.strerror or error}") from error


def left_behind(caller: Caller, place: Destination, name: str, session_id: str) -> str:
    """The line for who is interrupted while a host creates a session with this id: whether that is there."""
    try:
        deadline = time.monotonic() + _LOOK
        with opened(caller, place, ask=False, deadline=deadline) as through:
            left = deadline - time.monotonic()
            answer, _ = through.open_session("connect", timeout=left, name=name, session_id=session_id, passing=True)
    except NotFound:
        return "interrupted"
    except SeshError:
        return f"interrupted; {name} may have been created; check with: {CALLED} @{place.host}"
    made, there = answer["name"], f"@{place.host}"
    return f"interrupted; {made}{there} is there already and goes on; `{CALLED} {there} --kill {made}` ends it"
