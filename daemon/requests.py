"""Handles requests: each is begun before its deadline or not at all, and an error is its answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from sesh import bounds, names
from sesh.about import __version__
from sesh.daemon.clients.connection import FOREIGN, Connection
from sesh.daemon.ending import Ending, SessionFiles
from sesh.daemon.handler import ClientHandler
from sesh.daemon.request import Request
from sesh.daemon.session import Session
from sesh.daemon.typing import Typing
from sesh.daemon.verbs import changing, following, reading
from sesh.daemon.verbs.parts import Parts, RequestFunction
from sesh.errors import SeshError, TimedOut, UsageError, daemon_failed
from sesh.moments import uptime

MAX_DATA = 4 << 20
"""Bytes of DATA before one REQUEST."""
CATCH_UP, MOST_PATIENCE = 5, 60
"""Seconds that a request for the screen waits for the emulator at most; if its asker says how long (`patience`)."""
_LOOK = 0.01
"""Seconds between two looks at the requests that wait for the emulator."""
TYPING = frozenset(("send", "answer", "submit"))
"""Requests that type: all but keys wait for a text whose Enter is still to come."""
NEEDS_SCREEN = frozenset(("screen", "logs", "modes"))
"""Requests for the emulator's state: it may catch up before they are carried out."""
REQUESTS: dict[str, RequestFunction] = {
    function.__name__: function
    for function in (
        reading.summary, reading.status, reading.screen, reading.modes, reading.logs, reading.history, reading.typed,
        changing.detach, changing.kill, changing.rename, changing.label, changing.resume, changing.state,
        changing.switch, changing.tell, changing.send, changing.answer, changing.submit, changing.interrupt,
        changing.feed, changing.reload,
        following.wait, following.events, following.run, following.run_interrupt,
    )
}  # fmt: skip


@dataclass
class _Deferred:
    """A request that waits for the emulator to come to a position, at most until a time (monotonic)."""

    position: int
    until: float
    function: RequestFunction
    request: Request


class Requests:
    """Carries out requests, at once or when the emulator has caught up; `reload`: see `Parts`."""

    def __init__(
        self,
        session: Session,
        handler: ClientHandler,
        ending: Ending,
        files: SessionFiles,
        reload: Callable[[Connection, int, str, list[str]], None],
    ) -> None:
        self.session, self._handler, self.typing = session, handler, Typing(session)
        self._parts = Parts(session, handler, ending, files, self.typing, reload)
        self._deferred: list[_Deferred] = []

    def handle(self, connection: Connection, words: Mapping[str, object]) -> None:
        """Handle a REQUEST; an error is its answer."""
        self._handler.creator_served(connection)
        if connection.role == FOREIGN and words.get("verb") != "reload":
            connection.close_when_sent()  # WELCOME has said why
            return
        data, connection.data = bytes(connection.data), bytearray()
        number = words.get("id", 0)
        connection.unanswered += 1
        request = Request(connection, number if bounds.is_integer(number) else 0, words, data)
        self._guard(self._begin, request)

    def _begin(self, request: Request) -> None:
        """Carry a request out, or defer it until a text is typed or the emulator has caught up."""
        function = self._function(request)
        types = request.verb in TYPING and not (request.flag("probe") or request.flag("keys"))
        if types and self.typing.defer(request, lambda: self._guard(self._begin, request)):
            return
        if request.verb in NEEDS_SCREEN and not self.session.faults.guard(self.session.model.catch_up, "the emulator"):
            self._defer(function, request)
            return
        function(self._parts, request)

    def _function(self, request: Request) -> RequestFunction:
        """Return the function of a request. Raises TimedOut past its deadline, UsageError if there is none."""
        verb, name = request.verb, self.session.name
        if verb not in REQUESTS:
            raise UsageError(f"sesh {__version__}, which {name} runs, has no request {names.printable(verb)}")
        begin_by = request.seconds("begin_by")
        if begin_by is not None and uptime() > begin_by:
            raise TimedOut(f"{name} was asked too late to {verb}; nothing was done")
        return REQUESTS[verb]

    def _guard(self, call: Callable[[Request], object], request: Request) -> None:
        """Call something with a request; answer with the error that it raises."""
        try:
            call(request)
        except Exception as error:
            self.fail(request.connection, request.number, request.verb, error)

    def fail(self, connection: Connection, number: int, verb: str, error: Exception) -> None:
        """Answer a request with the error that it has raised; note one that is no refusal."""
        if isinstance(error, SeshError):
            connection.refuse(number, error)
            return
        self.session.faults.note(f"a fault in the request {verb}", error)
        connection.refuse(number, daemon_failed())

    # -- requests that wait for the emulator

    @property
    def pending(self) -> bool:
        """True if a request waits for the emulator, or for a program that is to take a text."""
        return bool(self._deferred) or self.typing.pending

    def _defer(self, function: RequestFunction, request: Request) -> None:
        request.data = b""  # none of these takes any
        patience = bounds.clamped(request.words.get("patience"), 0, MOST_PATIENCE, CATCH_UP)
        self._deferred.append(_Deferred(self.session.log.head, time.monotonic() + patience, function, request))
        self.session.timers.ensure("deferred", _LOOK, self._resume)

    def _resume(self) -> None:
        """Carry out deferred requests for which the emulator has come far enough, or whose time is over."""
        model, now = self.session.model, time.monotonic()
        if any(model.position < late.position for late in self._deferred):
            model.step()
        due = [late for late in self._deferred if model.position >= late.position or now > late.until]
        self._deferred = [late for late in self._deferred if late not in due]
        if self._deferred:
            self.session.timers.ensure("deferred", _LOOK, self._resume)
        for late in due:
            self._guard(partial(late.function, self._parts), late.request)

    def flush(self) -> None:
        """Carry out all deferred requests now."""
        while self._deferred:
            due, self._deferred = self._deferred, []
            for late in due:
                self._guard(partial(late.function, self._parts), late.request)
