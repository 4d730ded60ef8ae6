"""Checks and dispatches requests; no change begins after its deadline, and errors are responses."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from sesh.about import __version__
from sesh.daemon.base.due import NEVER, Agenda, Part
from sesh.daemon.clients.connection import PeerConnection, PeerRequest, Role, Steps
from sesh.daemon.requests.methods import RequestMethods
from sesh.daemon.requests.typed_text import Typing
from sesh.daemon.session import Session
from sesh.errors import Busy, Malformed, SeshError, UsageError, daemon_failed
from sesh.names import printable
from sesh.schema import check
from sesh.wire.messages import Envelope

MAX_DATA = 4 << 20
MAX_REQUESTS = 64  # requests that are unfinished; more are refused
REQUESTS: dict[str, Callable[..., Steps | None]] = {
    name: method
    for owner in (Typing, RequestMethods)
    for name, method in vars(owner).items()
    if not name.startswith("_")
}
"""The method of each request, by its name. Its parameters, except `request`, are the keys that the request may have."""


class Requests(Part):
    """Carries out requests step by step; keeps those that are unfinished."""

    def __init__(self, agenda: Agenda, session: Session, methods: RequestMethods) -> None:
        super().__init__(agenda)
        self.session = session
        self.typing = Typing(session)
        self._methods = methods
        # `due`: time (monotonic) of the next step of a request
        self.unfinished: dict[PeerRequest[Any], tuple[float, Steps]] = {}
        """The steps of each that has some left, and when (monotonic) the next one is due."""

    def act(self, now: float) -> None:
        """Take the steps that are due."""
        for request, (at, steps) in list(self.unfinished.items()):
            if at <= now:
                self._go_on(request, steps)
        self._plan()

    def _plan(self) -> None:
        self.due = min([at for at, _ in self.unfinished.values()], default=NEVER)

    def handle(self, connection: PeerConnection, keys: Mapping[str, object]) -> None:
        if connection.role == Role.FOREIGN and keys.get("verb") != "reload":
            connection.close_when_sent()  # WELCOME has told this peer the daemon's protocol number
            return
        number = keys.get("id")
        data = bytes(connection.data)
        connection.data = bytearray()
        connection.open_requests += 1
        number = number if isinstance(number, int) and check.fits(int, number) else 0
        request = PeerRequest[Any](connection, number, data)
        self._go_on(request, self._steps(request, keys))

    def _go_on(self, request: PeerRequest[Any], steps: Steps) -> None:
        """Take a request's next step; only a SeshError shows its text."""
        self.unfinished.pop(request, None)
        try:
            seconds = next(steps)
        except StopIteration:
            return
        except SeshError as error:
            request.refuse(error)
        except Exception as error:
            self.session.faults.note(f"a fault in the request {request.name}", error)
            request.refuse(daemon_failed())
        else:
            self.unfinished[request] = time.monotonic() + seconds, steps
            self._plan()

    def _steps(self, request: PeerRequest[Any], keys: Mapping[str, object]) -> Steps:
        """Check a request, then take its steps."""
        try:
            envelope: Envelope = check.checked_here(Envelope, keys)
            request.name = envelope.get("verb", "")
            request.begin_by = envelope.get("begin_by")
            method = REQUESTS.get(request.name)
            arguments = check.arguments(method, keys) if method is not None else {}
        except Malformed as error:
            raise UsageError(f"a malformed request: {error}") from None
        request.check_deadline(self.session.name)
        if method is None:
            name = printable(request.name)
            raise UsageError(f"sesh {__version__}, which {self.session.name} runs, has no request {name}")
        steps = method(self.typing if hasattr(Typing, request.name) else self._methods, request, **arguments)
        if steps is None:
            return
        if len(self.unfinished) >= MAX_REQUESTS:
            raise Busy(f"{MAX_REQUESTS} requests to {self.session.name} are unfinished; try again later")
        yield from steps
