"""Requests that are answered when something has come about: waits, events, and commands of `--run`."""

from __future__ import annotations

import math
import time

from sesh.daemon.clients.connection import Reader, Request
from sesh.daemon.session import Session
from sesh.daemon.shell.run import Run
from sesh.daemon.waits import Wait
from sesh.errors import Refused, UsageError

MAX_WAITS = 16
"""`wait` requests of one connection at a time."""


class Following:
    VERBS = ("wait", "events", "run", "run_interrupt")

    def __init__(self, session: Session) -> None:
        self._session = session

    def wait(self, request: Request) -> None:
        """Answer when the program has ended; with `follow` its output comes before, from position `from` on."""
        session, connection = self._session, request.connection
        first, wanted = _first_position(session, request), wait_of(session, request)
        if request.number in connection.waits or len(connection.waits) >= MAX_WAITS:
            raise UsageError("a connection can wait for the end only once per request number")
        connection.waits[request.number] = request.words.get("output", False)
        if request.words.get("follow", False) and connection.reader is None:
            connection.reader = Reader(connection, first)
            session.relay.followers.append(connection.reader)
            connection.feed(session.log)
        if wanted.prompt or wanted.waiting or min(wanted.idle, wanted.until) < math.inf:
            session.waits.add(wanted)

    def events(self, request: Request) -> None:
        """Send each event as a DATA frame, first those after number `since`; answer at the session's end."""
        since = request.position("since")
        if request.connection.waits:
            raise UsageError("a connection can follow events only once, and cannot wait as well")
        request.connection.waits[request.number] = False
        self._session.events.follow(request.connection, since if isinstance(since, int) else None)

    def run(self, request: Request) -> None:
        """Run a command in the live shell (its words, separated by NUL); the answer comes when it has ended."""
        session = self._session
        if not session.running:
            raise Refused(f"the program of {session.name} has ended; it cannot run commands")
        command = request.data.decode("utf-8", "surrogateescape").split("\0")
        wait, key = request.words.get("wait", True), request.words.get("key", "")
        timeout, since = request.words.get("timeout"), request.position("since")
        sent = since if wait and isinstance(since, int) else None
        asked = Run(command, request.connection, request.number, wait=wait, key=key, sent=sent)
        session.runs.add(asked, timeout)

    def run_interrupt(self, request: Request) -> None:
        if self._session.runs.interrupt(request.connection):
            self._session.activity.interrupted()
        request.respond()


def wait_of(session: Session, request: Request) -> Wait:
    """Return the conditions of a `wait` beside the session's end. Raises UsageError."""
    since = request.position("since" if "since" in request.words else "from")
    if since == "sent":
        since = session.pump.sent_at
    run, stale = session.runs.active, None
    own = run is None or run.connection is request.connection
    if own and request.words.get("anew", False) and session.activity.waits:
        stale = session.activity.standing().since
    idle, timeout = request.words.get("idle"), request.words.get("timeout")
    return Wait(
        request.connection,
        request.number,
        prompt=request.words.get("prompt", False),
        since=since if isinstance(since, int) else None,
        waiting=request.words.get("waiting", False),
        stale=stale,
        idle=math.inf if idle is None else idle,
        until=math.inf if timeout is None else time.monotonic() + timeout,
    )


def _first_position(session: Session, request: Request) -> int:
    """Return the position from which a client follows the output; the output may not have come so far yet."""
    log, since, began = session.log, request.position("from"), request.words.get("else")
    if since == "screen":  # an answer to `logs` stands for this position, or a later one
        return session.model.position
    if since == "sent":
        since = session.pump.sent_at
        if since is None:
            since = log.head if began is None else began  # as a client that reconnects began to wait there
    return max(since, log.base) if isinstance(since, int) else log.base
