"""Jobs: begun here or on a host and waited for; their output passed on, Ctrl-C understood, lost links mended.

The daemon answers at the end of the job. If the process that waits is killed, the job goes on. With `--stdin`, what
sesh reads goes to the job as fast as the job reads it.
"""

from __future__ import annotations

import os
import select
import time

from sesh import gate, keepalive, protocol, wire
from sesh.errors import Ended, ExitCode, InternalError, Interrupted, NotFound, SeshError, TimedOut, Unreachable, rebuild
from sesh.lean import signal
from sesh.ops import enter
from sesh.reach.op import op
from sesh.store import results

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    from sesh.messages import Words
    from sesh.reach.caller import Caller
    from sesh.reach.interrupts import Interrupts
    from sesh.reach.links import Reconnected, RemoteRoute
    from sesh.reach.target import Target
    from sesh.schema import Answer, JobOutput, JobResult, JobSpec

    Again = Callable[[wire.Connection, str, int, float], Reconnected]

    class Sink(Protocol):
        """Where a job's output goes while it runs: `descriptor` is polled for room while `pending` is set."""

        descriptor: int
        pending: bytes

        def take(self, data: bytes) -> None:
            """More output."""

        def end(self) -> None:
            """There is no more."""

        def write(self) -> None:
            """Writes some of what is pending; called when there is room."""


_WAIT, _OTHERS, _FEED = 1, 2, 1 << 20
_GRACE = 2.5
"""Seconds by which a daemon may be late to say that a job's time was up; ending the job takes up to two."""


class Waiter:
    """Waits for a job over its daemon's connection, and knows what Ctrl-C means meanwhile.

    `interrupts`: the signals, noted since before the job was asked for. `session_id`: as far as it is known yet.
    `again`: for a job on another host, what to do when the link is lost. It is given the connection that broke, the
    session's id, the position of the first byte that is missing and the moment of the last one, and returns a new
    connection, or the result and the output of a job that has ended; it raises what cannot be mended. A context
    manager that ends both the connection and the noting of signals.
    """

    def __init__(
        self,
        connection: wire.Connection,
        name: str,
        interrupts: Interrupts,
        caller: Caller,
        *,
        session_id: str = "",
        again: Again | None = None,
        forwarder: StdinForwarder | None = None,
        deadline: float | None = None,
    ) -> None:
        self._late = None if deadline is None else deadline + _GRACE
        self._connection, self._interrupts, self._again = connection, interrupts, again
        self._caller = caller
        self._output: Sink | None = None
        self._wanted = False
        self._position: int | None = None
        self._retained = bytearray()
        self._result: JobResult | None = None
        self._asked, self._session_id = _OTHERS, session_id
        self._keepalive = keepalive.Keepalive(enabled=again is not None)
        self._ending = False
        self._forwarder = forwarder
        self._called(name)

    def _called(self, name: str) -> None:
        self.name = name
        self._interrupts.left = f"{name} goes on; watch it: $sesh {name}, end it: $sesh --kill {name}"

    def __enter__(self) -> Waiter:
        return self

    def __exit__(self, *_: object) -> None:
        self._interrupts.close()
        self._connection.close()

    def result(self, output: Sink | None, *, wanted: bool) -> tuple[JobResult, bytes]:
        """The daemon's account of the ended job, and the retained output where it is `wanted`.

        `output`: gets the output as it comes, None where nobody wants it. Raises Interrupted
        at the third Ctrl-C, InternalError where the daemon dies.
        """
        self._output, self._wanted = output, wanted
        self._interrupts.heard()
        self._guarded(self._begin)
        while self._result is None:
            if self._late is not None and time.monotonic() >= self._late:
                raise self._timed_out()
            self._guarded(self._turn)
        if self._output is not None:
            self._output.end()
        while self._pending():
            self._turn()
        return self._result, bytes(self._retained)

    def _guarded(self, step: Callable[[], None]) -> None:
        """One step; a connection that is lost meanwhile is mended, where that can be."""
        try:
            step()
        except (Unreachable, TimedOut) as error:
            if self._again is None:
                if isinstance(error, TimedOut):
                    raise self._timed_out() from None
                message = f"the daemon of {self.name} died; the job's exit code is lost"
                raise InternalError(message, exit_code=ExitCode.UNKNOWN) from None
            self._mend(self._again)

    def _timed_out(self) -> TimedOut:
        return TimedOut(f"{self.name}: timed out; its daemon does not say how it ended")

    def _begin(self) -> None:
        """Asks the daemon to tell when the job has ended, and what it prints from where we are on."""
        words: dict[str, Any] = {} if self._position is None else {"from": self._position}
        follow = self._output is not None
        asked = wire.asking("wait", _WAIT, exit=True, output=self._wanted, follow=follow, **words)
        if self._ending:
            self._asked += 1
            asked += wire.asking("kill", self._asked, lasts=True)
        self._connection.send(wire.greeting("request") + asked)
        self._connection.expect_welcome(self._late if self._again is None else time.monotonic() + keepalive.LOST_AFTER)
        self._keepalive = keepalive.Keepalive(enabled=self._again is not None)
        self._called(str(self._connection.welcome.get("name") or self.name))
        if self._forwarder is not None:
            self._forwarder.send(self._connection)
        self._frames(self._connection.leftovers())

    def _mend(self, again: Again) -> None:
        """Gets a new connection to the same session, or how it ended meanwhile."""
        self._session_id = number = str(self._connection.welcome.get("id") or self._session_id)
        self._interrupts.away = self._unheard
        try:
            connection, result, output = again(self._connection, number, self._position or 0, self._keepalive.heard_at)
        finally:
            self._interrupts.away = None
        self._retained.clear()
        if connection is not None:
            self._connection = connection
            self._guarded(self._begin)
        elif result is not None:
            self._result = result  # type: ignore[assignment]  # which the gate has checked
            self._retained += output
            if self._output is not None:
                missed = int(result.get("position") or 0) - (self._position or 0)
                if missed > len(output):
                    self._caller.note(f"{missed - len(output)} bytes that {self.name} wrote meanwhile were not kept")
                self._output.take(output[max(0, len(output) - missed) :])

    def _turn(self) -> None:
        """Waits for whatever comes first: a signal, room for output, or else frames."""
        poll = select.poll()
        poll.register(self._interrupts.inbound, select.POLLIN)
        sink = self._pending()
        if sink is not None:
            poll.register(sink.descriptor, select.POLLOUT)
        else:
            poll.register(self._connection.inbound, select.POLLIN)
            if self._output is not None:
                poll.register(self._output.descriptor, 0)
            if self._forwarder is not None and self._forwarder.hungry and self._result is None:
                poll.register(0, select.POLLIN)
        due = [] if self._again is None else [self._keepalive.due]
        due = [] if sink is not None else due if self._late is None else [*due, self._late]
        left = min(due) - time.monotonic() if due else None
        ready = poll.poll(None if left is None else min(max(0.0, left) * 1000, wire.LONGEST_POLL))
        if not ready:
            self._silent()
        if sink is None and self._output is not None:
            wire.heard_out(ready, self._output.descriptor)
        for descriptor, _ in ready:
            if descriptor == self._interrupts.inbound:
                self._signals(self._interrupts.taken())
            elif sink is not None:
                sink.write()
            elif descriptor == 0 and self._forwarder is not None:
                self._forwarder.read(self._connection)
            else:
                self._frames([self._connection.receive(), *self._connection.leftovers()])
                self._keepalive.heard()

    def _pending(self) -> Sink | None:
        """The sink, where it has something to write."""
        return self._output if self._output is not None and self._output.pending else None

    def _silent(self) -> None:
        """Nothing was heard for a while: whether the other side is still there. Raises Unreachable."""
        now = time.monotonic()
        if self._again is None or now < self._keepalive.due:
            return
        if not self._keepalive.check(now):
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
                self._output.take(data)
            elif kind == protocol.DATA:
                gate.carry(self._retained, payload)
            elif kind == protocol.RESPONSE:
                response: Answer = self._connection.message(kind, payload)
                if response.get("id") == _FEED and self._forwarder is not None:
                    self._forwarder.answered(response)
                elif response.get("id") != _WAIT:
                    self._retained.clear()
                elif "error" in response:
                    raise rebuild(response["error"])
                elif response.get("exit_code") is None:
                    raise gate.malformed("RESPONSE", ".exit_code is missing")
                else:
                    self._result = response  # type: ignore[assignment]  # which the gate has checked

    def _signals(self, numbers: bytes) -> None:
        for number in numbers:
            if self._interrupts.tie:
                self._send("kill")
            elif number == signal.SIGINT:
                self._interrupts.pressed(time.monotonic())
                self._send("interrupt")

    def _unheard(self, _number: int) -> None:
        """A signal while a link is mended: nothing can be said to the job, Ctrl-C stops the waiting.

        With `--tie` the job is ended as soon as the link stands again, unless it comes once more.
        """
        if not self._interrupts.tie or self._ending:
            raise Interrupted(self._interrupts.left)
        self._ending = True

    def _send(self, verb: str) -> None:
        """Asks something while the wait is pending; a daemon that is ending or stuck does not end the wait."""
        self._asked += 1
        try:
            self._connection.send(wire.asking(verb, self._asked, lasts=True), time.monotonic() + 1)
        except (TimedOut, Unreachable):
            return


def run(
    target: Target,
    data: JobSpec,
    interrupts: Interrupts,
    *,
    sink: Sink | None = None,
    wanted: bool = True,
    stdin: bool = False,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[str, JobResult, bytes]:
    """Begins a job and waits for its end: its name, the daemon's account of it, the retained output where `wanted`.

    `data`: what `enter.job` takes. `stdin`: whether it is fed from ours. `sleep`: waits between two
    attempts to come back over a lost link.

    What keeps it from running is 125, save what has a code of its own. Where it has begun and nobody hears how it ends,
    that is 255.
    """
    limit = data.get("timeout")
    deadline = None if limit is None else time.monotonic() + limit
    forwarder, begun = None, False
    if stdin:
        forwarder = StdinForwarder(mends=target.host is not None)
    try:
        with interrupts:
            name, connection, session_id, route = _begin(target, data, interrupts, sleep, deadline, stdin=stdin)
            begun = True
            waiter = Waiter(
                connection,
                name,
                interrupts,
                target.caller,
                session_id=session_id,
                again=route.rejoin if route is not None else None,
                forwarder=forwarder,
                deadline=deadline,
            )
            try:
                with waiter:
                    result, output = waiter.result(sink, wanted=wanted)
            finally:
                if route is not None:
                    route.close()
            return waiter.name, result, output
    except Ended as ended:  # before anybody could wait for it
        if sink is not None:
            sink.take(ended.output)
            sink.end()
        return ended.message, _account(ended), ended.output
    except SeshError as error:
        if error.exit_code == ExitCode.FAILED:
            error.exit_code = ExitCode.UNKNOWN if begun else ExitCode.SESH_FAILED
        raise


def _account(ended: Ended) -> JobResult:
    """How a job ended that is gone."""
    return ended.result


def _begin(
    target: Target,
    data: JobSpec,
    interrupts: Interrupts,
    sleep: Callable[[float], None],
    deadline: float | None,
    *,
    stdin: bool,
) -> tuple[str, wire.Connection, str, RemoteRoute | None]:
    """A job begun: its name, a connection to its daemon, its session's id, and the route to it on another host."""
    from sesh.reach.target import HostTarget

    if not isinstance(target, HostTarget):
        return *target.enter(enter.job, **data, stdin=stdin), "", None
    from sesh.reach import links

    target.sync()
    words = {**data, "stdin": stdin}
    through = target.open(deadline)
    name, through = links.begin(target.caller, through, enter.job.wire_name, words, interrupts, deadline)
    route = links.RemoteRoute(target.caller, target.destination, name, through, sleep)
    route.deadline = None if deadline is None else deadline + _GRACE
    return name, through, through.session_id, route


@op("jobs.result")
def result(_caller: Caller, name: str) -> JobOutput:
    """How the last job of a name ended: the daemon's account of it, `output` what its terminal got. Raises NotFound."""
    kept = results.newest(name)
    if kept is None or not kept.get("job"):
        raise NotFound(f"there is no job {name}, and no result of one", hint="`$sesh` lists the sessions")
    return {**kept, "output": results.output(kept)}


STDIN = 0
NUMBER = 1 << 20
"""The number of the requests; only one is open at a time."""
_CHUNK = 64 << 10


class StdinForwarder:
    """`mends`: whether a lost connection may be made again; the chunk that was on its way is then sent again."""

    def __init__(self, *, mends: bool) -> None:
        self._mends = mends
        self._at = 0
        self._chunk: bytes | None = b""
        """The bytes on their way: none at first, which says who it is that feeds."""
        self._ends = self._over = False

    @property
    def hungry(self) -> bool:
        """Whether stdin is to be read."""
        return self._chunk is None and not self._over

    def read(self, connection: wire.Connection) -> None:
        """Reads what is there and sends it; at the end of stdin, its end."""
        try:
            self._chunk = os.read(STDIN, _CHUNK)
        except BlockingIOError:
            return
        except OSError:
            self._chunk = b""  # it is closed, or a terminal that is gone
        self._ends = not self._chunk
        self.send(connection)

    def send(self, connection: wire.Connection) -> None:
        """Sends the chunk that has not been answered, where there is one."""
        if self._chunk is not None:
            words: Words = {"at": self._at, "ends": self._ends, "mends": self._mends}
            try:
                connection.send(wire.asking("feed", NUMBER, self._chunk, **words))
            except Unreachable:
                return  # the job may have ended: what was said before the connection closed is still to be read

    def answered(self, answer: Answer) -> None:
        """The job has the chunk, or will have no more."""
        self._over = self._ends or answer.get("open") is not True
        self._at += len(self._chunk or b"")
        self._chunk = None
