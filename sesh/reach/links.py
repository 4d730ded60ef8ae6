"""Links to sesh on other hosts, and new ones for those that are lost."""

from __future__ import annotations

import os
import threading
import time
from math import inf

from sesh import paths, platform
from sesh.about import CALLED, SESH
from sesh.errors import (
    Ended,
    LocalFault,
    Lost,
    NotDeployed,
    NotFound,
    Refused,
    SeshError,
    TimedOut,
    Unreachable,
)
from sesh.link_state import LinkState
from sesh.messages import Answer, Near, Words
from sesh.reach.caller import YES_NO, Caller
from sesh.recovery.attempts import Attempt, LostSession
from sesh.remote import eventlog, known
from sesh.remote.ssh import link as ssh_link
from sesh.remote.ssh.destination import Destination
from sesh.remote.ssh.link import Along, Link
from sesh.remote.ssh.ssh import seconds_left
from sesh.remote.ssh.words import AuthenticationFailed
from sesh.stop import Stop

_LOOK = 2.0
"""Seconds for looking whether a host has created a session that nobody waits for any more."""
_noted: dict[tuple[str, str], float] = {}
"""The loss of each session's link that is in the event log, by name and host: when anything had come last."""


def destination_of(caller: Caller, host: str) -> Destination:
    """The destination that the name of a host means. Raises InvalidHost."""
    return Destination(host, via=caller.settings().via(host), near=known.near)


def origin(destination: Destination) -> Near:
    """A description of this machine for the other side, which reads it with `origin.Origin`."""
    terminal = next((descriptor for descriptor in (0, 1, 2) if os.isatty(descriptor)), None)
    return {
        "host": destination.host,
        "home": paths.home(),
        "size": list(platform.window_size(terminal)) if terminal is not None else [0, 0, 0, 0],
        "term": os.environ.get("TERM") if terminal is not None else None,
        "colorterm": os.environ.get("COLORTERM") if terminal is not None else None,
        "locale": {key: value for key, value in os.environ.items() if key == "LANG" or key[:3] == "LC_"},
    }


def opened(
    caller: Caller,
    destination: Destination,
    *,
    ask: bool | None = None,
    offer: bool = False,
    deadline: float | None = None,
    passing: bool = False,
    along: Along | None = None,
    stop: Stop | None = None,
) -> Link:
    """A link to sesh on a host.

    `ask`: whether ssh may prompt, None as the caller says. `offer`: whether the person may be asked to install sesh
    there if it is missing. `deadline`: for all of it (monotonic). `passing`: nobody has named the host, so it is not
    recorded as used. `along`: goes with HELLO (see `Link.take_sent`). `stop`: ends the attempt. Raises Unreachable,
    Lost if what went along may have been done, NotDeployed, TimedOut, Interrupted.
    """
    ask = caller.ssh_prompts if ask is None else ask
    try:
        link = _link(destination, ask, deadline, along, stop)
    except NotDeployed as error:
        if not (offer and caller.can_ask):
            raise
        _deploy(caller, destination, error)
        link = _link(destination, ask, deadline, along, stop)
    if passing:
        known.end_pause(destination.host)
    else:
        record(destination, link)
    return link


def record(destination: Destination, link: Link) -> None:
    """Record what a link has shown of a host that was named."""
    told = link.remote_info
    version, account = str(told.get("version") or ""), told.get("account") or ""
    known.record(destination, version, asks=link.asked, swallows=link.swallowed, account=account)


def request_along(
    destination: Destination, frames: bytes, *, changes: bool = True, again: bool = False, public: bool = False
) -> Along:
    """A request that goes along with HELLO, early if login files leave it alone. `changes`, `again`, `public`: as
    `Along` has them."""
    # What may not come twice waits for the first byte over a connection that may have died since.
    certain = again or not changes or known.answered_just_now(destination)
    early = certain and not known.swallows(destination)
    return Along(frames, early=early, changes=changes, again=again or not changes, public=public)


def _link(
    destination: Destination, ask: bool | None, deadline: float | None, along: Along | None, stop: Stop | None
) -> Link:
    try:
        left, bounded = seconds_left(deadline, ssh_link.START_TIMEOUT), deadline is not None
        near = origin(destination)
        return ssh_link.open_link(
            destination,
            near,
            ask=ask,
            timeout=left,
            bounded=bounded,
            along=along,
            stop=stop,
            stale_after=known.stale_after(destination),
        )
    except Lost:
        raise
    except (Unreachable, TimedOut):
        if deadline is not None and time.monotonic() >= deadline:
            raise TimedOut(f"timed out: @{destination.host} did not answer in time") from None
        raise
    except OSError as error:
        raise _local_fault(destination, error) from error


def _local_fault(destination: Destination, error: OSError) -> LocalFault:
    reason = error.strerror or str(error)
    fault = LocalFault(f"cannot open a link to @{destination.host}: {reason}", hint=f"see: {SESH} --doctor")
    fault.reason = reason
    return fault


def _deploy(caller: Caller, destination: Destination, missing: NotDeployed) -> None:
    """Installs sesh on a host if the person agrees. Raises `missing` if not, DeployError."""
    question = f"@{destination.host} has no sesh; deploy it there?"
    if caller.ask(question, YES_NO, "y") != "y":
        raise missing
    from sesh.remote.deploy import fleet  # loads rich, fabric and packaging

    for result in fleet.deploy_all([destination]):
        if result.error is not None:
            raise result.error


def back(destination: Destination, lost: LostSession, attempt: Attempt, *, deadline: float | None = None) -> Link:
    """One attempt to come back to a session by its id, over an ssh connection that shares nothing with the lost one.

    It may run in a thread beside a raw terminal, so it has no caller to print notes. If the host asks somebody to log
    in, it is the shared connection, where that stands. `deadline`: for the attempt (monotonic). Raises Ended if the
    session has ended meanwhile, LoginRefused if another attempt would fail alike, Refused if the link may live and
    somebody would be asked, Interrupted, Unreachable if this one failed.
    """
    shared = attempt.asks or known.asks(destination) is True
    if attempt.lost:
        _note_loss(lost)
    elif shared:
        raise Refused("nobody is asked to log in again while a link may still live")
    if shared:
        link = reopened(destination, deadline, ask=attempt.asks, stop=attempt)
    else:
        link = _opened_alone(destination, attempt, _wanted(lost))
    try:
        with attempt.calling(link.abort):
            answer, output = connected(link, _wanted(lost), deadline)
    except SeshError:
        link.close()
        raise
    _note_loss(lost)
    known.end_pause(lost.host)
    if not shared:
        threading.Thread(target=ssh_link.renew_master, args=(destination,), daemon=True).start()
    gap, joined = round(time.monotonic() - lost.heard_at, 3), answer.get("daemon_pid")
    name = link.peer.name or lost.name
    eventlog.log("reconnect", host=lost.host, session=name, gap=gap, since=lost.position, joined=joined)
    if "result" in answer:
        link.close()
        raise Ended(f"{lost.name} has ended", answer["result"], output)
    return link


def _note_loss(lost: LostSession) -> None:
    if _noted.get((lost.name, lost.host)) != lost.heard_at:
        _noted[lost.name, lost.host] = lost.heard_at
        eventlog.log("disconnect", host=lost.host, session=lost.name, reason="lost")


def _opened_alone(destination: Destination, attempt: Attempt, wanted: Words) -> Link:
    """A link over an ssh connection of its own, which has asked for its session already.

    Raises LoginRefused if somebody would have to log in.
    """
    known.check_refused(destination.host)
    try:
        return ssh_link.open_beside(destination, origin(destination), attempt, "connect", wanted)
    except AuthenticationFailed as error:
        known.record(destination, asks=True)
        known.record_refusal(destination.host, error)
        raise
    except OSError as error:
        raise _local_fault(destination, error) from error


def _wanted(lost: LostSession) -> Words:
    wanted: Words = {"name": lost.name, "session_id": lost.session_id, "pings": lost.attached}
    return {**wanted, "greeting": lost.hello} if lost.hello is not None else wanted


def connected(link: Link, wanted: Words, deadline: float | None) -> tuple[Answer, bytes]:
    """Leads a link to a session; returns the host's answer, and the output that comes with a `result`.

    Only silence ends it before the deadline (monotonic): the output may take long on a slow link. Raises NotFound,
    Lost.
    """
    # A daemon hears HELLO first: nothing may be asked over the link before.
    link.keepalive = LinkState(time.monotonic(), beside=False, unasked=ssh_link.START_TIMEOUT)
    answer = link.open_session("connect", wanted, seconds_left(deadline, inf))
    link.keepalive = None  # its user has one
    return answer


def reopened(
    destination: Destination,
    deadline: float | None = None,
    *,
    ask: bool = False,
    passing: bool = False,
    drops: bool = True,
    along: Along | None = None,
    stop: Stop | None = None,
) -> Link:
    """One attempt at a new link for a lost one, without a caller as `back`. `drops`: the ssh connection that carried it
    is not used again, which cuts other links over it. Raises as `opened`."""
    if drops:
        ssh_link.drop_master(destination)
    if not ask:
        known.check_refused(destination.host)
    return opened(Caller(), destination, ask=ask, deadline=deadline, passing=passing, along=along, stop=stop)


def left_behind(caller: Caller, destination: Destination, name: str, session_id: str) -> str:
    """The line for a person who interrupts a host that creates a session with this id: whether it is there."""
    deadline, at_host = time.monotonic() + _LOOK, f"@{destination.host}"
    try:
        with opened(caller, destination, ask=False, deadline=deadline) as link:
            answer, _ = connected(link, {"name": name, "session_id": session_id}, deadline)
    except NotFound:
        return "interrupted"
    except SeshError:
        return f"interrupted; {name} may have been created; check with: {CALLED} {at_host}"
    made = answer["name"]
    return f"interrupted; {made}{at_host} is there already and goes on; `{CALLED} {at_host} --kill {made}` ends it"
