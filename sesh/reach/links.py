"""Links to hosts: enter a session over a link, and replace a lost link; `host_target` opens the first link."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial

from sesh.about import SESH
from sesh.errors import Ended, LocalFault, malformed
from sesh.link.race import Attempt, LostSession
from sesh.link.reopen import Reopen
from sesh.messages import Introduction, Words
from sesh.reach import calls
from sesh.reach.caller import Caller
from sesh.reach.op import ATTACH
from sesh.remote import eventlog, known
from sesh.remote.ssh import opening
from sesh.remote.ssh.destination import Destination
from sesh.remote.ssh.link import Link, Request
from sesh.remote.ssh.opening import START_TIMEOUT
from sesh.remote.ssh.words import AuthenticationFailed
from sesh.requests import EnteredAnswer
from sesh.stop import Stop

LinkWay = Callable[[Destination, Attempt], Link]  # makes one attempt at another link
_logged: dict[tuple[str, str], float] = {}  # logged losses: session and host, and when the link was last heard


def destination_of(caller: Caller, host: str) -> Destination:
    """Return the destination for a host, with the user's settings. Raises InvalidHost."""
    return Destination(host, via=caller.settings().via(host))


@contextmanager
def local_faults(destination: Destination) -> Iterator[None]:
    """Convert OSError of this machine to LocalFault."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        fault = LocalFault(f"cannot open a link to @{destination.host}: {reason}", hint=f"see: {SESH} --doctor")
        fault.reason = reason
        raise fault from error


# -- entering a session


def entry(
    op: str,
    arguments: Mapping[str, object],
    session_id: str = "",
    introduction: Introduction | None = None,
    *,
    asks: bool = False,
    pings: bool = False,
) -> Request:
    """Return the request to enter a session.

    `session_id`: of the session, or for the session to create. `introduction`: the HELLO for its daemon. `asks`: a
    person can answer the host's questions. `pings`: the client sends PINGs, as an attached terminal does.
    """
    words: Words = {"pings": pings}
    if session_id:
        words["session_id"] = session_id
    if introduction is not None:
        words["greeting"] = introduction
    return Request(op, calls.encoded(arguments), asks=asks, words=words)


def enter_session(
    caller: Caller, link: Link, request: Request, deadline: float | None = None, stop: Stop | None = None
) -> EnteredAnswer:
    """Connect a link to a session's daemon; return the host's answer.

    `stop`: cancels. Closes the link and raises Ended, NotFound, Lost, TimedOut past the deadline, Interrupted.
    """
    try:
        with (stop or Stop()).calling(link.abort), local_faults(link.destination):
            answer, output = calls.answered(caller, link, request, deadline)
            if "name" not in answer:
                raise malformed("RESPONSE", ".name is missing")
            if "result" in answer:
                raise Ended(answer["name"], answer["result"], output)
            return answer
    except BaseException:
        link.close()
        raise


# -- replacing a lost link


def reopening(
    destination: Destination,
    way: LinkWay,
    ping: Callable[[], object] = lambda: None,
    session: Callable[[], LostSession | None] = lambda: None,
    *,
    patience: float | None = None,
) -> Reopen:
    """Return the Reopen that watches and replaces a link to a host."""
    proxies = destination.setting("proxyjump"), destination.setting("proxycommand")
    indirect = any(proxy not in ("", "none") for proxy in proxies)
    login_asked = partial(known.asks, destination.host)
    return Reopen(
        partial(way, destination), ping, session, login_asked=login_asked, indirect=indirect, patience=patience
    )


def attempt_link(destination: Destination, attempt: Attempt, request: Request | None = None) -> Link:
    """Make one attempt at a new ssh connection and link; return the link once it has won.

    If the last login asked a person, reopen the shared connection instead, without asking. With `attempt.may_prompt`
    reopen it too, and let ssh ask. Print nothing: this may run in a thread while the terminal is raw. Raises
    LoginRefused if every further attempt would fail too, Unreachable if only this attempt failed, Interrupted.
    """
    host = destination.host
    if attempt.lost and (lost := attempt.session()) is not None:
        _log_loss(lost)
    try:
        with local_faults(destination):
            if known.paused_until(host) and not attempt.may_prompt:
                reason = known.failure(host)
                refused = AuthenticationFailed(f"{host} refused the login: {reason}", hint=f"try: ssh {host}")
                refused.reason = reason
                raise refused
            if attempt.may_prompt or known.asks(host):
                opening.drop_shared(destination)
                link = opening.open_link(
                    destination,
                    ask=attempt.may_prompt,
                    deadline=None if attempt.may_prompt else time.monotonic() + START_TIMEOUT,
                    request=request,
                    stop=attempt.stop,
                    say=attempt.hear,
                )
            else:
                link = opening.open_own(destination, attempt, request)
    except AuthenticationFailed as error:
        known.note(host, {"asks": True})
        if attempt.lost:  # so that other lost links to the host do not repeat the refused login
            known.record_failure(host, error.reason, refused=True)
        raise
    attempt.win(link)
    known.end_pause(host)
    return link


def attempt_session(destination: Destination, attempt: Attempt) -> Link:
    """Make one attempt to enter a session again by its id. Raises Ended, NotFound, and as `attempt_link`."""

    def again() -> tuple[LostSession, Request]:
        lost = attempt.session()
        assert lost is not None  # noqa: S101 (a stream of a session always describes it)
        arguments = {"name": lost.name}
        return lost, entry(ATTACH, arguments, lost.session_id, lost.hello, pings=lost.hello is not None)

    lost, request = again()
    link = attempt_link(destination, attempt, request if attempt.first else None)
    if not attempt.first:
        lost, request = again()  # more output may have arrived over the doubted link
    name, joined, ended = lost.name, None, None
    try:
        answer = enter_session(Caller(), link, request, stop=attempt.stop)  # drops notes and cannot be asked
        name, joined = answer["name"], answer.get("daemon_pid")
    except Ended as error:
        ended = error
    _log_loss(lost)
    if not (attempt.may_prompt or known.asks(destination.host)):
        threading.Thread(target=opening.renew_shared, args=(destination,), daemon=True).start()
    gap = round(time.monotonic() - lost.heard_at, 3)
    eventlog.log("reconnect", host=lost.host, session=name, gap=gap, since=lost.position, joined=joined)
    if ended is not None:
        raise ended
    return link


def _log_loss(lost: LostSession) -> None:
    """Log the loss of a session's link, once for all attempts."""
    if _logged.get((lost.name, lost.host)) != lost.heard_at:
        _logged[lost.name, lost.host] = lost.heard_at
        eventlog.log("disconnect", host=lost.host, session=lost.name, reason="lost")
