"""The target of ops: this machine, or a host (`host_target`)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from typing import TYPE_CHECKING, TypeVar

from sesh import errors
from sesh.reach import find
from sesh.reach.caller import Caller
from sesh.reach.op import Arguments, Connected, Op, Result
from sesh.schema.outcomes import Ended
from sesh.store import results
from sesh.wire.connection import Connection
from sesh.wire.messages import Hello

if TYPE_CHECKING:
    from sesh.link.keeper import LinkKeeper
    from sesh.reach.cancelling import Interrupts

CONFIG_TIMEOUT = 5.0  # seconds for ssh to read its configuration, beside the time that a host has to answer a list
AnyTarget = TypeVar("AnyTarget", bound="Target")


class Target:
    """A machine, as the target of ops: this one, which calls them as functions.

    `deadline` (monotonic): for each call; see `until`. `interrupts`: of the wait for a job, which a host begins exactly
    once; the first signal stops the opening of a link.
    """

    host: str | None = None
    deadline: float | None = None
    interrupts: Interrupts | None = None
    clock = 0.0  # seconds by which the host's clock was ahead at the last call

    def __init__(self, caller: Caller) -> None:
        self.caller = caller

    def until(self: AnyTarget, deadline: float | None) -> AnyTarget:
        """Return this target with a deadline; its calls raise TimedOut past it."""
        target = copy(self)
        target.deadline = deadline
        return target

    def within(self: AnyTarget, seconds: float) -> AnyTarget:
        """Return this target with a deadline so many seconds from now, or from when a host's configuration is known."""
        return self.until(time.monotonic() + seconds)

    def call(self, op: Op[Arguments, Result], /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        """Call an op; return its result.

        Raises the op's errors; for a host also Unreachable, NotDeployed.
        """
        return op(self.caller, *args, **kwargs)

    def connect(self, name: str) -> Connection:
        """Return a new connection to an existing session. Raises as `find.connect`, TimedOut past the deadline."""
        with self._timed():
            return find.connect(name, self.deadline)

    def connect_by(
        self, op: Op[Arguments, Connected], hello: Hello | None, /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Connected:
        """Call an op that connects to a session.

        Raises Ended if the session has ended. `hello`: the HELLO that goes to a host in one write with the request; on
        this machine the caller sends it.
        """
        return op(self.caller, *args, **kwargs)

    def begin(
        self, op: Op[Arguments, Connected], /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> tuple[str, bool]:
        """Call an op that connects to a session, and leave it; see `Connected`."""
        try:
            name, connection, created = self.connect_by(op, None, *args, **kwargs)
        except Ended as ended:  # it was created over a link that broke before the response
            return ended.name, True
        connection.close()
        return name, created

    def keeper(self) -> LinkKeeper | None:
        """Return a new keeper of a link to the host; None for this machine."""
        return None

    def find_end(self, name: str, session_id: str, deadline: float | None) -> Ended | None:
        """Find how a session ended; return None if that is unknown."""
        result = results.by_id(session_id) if session_id else find.last_result(name)
        return Ended(name, result, results.output(result)) if result is not None else None

    @contextmanager
    def _timed(self) -> Iterator[None]:
        """Convert the error for silence past the deadline to TimedOut."""
        try:
            yield
        except (errors.Unreachable, errors.TimedOut) as error:
            if self.deadline is None or time.monotonic() < self.deadline or error.in_response:
                raise
            silent = f"@{self.host}" if self.host else "the session's daemon"
            raise errors.TimedOut(f"timed out: {silent} did not answer in time") from None
