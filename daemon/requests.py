"""Checks and dispatches requests. None that changes something begins after its deadline. An error is an answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from sesh import check
from sesh.check import Malformed
from sesh.daemon.clients.connection import FOREIGN, PeerConnection, PeerRequest
from sesh.daemon.ending import Ending
from sesh.daemon.files import SessionFiles
from sesh.daemon.handler import ClientHandler
from sesh.daemon.request_methods import Reload, RequestMethods
from sesh.daemon.screen.model import CATCH_UP_TIME, STEP_TIME
from sesh.daemon.session import Session
from sesh.daemon.typed_text import Typing
from sesh.errors import SeshError, TimedOut, UsageError, daemon_failed
from sesh.measures import uptime
from sesh.messages import TO_DAEMON, Envelope

MAX_DATA = 4 << 20
SCREEN_TIMEOUT = 25.0  # seconds that a request waits for the emulator: less than its caller's own timeout
_POLL = 0.01  # seconds between two checks of a request that waits for the emulator
REQUESTS: dict[str, Callable[..., None]] = {
    name: getattr(Typing, name, None) or getattr(RequestMethods, name) for name in TO_DAEMON
}
"""The method of each request has its name. Its parameters, except `request`, are the keys that the request may have."""
_DRAWN = {each for each in TO_DAEMON if each.drawn}


class Requests:
    """Dispatches requests, at once or when the emulator has caught up."""

    def __init__(
        self, session: Session, handler: ClientHandler, ending: Ending, files: SessionFiles, reload: Reload
    ) -> None:
        self.session, self._handler = session, handler
        self.typing = Typing(session, partial(self._guard, self._begin))
        self._methods = RequestMethods(session, handler, ending, files, reload)
        self._deferred: set[PeerRequest[Any]] = set()  # waiting for the emulator

    def handle(self, connection: PeerConnection, words: Mapping[str, object]) -> None:
        self._handler.creator_served(connection)
        if connection.role == FOREIGN and words.get("verb") != "reload":
            connection.close_when_sent()  # WELCOME has told this peer the daemon's protocol number
            return
        data = bytes(connection.data)
        connection.data = bytearray()
        connection.unanswered += 1
        try:
            envelope: Envelope = check.checked_here(Envelope, words)
            name = envelope.get("verb", "")
            method = REQUESTS.get(name, RequestMethods.unknown)
            owner = self.typing if method is getattr(Typing, name, None) else self._methods
            call = partial(method, owner, **check.arguments(method, words))
        except Malformed as error:
            number = words.get("id")
            refusal = UsageError(f"a malformed request: {error}")
            connection.refuse(number if isinstance(number, int) and check.fits(int, number) else 0, refusal)
            return
        request: PeerRequest[Any] = PeerRequest(
            connection, envelope.get("id", 0), data, call, name, envelope.get("begin_by")
        )
        self._guard(self._begin, request)

    def _begin(self, request: PeerRequest[Any]) -> None:
        """Call a request's method, once the emulator has caught up if it needs that."""
        self._check_deadline(request)
        if request.name in _DRAWN:
            self._when_drawn(request, CATCH_UP_TIME, self.session.log.head, time.monotonic() + SCREEN_TIMEOUT)
        else:
            request.call(request)

    def _check_deadline(self, request: PeerRequest[Any]) -> None:
        if request.begin_by is not None and uptime() > request.begin_by:
            raise TimedOut(f"{self.session.name} was asked too late; nothing was done")

    def _when_drawn(self, request: PeerRequest[Any], seconds: float, position: int, until: float) -> None:
        """Call a request's method once the emulator has drawn the log up to `position`, or at `until` at the latest.

        The emulator gets `seconds` now, and `STEP_TIME` at each later check.
        """
        session = self.session
        self._deferred.discard(request)
        is_drawn = session.faults.guard(session.model.catch_up, "the emulator", seconds, position)
        if is_drawn or time.monotonic() > until:
            request.call(request)
            return
        self._deferred.add(request)
        again = partial(self._when_drawn, seconds=STEP_TIME, position=position, until=until)
        session.timers.set(request, _POLL, lambda: self._guard(again, request))

    def _guard(self, call: Callable[[PeerRequest[Any]], object], request: PeerRequest[Any]) -> None:
        """Call `call` with a request; answer the request with the error that it raises."""
        try:
            call(request)
        except Exception as error:
            self.fail(request, error)

    def fail(self, request: PeerRequest[Any], error: Exception) -> None:
        """Answer a request with an error; log one that is not a SeshError, and hide its text."""
        if not isinstance(error, SeshError):
            self.session.faults.note(f"a fault in the request {request.name}", error)
            error = daemon_failed()
        request.refuse(error)

    @property
    def pending(self) -> bool:
        """True if a request waits for the emulator, or if a text is being typed."""
        return bool(self._deferred) or self.typing.pending
