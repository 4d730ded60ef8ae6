"""Jobs: begun here or on a host and waited for; output is passed on, Ctrl-C is sent, lost links are opened again.

The daemon answers at the end of the job. If the process that waits is killed, the job goes on. With `--stdin`, the
stdin of sesh goes to the job as fast as the job reads it.
"""

from __future__ import annotations

import os
import select
import signal
import time
from contextlib import suppress
from typing import Protocol

from sesh import errors, files, machine, paths, protocol, wire
from sesh.about import SESH
from sesh.errors import ExitCode, NotFound, Refused, SeshError
from sesh.messages import Answer, Words
from sesh.names import subject
from sesh.ops import enter
from sesh.outcomes import JobOutput
from sesh.reach.caller import Caller
from sesh.reach.cancelling import Interrupts
from sesh.reach.op import op
from sesh.reach.stream import LATE, READY, Stream, Watched
from sesh.reach.target import Target
from sesh.schema import JobResult, JobSpec, Name
from sesh.store import results

COLLECTED = 32 << 20  # bytes of a job's output that are collected for its result
_WAIT, _SIGNAL, _FEED, _QUESTION = 1, 2, 3, 4
"""The numbers of requests: the wait, Ctrl-C or the end of the job, chunks of stdin, one at a time, and its question."""
STDIN = 0
_CHUNK = 64 << 10
_GRACE = 2.5
"""Seconds by which a daemon may be late to say that a job's time was up; ending the job takes up to two."""


class Sink(Protocol):
    """The receiver of a job's output while it runs: `descriptor` is polled for room while `pending` is set."""

    descriptor: int
    pending: bytes

    def take(self, data: bytes) -> None: ...

    def end(self) -> None: ...

    def write(self) -> None:
        """Write some of the pending output; called when there is room."""

    def leave_line(self) -> None:
        """Leave a line that has begun on a terminal, for a note; called when nothing is pending."""


class _Waiter:
    """The wait for a job over its daemon's stream; Ctrl-C meanwhile goes to the job.

    Past the stream's deadline the daemon is stuck, as the job's time has been up for a while. `interrupts`: the
    signals, noted since before the job was asked for. `output`: gets the output as it comes. `collects`: the output, or
    its end, is part of the result. `tells`: a question of the job is reported, as it does not get what is typed here.
    """

    def __init__(
        self,
        stream: Stream,
        interrupts: Interrupts,
        caller: Caller,
        forwarder: _StdinForwarder | None,
        output: Sink | None,
        *,
        collects: bool,
        tells: bool,
    ) -> None:
        self._stream, self._interrupts, self._caller, self._forwarder = stream, interrupts, caller, forwarder
        self._output, self._collected, self._tells = output, bytearray() if collects else None, tells
        self._ending = False  # true if the job is to be killed: later connections ask for it again
        self._unanswered: list[str] = []
        """The keys of each Ctrl-C that the daemon has not answered: another link sends it again, and it counts once."""
        self._set_message()

    def _set_message(self) -> None:
        name = self._stream.name
        ways = f"watch it: {SESH} {name}; end it: {SESH} --kill {name}"
        output = f"its output, for a week after its end: {SESH} --logs {name}"
        self._interrupts.message = f"{subject(name)} goes on; {ways}; {output}"

    def result(self) -> tuple[JobResult, bytes]:
        """Wait for the job's end; return the daemon's account of it, and the collected output.

        Raises Interrupted at the third Ctrl-C, InternalError if the daemon dies, TimedOut.
        """
        output = self._output
        self._stream.position = 0
        if output is not None and not (self._interrupts.terminal >= 0 and os.isatty(output.descriptor)):
            self._stream.audience = output.descriptor
        self._interrupts.heard()
        self._interrupts.handler = self._while_lost
        try:
            facts = self._awaited()
        except errors.Ended as ended:
            facts = ended.result
            self._take(self._stream.rest(ended)[1])
        except errors.DaemonDied:
            on_host = f" on @{self._stream.host}" if self._stream.host else ""
            message = f"the daemon of {self._stream.name}{on_host} died; the job's exit code is lost"
            raise errors.InternalError(message, exit_code=ExitCode.UNKNOWN) from None
        if output is not None:
            output.end()
            while output.pending:
                for descriptor in machine.polled(self._watched()[0], None):
                    self._serve(descriptor)
            if self._stream.skipped:
                self._caller.note(f"{self._stream.skipped} bytes that {self._stream.name} wrote were not kept")
        if self._collected is None:
            return facts, b""
        return {**facts, "truncated": self._stream.position > len(self._collected)}, bytes(self._collected)

    def _awaited(self) -> JobResult:
        for kind, number, data in self._stream.frames(self._ask, others=self._watched, until=self._stream.deadline):
            if kind == LATE:
                raise self._timed_out()
            if kind == READY:
                self._serve(number)
            elif kind == protocol.OUTPUT:
                self._take(data)
            elif kind == protocol.RESPONSE and (result := self._answered(data)) is not None:
                return result
        raise AssertionError  # frames come without end

    def _timed_out(self) -> errors.TimedOut:
        name, host = self._stream.name, self._stream.host
        silent = f"@{host}" if host else "its daemon"
        message = f"{subject(name)} timed out, but {silent} does not answer, so the job may still run"
        return errors.TimedOut(message, hint=f"end it: {SESH} --kill {name}")

    def _ask(self) -> None:
        """Ask for the job's end, and for the output after the last byte that came."""
        connection, position = self._stream.connection, self._stream.position
        words: Words = {"exit": True, "follow": self._output is not None or self._collected is not None}
        if position:
            words["from"] = position
        asked = _end() if self._ending else b"".join(map(_interrupt, self._unanswered))
        if self._tells:
            asked += wire.asking("wait", _QUESTION, waiting=True)
        connection.send(wire.greeting("request") + wire.asking("wait", _WAIT, **words) + asked)
        try:
            connection.expect_welcome(self._stream.deadline)
        except errors.TimedOut as error:
            raise error if error.answered else self._timed_out() from None
        self._stream.name = str(connection.welcome.get("name") or self._stream.name)
        self._set_message()
        if self._forwarder is not None:
            self._forwarder.send(connection)

    def _take(self, data: bytes) -> None:
        if self._output is not None:
            self._output.take(data)
        if self._collected is not None:
            self._collected += data
            del self._collected[:-COLLECTED]

    def _watched(self) -> Watched:
        """Signals and stdin. While output is pending: signals and room for it, and the daemon is not read."""
        watched = [(self._interrupts.inbound, select.POLLIN)]
        if self._interrupts.terminal >= 0:
            watched.append((self._interrupts.terminal, 0))
        if self._output is not None and self._output.pending:
            return [*watched, (self._output.descriptor, select.POLLOUT)], False
        if self._forwarder is not None and self._forwarder.hungry:
            watched.append((STDIN, select.POLLIN))
        return watched, True

    def _serve(self, descriptor: int) -> None:
        if descriptor == self._interrupts.inbound:
            self._pass_on(self._interrupts.taken())
        elif descriptor == self._interrupts.terminal:
            self._pass_on(self._interrupts.hung_up())
        elif descriptor == STDIN and self._forwarder is not None:
            self._forwarder.read(self._stream.connection)
        elif self._output is not None:
            self._output.write()

    def _answered(self, data: bytes) -> JobResult | None:
        """Return the job's end if the answer has it."""
        response: Answer = self._stream.connection.message(protocol.RESPONSE, data)
        if response.get("id") == _FEED and self._forwarder is not None:
            self._forwarder.answered(response)
        elif response.get("id") == _SIGNAL:
            del self._unanswered[:1]  # answers come in order
        elif response.get("id") == _QUESTION and response.get("met") == "waiting":
            self._tells = False
            if self._output is not None:
                self._output.leave_line()
            question, feeding = str(response.get("question") or ""), "to feed it this input, use --stdin"
            self._caller.tell_question(self._stream.name, question, feeding, passing=self._output is None)
        elif response.get("id") == _WAIT:
            if wire.checked(response).get("exit_code") is None:
                raise errors.malformed("RESPONSE", ".exit_code is missing")
            return response  # type: ignore[return-value]  # which `wire` has checked
        return None

    def _pass_on(self, signals: bytes) -> None:
        for number in signals:
            if self._interrupts.tie:
                self._ending = True
                self._send(_end())
            elif number == signal.SIGINT:
                self._interrupts.pressed(time.monotonic())
                self._unanswered.append(os.urandom(8).hex() if self._stream.host is not None else "")
                self._send(_interrupt(self._unanswered[-1]))

    def _while_lost(self, _number: int) -> None:
        """Handle a signal while there is no link: Ctrl-C stops the waiting, as the job cannot get it.

        With `--tie` the first one ends the job as soon as there is a link again, and the second one stops the waiting.
        """
        if not self._stream.reconnecting:
            return
        if not self._interrupts.tie or self._ending:
            raise errors.Interrupted(self._interrupts.message)
        self._ending = True
        name, host = self._stream.name, self._stream.host
        self._caller.note(f"{name} ends once the link to @{host} is back; Ctrl-C stops waiting for that")

    def _send(self, asked: bytes) -> None:
        """Ask something while the wait is pending; a daemon that is ending or stuck does not end the wait."""
        with suppress(errors.TimedOut, errors.Unreachable):
            self._stream.connection.send(asked, time.monotonic() + 1)


def _interrupt(key: str) -> bytes:
    return wire.asking("interrupt", _SIGNAL, key=key)


def _end() -> bytes:
    return wire.asking("kill", _SIGNAL)


def run(
    target: Target,
    data: JobSpec,
    interrupts: Interrupts,
    *,
    sink: Sink | None = None,
    wanted: bool = True,
    stdin: bool = False,
) -> tuple[str, JobResult, bytes]:
    """Begin a job and wait for its end; return its name, the daemon's account, its output if `wanted`, or its end.

    `data`: the arguments of `enter.job`. `stdin`: whether it is fed from ours. Errors that keep the job from running
    exit with 125, unless they have a code of their own; if it has begun and its end is unknown, with 255.
    """
    limit = data.get("timeout")
    deadline = None if limit is None else time.monotonic() + limit
    late = None if deadline is None else deadline + _GRACE
    forwarder = _StdinForwarder(mends=target.host is not None) if stdin else None
    begun = False
    try:
        with interrupts.at_first():
            target.sync()
        with target.begin(enter.job, interrupts, deadline, **data, stdin=stdin) as stream:
            begun, stream.deadline = True, late
            tells = not stdin and target.caller.hears_questions
            waiter = _Waiter(stream, interrupts, target.caller, forwarder, sink, collects=wanted, tells=tells)
            if sink is None:
                target.caller.status(f"{subject(stream.name)} runs; watch it: {SESH} {stream.name}")
            try:
                result, output = waiter.result()
            finally:
                target.caller.status("")
            if not data.get("keep"):
                target.note_ended(stream.name)
            return stream.name, result, output
    except errors.Ended as ended:  # before anybody could wait for it
        if sink is not None:
            sink.take(ended.output)
            sink.end()
        return ended.message, ended.result, ended.output
    except SeshError as error:
        if error.exit_code == ExitCode.FAILED:
            error.exit_code = ExitCode.UNKNOWN if begun else ExitCode.SESH_FAILED
        raise


@op(reads=True)
def result(_caller: Caller, name: str) -> JobOutput:
    """Return the daemon's account of the last job of a name, with its terminal's `output`. Raises NotFound."""
    last = results.of_job(name)
    if last is None:
        raise NotFound(f"there is no job {name}, and no result of one", hint=f"`{SESH}` lists the sessions")
    return {**last, "output": results.output(last)}


@op(reads=True)
def ended(_caller: Caller, labels: dict[str, str]) -> list[Name]:
    """Return the names of jobs that are gone and had all of these labels, unless a session has the name."""
    names = {*paths.names()}
    return [name for name in results.labelled(labels) if name not in names]


class _StdinForwarder:
    """Our stdin on its way to a job, one chunk at a time.

    `mends`: a lost connection may be made again, and the chunk that has not been answered is sent again.
    """

    def __init__(self, *, mends: bool) -> None:
        self._mends = mends
        self._sent = 0
        self._chunk: bytes | None = b""
        """The bytes on their way, if any; empty ones come first, to tell the daemon which connection feeds."""
        self._ends = self._over = False

    @property
    def hungry(self) -> bool:
        """True if stdin is to be read."""
        return self._chunk is None and not self._over

    def read(self, connection: wire.Connection) -> None:
        """Read a chunk and send it; at the end of stdin, its end."""
        try:
            self._chunk = files.stdin_block(_CHUNK)
        except Refused:
            self._chunk = b""  # the job sees the end of its input
        self._ends = self._chunk == b""
        self.send(connection)

    def send(self, connection: wire.Connection) -> None:
        """Send the chunk that has not been answered, if there is one."""
        if self._chunk is None:
            return
        words: Words = {"at": self._sent, "ends": self._ends, "mends": self._mends}
        with suppress(errors.Unreachable):  # the job may have ended: its answer is still to be read
            connection.send(wire.asking("feed", _FEED, self._chunk, **words))

    def answered(self, answer: Answer) -> None:
        """Note that the job has the chunk, or will have no more."""
        self._over = self._ends or answer.get("open") is not True
        self._sent += len(self._chunk or b"")
        self._chunk = None
