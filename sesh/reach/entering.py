"""Enter a session over a link: over the first link, and over each one that replaces a lost link.

The bridge carries out the request, then connects the link to the session's daemon.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

from sesh.errors import Ended, malformed
from sesh.link.attempts import Attempt, EnteredSession
from sesh.messages import EnteredAnswer, Hello, Words
from sesh.reach import calls
from sesh.reach.caller import Caller
from sesh.reach.op import ATTACH
from sesh.remote import eventlog, known
from sesh.remote.ssh import opening
from sesh.remote.ssh.destination import Destination
from sesh.remote.ssh.link import Link, Request
from sesh.stop import Stop

_logged: dict[tuple[str, str], float] = {}  # logged losses: session and host, and when the link was last heard


def enter_request(
    op: str,
    arguments: Mapping[str, object],
    session_id: str = "",
    hello: Hello | None = None,
    *,
    asks: bool = False,
    pings: bool = False,
) -> Request:
    """Return the request to enter a session.

    `session_id`: of the session, or for the session to create. `hello`: of an attached terminal, for the daemon.
    `asks`: a person can answer the host's questions. `pings`: the client sends PINGs, as a terminal does.
    """
    words: Words = {"pings": pings or hello is not None}
    if session_id:
        words["session_id"] = session_id
    if hello is not None:
        words["greeting"] = hello
    return Request(op, calls.encoded(arguments), asks=asks, words=words)


def enter(
    caller: Caller, link: Link, request: Request, deadline: float | None = None, stop: Stop | None = None
) -> EnteredAnswer:
    """Connect a link to a session's daemon; return the host's answer.

    `stop`: cancels. Closes the link and raises Ended, NotFound, Lost, TimedOut past the deadline, Interrupted.
    """
    try:
        with (stop or Stop()).calling(link.abort), opening.local_faults(link.destination):
            answer, output = calls.answered(caller, link, request, deadline)
            if "name" not in answer:
                raise malformed("RESPONSE", ".name is missing")
            if "result" in answer:
                raise Ended(answer["name"], answer["result"], output)
            return answer
    except BaseException:
        link.close()
        raise


def enter_again(destination: Destination, describe: Callable[[], EnteredSession], attempt: Attempt) -> Link:
    """Make one attempt to enter a session by its id over another link. Raises Ended, and as `reopen_link`.

    `describe`: returns the session as it is now.
    """
    host, session = destination.host, describe()
    if attempt.lost:
        _log_loss(host, session)
    early = _request_again(session) if attempt.first else None
    link = opening.reopen_link(destination, attempt, early)
    if early is None:
        session = describe()  # more output may have arrived over the doubted link
    request = early or _request_again(session)
    name, joined, ended = session.name, None, None
    deadline = time.monotonic() + opening.START_TIMEOUT  # no other attempt begins before the answer
    try:
        answer = enter(Caller(), link, request, deadline, attempt.stop)  # drops notes and cannot be asked
        name, joined = answer["name"], answer.get("daemon_pid")
    except Ended as error:
        ended = error
    _log_loss(host, session)
    if not (attempt.may_prompt or known.asks(host)):
        threading.Thread(target=opening.renew_shared, args=(destination,), daemon=True).start()
    gap = round(time.monotonic() - session.heard_at, 3)
    eventlog.log("reconnect", host=host, session=name, gap=gap, since=session.position, joined=joined)
    if ended is not None:
        raise ended
    return link


def _request_again(session: EnteredSession) -> Request:
    return enter_request(ATTACH, {"name": session.name}, session.session_id, session.hello)


def _log_loss(host: str, session: EnteredSession) -> None:
    """Log the loss of a session's link, once for all attempts."""
    if _logged.get((session.name, host)) != session.heard_at:
        _logged[session.name, host] = session.heard_at
        eventlog.log("disconnect", host=host, session=session.name, reason="lost")
