"""Waiting for a job: its output passed on as it comes, Ctrl-C understood, a lost link to its host mended."""

from __future__ import annotations

import os
import select
import time

from sesh import protocol, wire
from sesh.cli import show
from sesh.client import pulse
from sesh.errors import InternalError, Interrupted, TimedOut, Unreachable
from sesh.native import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any

    from sesh.cli.feeding import Feeding
    from sesh.cli.job import Followed

    Found = tuple[wire.Connection | None, dict[str, Any] | None, bytes]
    Again = Callable[[wire.Connection, str, int, float], Found]

_AGAIN = 2.0
"""Seconds within which another Ctrl-C counts as a further one; after them it is a first one again."""

_PRESSES = 3
_PIECE = 4096
"""Bytes that a pipe takes without blocking once it is writable (PIPE_BUF)."""

_WAIT, _OTHERS, _FEED = 1, 2, 1 << 20


class Waiter:
    """Waits for a job over its daemon's connection, which it owns, and knows what Ctrl-C means meanwhile.

    `host`: where the job runs, for people; `number`: the session's id, as far as it is known yet. `again`: for a job on
    another host, what to do when the link is lost. It is given the connection that broke, the session's id, the
    position of the first byte that is missing and the moment of the last one, and returns a new connection, or the
    result and the output of a job that has ended; it raises what cannot be mended. A context manager: the signals are
    its own within it.
    """

    def __init__(
        self,
        connection: wire.Connection,
        name: str,
        *,
        tie: bool,
        host: str | None = None,
        number: str = "",
        again: Again | None = None,
        feeding: Feeding | None = None,
    ) -> None:
        self.name, self._host = name, host
        self._connection, self._tie, self._again = connection, tie, again
        self._output: Followed | None = None
        self._wanted = False
        self._position: int | None = None
        self._pending = b""
        self._retained = bytearray()
        self._result: dict[str, Any] | None = None
        self._presses: list[float] = []
        self._before: list[tuple[int, Any]] = []
        self._asked, self._number = _OTHERS, number
        self._pulse = pulse.Pulse(wanted=again is not None)
        self._mending = self._ending = False
        self._feeding = feeding
        self._inbound, self._wakeup = os.pipe()

    def __enter__(self) -> Waiter:
        for descriptor in (self._inbound, self._wakeup):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(self._wakeup, warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) if self._tie else (signal.SIGINT,):
            before = signal.getsignal(number)
            if before != signal.SIG_IGN:
                self._before.append((number, before))
                signal.signal(number, self._noted)
        return self

    def __exit__(self, *_: object) -> None:
        for number, before in self._before:
            signal.signal(number, before)
        signal.set_wakeup_fd(-1)
        os.close(self._inbound)
        os.close(self._wakeup)
        self._connection.close()

    def result(self, output: Followed | None, *, wanted: bool) -> tuple[dict[str, Any], bytes]:
        """The daemon's account of the ended job, and the retained output where it is `wanted`.

        `output`: what is done to the output on its way to stdout, None where it does not go there. Raises Interrupted
        at the third Ctrl-C, InternalError where the daemon dies.
        """
        self._output, self._wanted = output, wanted
        self._guarded(self._begin)
        while self._result is None:
            self._guarded(self._turn)
        if self._output is not None:
            self._pending += self._output.end()
        while self._pending:
            self._turn()
        return self._result, bytes(self._retained)

    def _guarded(self, step: Callable[[], None]) -> None:
        """One step; a connection that is lost meanwhile is mended, where that can be."""
        try:
            step()
        except (Unreachable, TimedOut):
            if self._again is None:
                raise InternalError(f"the daemon of {self.name} died, and the job's exit code with it") from None
            self._mend(self._again)

    def _begin(self) -> None:
        """Asks the daemon to tell when the job has ended, and what it prints from where we are on."""
        words: dict[str, Any] = {} if self._position is None else {"from": self._position}
        follow = self._output is not None
        asked = wire.asking("wait", _WAIT, exit=True, output=self._wanted, follow=follow, **words)
        if self._ending:
            self._asked += 1
            asked += wire.asking("kill", self._asked)
        self._connection.send(wire.greeting("request") + asked)
        self._connection.expect_welcome(None if self._again is None else time.monotonic() + pulse.LOST)
        self._pulse = pulse.Pulse(wanted=self._again is not None)
        if self._feeding is not None:
            self._feeding.send(self._connection)
        self._frames(self._connection.leftovers())

    def _mend(self, again: Again) -> None:
        """Gets a new connection to the same session, or how it ended meanwhile."""
        self._number = number = str(self._connection.welcome.get("id") or self._number)
        self._mending = True
        try:
            connection, result, output = again(self._connection, number, self._position or 0, self._pulse.heard_at)
        finally:
            self._mending = False
        self._retained.clear()
        if connection is not None:
            self._connection = connection
            self._guarded(self._begin)
        elif result is not None:
            self._result = result
            self._retained += output
            if self._output is not None:
                missed = int(result.get("position") or 0) - (self._position or 0)
                self._pending += self._output.take(output[max(0, len(output) - missed) :])

    def _turn(self) -> None:
        """Waits for whatever comes first: a signal, room for output, or else frames."""
        poll = select.poll()
        poll.register(self._inbound, select.POLLIN)
        if self._pending:
            poll.register(show.STDOUT, select.POLLOUT)
        else:
            poll.register(self._connection.inbound, select.POLLIN)
            if self._feeding is not None and self._feeding.hungry and self._result is None:
                poll.register(0, select.POLLIN)
        patient = self._again is None or bool(self._pending)
        ready = poll.poll(None if patient else max(0.0, self._pulse.due - time.monotonic()) * 1000)
        if not ready:
            self._silent()
        for descriptor, _ in ready:
            if descriptor == self._inbound:
                self._signals(os.read(self._inbound, 64))
            elif self._pending:
                show.write(self._pending[:_PIECE])
                self._pending = self._pending[_PIECE:]
            elif descriptor == 0 and self._feeding is not None:
                self._feeding.read(self._connection)
            else:
                self._frames([self._connection.receive(), *self._connection.leftovers()])
                self._pulse.heard()

    def _silent(self) -> None:
        """Nothing was heard for a while: whether the other side is still there. Raises Unreachable."""
        now = time.monotonic()
        if now < self._pulse.due:
            return
        if not self._pulse.beat(now):
            raise Unreachable("the link went silent")
        try:
            self._connection.send(protocol.frame(protocol.PING), now + 1)
        except Unreachable:
            return  # what was said before the end is still to be read, and then the end

    def _frames(self, frames: list[tuple[int, bytes]]) -> None:
        for kind, payload in frames:
            if kind == protocol.OUTPUT and self._output is not None:
                position, data = protocol.split_number(payload)
                self._position = position + len(data)
                self._pending += self._output.take(data)
            elif kind == protocol.DATA:
                self._retained += payload
            elif kind == protocol.RESPONSE:
                response = protocol.parse(payload)
                if response.get("id") == _FEED and self._feeding is not None:
                    self._feeding.answered(response)
                elif response.get("id") != _WAIT:
                    self._retained.clear()
                elif "error" in response:
                    raise wire.failure(response["error"])
                else:
                    self._result = response

    def _signals(self, numbers: bytes) -> None:
        for number in numbers:
            if self._tie:
                self._send("kill")
            elif number == signal.SIGINT:
                self._pressed(time.monotonic())

    def _pressed(self, now: float) -> None:
        """One Ctrl-C. Raises Interrupted where it is the third in a row."""
        if self._presses and now - self._presses[0] > _AGAIN:
            self._presses.clear()
        self._presses.append(now)
        if len(self._presses) >= _PRESSES:
            raise self._left()
        self._send("interrupt")

    def _left(self) -> Interrupted:
        """For who stops waiting: how to go on."""
        sesh = f"sesh @{self._host}" if self._host else "sesh"
        return Interrupted(f"{self.name} goes on; to watch: {sesh} {self.name}, to end it: {sesh} --kill {self.name}")

    def _noted(self, number: int, frame: FrameType | None) -> None:
        """A signal reaches the poll through the wakeup descriptor; while a link is mended there is no poll.

        Then nothing can be said to the job: whoever presses Ctrl-C stops waiting. With `--tie` the job is ended as
        soon as the link stands again, unless the person presses once more.
        """
        if not self._mending:
            return
        if self._tie and not self._ending:
            self._ending = True
            return
        raise self._left()

    def _send(self, verb: str) -> None:
        """Asks something while the wait is pending; a daemon that is ending or stuck is no reason to stop waiting."""
        self._asked += 1
        try:
            self._connection.send(wire.asking(verb, self._asked), time.monotonic() + 1)
        except (TimedOut, Unreachable):
            return
