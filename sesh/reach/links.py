"""Links to sesh on other hosts: led to a session, and replaced when they are lost; `host_target` opens them."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from math import inf

from sesh import machine, paths
from sesh.about import SESH
from sesh.errors import Ended, LocalFault, TimedOut, Unreachable
from sesh.link.race import Attempt, LostSession
from sesh.link.reopen import Reopen
from sesh.messages import Answer, Introduction, Near, Words
from sesh.reach import calls
from sesh.reach.caller import Caller
from sesh.reach.op import ATTACH
from sesh.remote import eventlog, known
from sesh.remote.ssh import opening
from sesh.remote.ssh.destination import Destination
from sesh.remote.ssh.link import SESSION_TIMEOUT, START_TIMEOUT, Early, Link
from sesh.remote.ssh.ssh import seconds_left
from sesh.remote.ssh.words import AuthenticationFailed
from sesh.stop import Stop

_logged: dict[tuple[str, str], float] = {}
"""The losses that are in the event log, by session and host: when the link was alive last."""


def destination_of(caller: Caller, host: str) -> Destination:
    """Return the destination that the name of a host means. Raises InvalidHost."""
    return Destination(host, via=caller.settings().via(host))


def origin(destination: Destination) -> Near:
    """Describe this machine for the other side, which reads it as an `Origin`."""
    terminal = next((descriptor for descriptor in (0, 1, 2) if os.isatty(descriptor)), None)
    return {
        "host": destination.host,
        "home": paths.home(),
        "size": list(machine.window_size(terminal)) if terminal is not None else [0, 0, 0, 0],
        "term": os.environ.get("TERM") if terminal is not None else None,
        "colorterm": os.environ.get("COLORTERM") if terminal is not None else None,
        "locale": {key: value for key, value in os.environ.items() if key == "LANG" or key[:3] == "LC_"},
    }


def record(destination: Destination, link: Link) -> None:
    """Record a host that a person has named, with the facts that a link has shown."""
    known.record(destination.host, str(link.remote_info.get("version") or ""), asks=link.asked)


@contextmanager
def worded(destination: Destination, deadline: float | None = None) -> Iterator[None]:
    """Turn errors of a link into TimedOut past the deadline, and those of this machine into LocalFault."""
    try:
        yield
    except (Unreachable, TimedOut) as error:
        if deadline is not None and time.monotonic() >= deadline and not error.answered:
            raise TimedOut(f"timed out: @{destination.host} did not answer in time") from None
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        fault = LocalFault(f"cannot open a link to @{destination.host}: {reason}", hint=f"see: {SESH} --doctor")
        fault.reason = reason
        raise fault from error


# -- leading a link to a session


@dataclass
class Entry:
    """The request that leads a link to a session: an op, its arguments, and words for the bridge.

    `session_id`: of the session, or for the one that is created. `greeting`: HELLO for its daemon. `pings`: a terminal
    is attached, and sends PINGs. `asked`: the host may have carried it out.
    """

    op: str
    arguments: Mapping[str, object]
    session_id: str = ""
    greeting: Introduction | None = None
    pings: bool = False
    asked: bool = False

    @classmethod
    def again(cls, lost: LostSession) -> Entry:
        """Return the entry to a session whose link is lost."""
        return cls(ATTACH, {"name": lost.name}, lost.session_id, lost.hello, pings=lost.hello is not None)

    def frames(self, caller: Caller, answers: Sequence[str] = ()) -> bytes:
        """Return the request; `answers`: to the questions that were its answers before."""
        words: Words = {"session_id": self.session_id, "pings": self.pings}
        if self.greeting is not None:
            words["greeting"] = self.greeting
        return calls.frames(self.op, self.arguments, asks=caller.can_ask, answers=answers, **words)


def lead(
    caller: Caller, link: Link, entry: Entry, deadline: float | None = None, stop: Stop | None = None
) -> tuple[Answer, bytes]:
    """Lead a link to a session's daemon; return the host's answer, and the output that comes with it.

    The answer has the `result` if the session has ended. `stop`: ends the link. Raises NotFound, Lost, TimedOut past
    the deadline, Interrupted; then the link is closed.
    """
    silence = START_TIMEOUT if entry.op == ATTACH else inf  # an op that creates a session may take long

    def ask(answers: list[str]) -> tuple[Answer, bytes]:
        timeout = seconds_left(deadline, SESSION_TIMEOUT)
        return link.open_session(entry.frames(caller, answers), entry.greeting, timeout, silence)

    try:
        with (stop or Stop()).calling(link.abort), worded(link.destination, deadline):
            return calls.answered(caller, ask)
    except BaseException:
        link.close()
        raise


# -- replacing a lost link


def reopening(
    destination: Destination,
    way: Callable[[Destination, Attempt], Link],
    ask: Callable[[], object] = bool,
    session: Callable[[], LostSession | None] = lambda: None,
    *,
    patience: float | None = None,
) -> Reopen:
    """Return the Reopen that watches and replaces a link to a host; `way` is `reconnect` or `resume`."""
    indirect = bool({destination.setting("proxyjump"), destination.setting("proxycommand")} - {"", "none"})
    asks = partial(known.asks, destination.host)
    return Reopen(partial(way, destination), ask, session, asks=asks, indirect=indirect, patience=patience)


def reconnect(destination: Destination, attempt: Attempt, early: Early | None = None) -> Link:
    """Make one attempt at a link that shares nothing with the lost one; return it once it has won.

    If the last login asked a person, the shared connection is opened again instead, without asking. There is no caller
    to print notes: it may run in a thread beside a raw terminal. Raises LoginRefused if another attempt would fail
    alike, Unreachable if this one failed, Interrupted.
    """
    host = destination.host
    if attempt.lost and (lost := attempt.session) is not None:
        _log_loss(lost)
    try:
        with worded(destination):
            if known.paused_until(host) and not attempt.asks:
                reason = known.failure(host)
                refused = AuthenticationFailed(f"{host} refused the login: {reason}", hint=f"try: ssh {host}")
                refused.reason = reason
                raise refused
            if attempt.asks or known.asks(host):
                opening.drop_shared(destination)
                link = opening.open_link(
                    destination,
                    origin(destination),
                    ask=attempt.asks,
                    deadline=None if attempt.asks else time.monotonic() + START_TIMEOUT,
                    early=early,
                    stop=attempt.stop,
                    say=attempt.hear,
                )
            else:
                link = opening.open_beside(destination, origin(destination), attempt, early)
    except AuthenticationFailed as error:
        known.note(host, {"asks": True})
        if attempt.lost:  # of many links that were lost at once only the first one is tried
            known.record_failure(host, error.reason, refused=True)
        raise
    attempt.win(link)
    known.end_pause(host)
    return link


def resume(destination: Destination, attempt: Attempt) -> Link:
    """Make one attempt to come back to a session by its id. Raises Ended, NotFound, and as `reconnect`."""
    lost = attempt.session
    assert lost is not None  # noqa: S101 (which a `Reopen` gives that uses this way)
    nobody = Caller()
    early = Early(Entry.again(lost).frames(nobody)) if attempt.first else None
    link = reconnect(destination, attempt, early)
    if early is None:
        lost = attempt.session or lost  # the position of this moment
    answer, output = lead(nobody, link, Entry.again(lost), stop=attempt.stop)
    _log_loss(lost)
    if not (attempt.asks or known.asks(destination.host)):
        threading.Thread(target=opening.renew_shared, args=(destination,), daemon=True).start()
    gap, joined = round(time.monotonic() - lost.heard_at, 3), answer.get("daemon_pid")
    name = link.peer.name or lost.name
    eventlog.log("reconnect", host=lost.host, session=name, gap=gap, since=lost.position, joined=joined)
    if "result" in answer:
        link.close()
        raise Ended(f"{lost.name} has ended", answer["result"], output)
    return link


def _log_loss(lost: LostSession) -> None:
    """Log the loss of a session's link, once for all attempts."""
    if _logged.get((lost.name, lost.host)) != lost.heard_at:
        _logged[lost.name, lost.host] = lost.heard_at
        eventlog.log("disconnect", host=lost.host, session=lost.name, reason="lost")
