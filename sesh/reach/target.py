"""The target of ops: this machine; see `host_target` for hosts."""

from __future__ import annotations

import time

from sesh import errors
from sesh.messages import Introduction
from sesh.reach import find
from sesh.reach.caller import Caller
from sesh.reach.cancelling import Interrupts
from sesh.reach.op import Arguments, Entered, Op, Result, by_name
from sesh.reach.stream import Stream
from sesh.store import results
from sesh.wire import Connection


class Target:
    """This machine, as the target of ops."""

    host: str | None = None
    introduction: Introduction | None = None  # the HELLO that `enter` sends to a host with its request
    clock = 0.0  # seconds by which the host's clock was ahead at the last call

    def __init__(self, caller: Caller) -> None:
        self.caller = caller

    def call(self, op: Op[Arguments, Result], /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        """Call an op; return its result. Raises the op's errors."""
        return op(self.caller, *args, **kwargs)

    def enter(self, op: Op[Arguments, Entered], /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Entered:
        """Call an op that enters a session; return its name, and a connection to its daemon before HELLO."""
        return op(self.caller, *args, **kwargs)

    def connect(self, name: str, deadline: float | None = None, *, attaches: bool = False) -> Connection:
        """Return a new connection to an existing session.

        `attaches`: for a terminal, so that a host records the session as its last attached one. Raises TimedOut past
        the deadline (monotonic), and as `find.required`.
        """
        try:
            return find.required(name, deadline)
        except errors.Silent as error:
            if deadline is None or time.monotonic() < deadline:
                raise
            raise errors.TimedOut(f"{error.message} in time; nothing was done", hint=error.hint) from None

    def open_stream(self, name: str, limit: float | None = None) -> Stream:
        """Open a stream to a session's daemon. `limit`: timeout in seconds for the whole stream, from connecting on."""
        deadline = None if limit is None else time.monotonic() + limit
        return self._stream(self.connect(name, deadline), name, deadline)

    def begin(
        self,
        op: Op[Arguments, Entered],
        interrupts: Interrupts,
        deadline: float | None,
        /,
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Stream:
        """Begin a job exactly once, by an op that enters its session.

        Raises Ended if the job has already ended; TimedOut past the deadline (monotonic).
        """
        name, connection = self._begin(op, by_name(op, args, kwargs), interrupts, deadline)
        return self._stream(connection, name, deadline)

    def _begin(
        self, op: Op[..., Entered], data: dict[str, object], _interrupts: Interrupts, _deadline: float | None
    ) -> Entered:
        return op(self.caller, **data)

    def _stream(self, connection: Connection, name: str, deadline: float | None) -> Stream:
        return Stream(connection, name, end_of=self._end_of, deadline=deadline)

    def _end_of(self, stream: Stream) -> errors.Ended | None:
        """Return how a stream's session ended; None without a result. Search by name if the id is unknown."""
        session_id = stream.session_id
        result = results.by_id(session_id) if session_id else find.result(stream.name)
        return errors.Ended(stream.name, result, results.output(result)) if result is not None else None

    def sync(self) -> None:
        """Push the user's files to the target before a session starts on it: this machine has them."""
