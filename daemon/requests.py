"""Checks and dispatches requests; no change begins after its deadline, and errors are responses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from sesh import check
from sesh.about import __version__
from sesh.check import Malformed
from sesh.daemon.clients.connection import PeerConnection, PeerRequest, Role, Steps
from sesh.daemon.handler import ClientHandler
from sesh.daemon.request_methods import RequestMethods
from sesh.daemon.session import Session
from sesh.daemon.typed_text import Typing
from sesh.errors import Busy, SeshError, UsageError, daemon_failed
from sesh.messages import Envelope
from sesh.names import printable

MAX_DATA = 4 << 20
MAX_UNFINISHED = 64  # requests whose next step a timer takes; more are refused
REQUESTS: dict[str, Callable[..., Steps | None]] = {
    name: method
    for owner in (Typing, RequestMethods)
    for name, method in vars(owner).items()
    if not name.startswith("_")
}
"""The method of each request, by its name. Its parameters, except `request`, are the keys that the request may have."""


class Requests:
    """Carries out requests step by step; keeps those that are unfinished."""

    def __init__(self, session: Session, handler: ClientHandler, methods: RequestMethods) -> None:
        self.session = session
        self._handler = handler
        self.typing = Typing(session)
        self._methods = methods
        self.unfinished: set[PeerRequest[Any]] = set()  # those whose next step a timer takes

    def handle(self, connection: PeerConnection, keys: Mapping[str, object]) -> None:
        self._handler.release_creator(connection)
        if connection.role == Role.FOREIGN and keys.get("verb") != "reload":
            connection.close_when_sent()  # WELCOME has told this peer the daemon's protocol number
            return
        data = bytes(connection.data)
        connection.data = bytearray()
        connection.open_requests += 1
        try:
            envelope: Envelope = check.checked_here(Envelope, keys)
            name = envelope.get("verb", "")
            call: Callable[[PeerRequest[Any]], Steps | None] = self._refuse_unknown
            if name in REQUESTS:
                owner = self.typing if hasattr(Typing, name) else self._methods
                call = partial(REQUESTS[name], owner, **check.arguments(REQUESTS[name], keys))
        except Malformed as error:
            number = keys.get("id")
            refusal = UsageError(f"a malformed request: {error}")
            number = number if isinstance(number, int) and check.fits(int, number) else 0
            PeerRequest[Any](connection, number, data).refuse(refusal)
            return
        request = PeerRequest[Any](connection, envelope.get("id", 0), data, name, envelope.get("begin_by"))
        self._go_on(request, self._steps(request, call))

    def _go_on(self, request: PeerRequest[Any], steps: Steps) -> None:
        """Take the next step of a request; refuse it if the step raises an error."""
        self.unfinished.discard(request)
        try:
            seconds = next(steps)
        except StopIteration:
            return
        except Exception as error:
            self._fail(request, error)
            return
        self.unfinished.add(request)
        self.session.loop.timers.set(self._go_on, seconds, request, steps)

    def _steps(self, request: PeerRequest[Any], call: Callable[[PeerRequest[Any]], Steps | None]) -> Steps:
        request.check_deadline(self.session.name)
        steps = call(request)
        if steps is not None and len(self.unfinished) >= MAX_UNFINISHED:
            raise Busy(f"{MAX_UNFINISHED} requests to {self.session.name} are unfinished; try again later")
        if steps is not None:
            yield from steps

    def _refuse_unknown(self, request: PeerRequest[Any]) -> None:
        name = printable(request.name)
        raise UsageError(f"sesh {__version__}, which {self.session.name} runs, has no request {name}")

    def _fail(self, request: PeerRequest[Any], error: Exception) -> None:
        """Refuse a request; log an error that is not a SeshError, and hide its text."""
        if not isinstance(error, SeshError):
            self.session.faults.note(f"a fault in the request {request.name}", error)
            error = daemon_failed()
        request.refuse(error)
