"""Run a job to its end; relay output, stdin and Ctrl-C; reconnect a lost link.

The daemon responds when the job ends. If the waiting process is killed, the job keeps running.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from enum import Enum

from sesh import errors
from sesh.about import SESH
from sesh.errors import ExitCode, NotFound, Refused
from sesh.names import subject
from sesh.ops import enter
from sesh.reach.caller import Caller
from sesh.reach.cancelling import Interrupts, PassedOn
from sesh.reach.op import op
from sesh.reach.stream import Others, Stream
from sesh.reach.target import Target
from sesh.remote import known
from sesh.schema import outcomes
from sesh.schema.facts import JobResult, JobSpec, Name
from sesh.schema.outcomes import JobOutput
from sesh.store import records, results
from sesh.system import descriptors
from sesh.wire import protocol
from sesh.wire.connection import Connection, hello_frame, request_frames
from sesh.wire.messages import FEED, INTERRUPT, KILL, WAIT, RequestKeys

COLLECTED = 32 << 20  # bytes; if the output is longer, the result has only its end
_WAIT, _SIGNAL, _FEED, _QUESTION = 1, 2, 3, 4  # numbers of all requests; _SIGNAL is Ctrl-C or kill, _FEED of stdin
_END = request_frames(KILL, _SIGNAL)
_CHUNK = 64 << 10


class _Waiter:
    """The wait for a job's end over the stream to its daemon.

    A Ctrl-C meanwhile goes to the job. A daemon is stuck if it misses the stream's deadline, which lies after the job's
    timeout. `interrupts`: signals, recorded since before the job began. `live`: receives output as it comes. `most`:
    bytes to collect of the end of the output. `tells`: tell the person when the job asks a question, because it does
    not read this terminal.
    """

    def __init__(
        self,
        stream: Stream,
        interrupts: Interrupts,
        caller: Caller,
        forwarder: _StdinForwarder | None,
        live: Callable[[bytes], object] | None,
        *,
        most: int,
        tells: bool,
    ) -> None:
        self._stream = stream
        self._interrupts = interrupts
        self._caller = caller
        self._forwarder = forwarder
        self._live = live
        self._tells = tells
        self._most = most
        self._collected = bytearray()
        self._ending = False  # the job is to be killed: each new connection repeats the request
        self._passed_on = PassedOn(INTERRUPT, _SIGNAL)
        self._set_message()

    def _set_message(self) -> None:
        name = self._stream.name
        ways = f"watch it: {SESH} {name}; end it: {SESH} kill {name}"
        output = f"its output, for a week after its end: {SESH} logs {name}"
        self._interrupts.message = f"{subject(name)} goes on; {ways}; {output}"

    def await_result(self) -> tuple[JobResult, bytes]:
        """Wait for the job's end; return its result and the collected output.

        Raises Interrupted at the third Ctrl-C, SeshError if the daemon dies, TimedOut.
        """
        self._stream.output.position = 0
        audience = self._caller.audience
        if self._live is not None and not (self._interrupts.tie and os.isatty(audience)):  # SIGHUP must come first
            self._stream.audience = audience
        try:
            facts = self._wait()
        except outcomes.Ended as ended:
            facts = ended.result
            self._collect(self._stream.output.count_stored(ended).payload)
        except errors.DaemonDied:
            on_host = f" on @{self._stream.host}" if self._stream.host else ""
            message = f"the daemon of {self._stream.name}{on_host} died; the job's exit code is lost"
            raise errors.SeshError(message, exit_code=ExitCode.UNKNOWN) from None
        except errors.TimedOut as error:
            raise error if error.in_response else self._timed_out() from None
        if self._live is None:
            return {**facts, "truncated": self._stream.output.position > len(self._collected)}, bytes(self._collected)
        if missed := self._stream.output.missed:
            self._caller.note(f"{missed} bytes that {self._stream.name} wrote were not kept")
        return {**facts, "truncated": missed > 0}, bytes(self._collected)

    def _wait(self) -> JobResult:
        until = self._stream.deadline
        arrivals = self._stream.arrivals(self._send_requests, others=self._descriptors, until=until)
        while True:
            kind, number, payload = next(arrivals)
            if kind == protocol.OUTPUT:
                self._collect(payload)
            elif kind == protocol.RESPONSE and (result := self._handle_response(number, payload)) is not None:
                return result

    def _timed_out(self) -> errors.TimedOut:
        name, host = self._stream.name, self._stream.host
        silent = f"@{host}" if host else "its daemon"
        message = f"{subject(name)} timed out, but {silent} does not answer, so the job may still run"
        return errors.TimedOut(message, hint=f"end it: {SESH} kill {name}")

    def _send_requests(self) -> None:
        connection, position = self._stream.connection, self._stream.output.position
        keys: RequestKeys = {"follow": self._live is not None or self._most > 0}
        if position:
            keys["from"] = position
        requests = _END if self._ending else self._passed_on.frames()
        if self._tells:
            requests += request_frames(WAIT, _QUESTION, waiting=True)
        connection.send(hello_frame("request") + request_frames(WAIT, _WAIT, **keys) + requests)
        connection.expect_welcome(self._stream.deadline)
        self._stream.name = str(connection.welcome.get("name") or self._stream.name)
        self._set_message()
        if self._forwarder is not None:
            self._forwarder.send(connection)

    def _collect(self, data: bytes) -> None:
        if self._live is not None:
            self._live(data)
        self._collected += data
        del self._collected[: max(0, len(self._collected) - self._most)]

    def _descriptors(self) -> Others:
        interrupts, forwarder, stream = self._interrupts, self._forwarder, self._stream
        watched: Others = [(interrupts.inbound, select.POLLIN, lambda: self._forward(interrupts.read()))]
        if forwarder is not None and forwarder.hungry and not stream.lost:
            watched.append((forwarder.descriptor, select.POLLIN, lambda: forwarder.read(stream.connection)))
        return watched

    def _handle_response(self, number: int, data: bytes) -> JobResult | None:
        connection = self._stream.connection
        if number == _FEED and self._forwarder is not None:
            self._forwarder.chunk_taken(connection.decode_response(FEED, data))
        elif number == _SIGNAL:
            self._passed_on.response_came()
        elif number == _QUESTION and "met" in (response := connection.decode_response(WAIT, data)):
            self._tells = False
            self._caller.tell_question(self._stream.name, response.get("question", ""), self._stream.host)
        elif number == _WAIT:
            end = connection.decode_response(WAIT, data)
            if "met" in end or end["exit_code"] is None:
                raise errors.malformed("RESPONSE", ".exit_code is missing")
            return end  # type: ignore[return-value]  # the other keys of a JobResult are optional
        return None

    def _forward(self, signals: bytes) -> None:
        """Pass signals on; Ctrl-C while the link is lost stops the wait instead.

        With `--tie` the first signal ends the job, once the link is back, and then the second one stops the wait.
        """
        name, host = self._stream.name, self._stream.host
        for number in signals:
            if self._stream.lost and (self._ending or not self._interrupts.tie):
                raise errors.Interrupted(self._interrupts.message)
            if self._stream.lost:
                self._ending = True
                self._caller.note(f"{name} ends once the link to @{host} is back; Ctrl-C stops waiting for that")
            elif self._interrupts.tie:
                self._ending = True
                with suppress(errors.TimedOut, errors.Unreachable):  # the next connection repeats it
                    self._stream.connection.send(_END, time.monotonic() + 1)
            elif number == signal.SIGINT:
                self._passed_on.send(self._stream.connection)


def run(
    target: Target,
    data: JobSpec,
    interrupts: Interrupts,
    *,
    live: Callable[[bytes], object] | None = None,
    wanted: bool = True,
    stdin: int | None = None,
) -> tuple[str, JobResult, bytes]:
    """Run a job to its end; return its name, its result, and its output.

    `data`: the arguments of `enter.job`. `live`: receives output as it comes. `wanted`: collect the output, or the end
    of a long output. `stdin`: the descriptor of the input for the job. An error without an exit code of its own gets
    125 if the job did not run, and 255 if the end of the job is unknown.
    """
    limit = data.get("timeout")
    forwarder = _StdinForwarder(stdin, mends=target.host is not None) if stdin is not None else None
    try:
        with errors.failing_with(ExitCode.SESH_FAILED):
            target = target.until(_after(limit))
            target.interrupts = interrupts
            name, connection, _ = target.connect_by(enter.job, None, **data, stdin=stdin is not None)
            stream = Stream(target, connection, name)
    except outcomes.Ended as ended:  # the job ended before the wait began
        if live is not None:
            live(ended.output)
        return ended.name, ended.result, ended.output
    with errors.failing_with(ExitCode.UNKNOWN, to_look(stream.name)), stream:
        # The daemon counts the limit from the job's start.
        stream.deadline = None if limit is None else _after(limit + protocol.ENDING_TIMEOUT)
        tells = stdin is None and target.caller.hears_questions
        most = COLLECTED if wanted else 0
        waiter = _Waiter(stream, interrupts, target.caller, forwarder, live, most=most, tells=tells)
        result, output = waiter.await_result()
    if target.host is not None and not data.get("keep"):
        known.cache_changes(target.host, gone=[stream.name])
    return stream.name, result, output


def _after(seconds: float | None) -> float | None:
    return None if seconds is None else time.monotonic() + seconds


def to_look(name: str) -> str:
    return f"its exit code: {SESH} wait {name} --exit"


@op(reads=True)
def result(_caller: Caller, name: str) -> JobOutput:
    """Return the result of the last job of this name, with its `output`. Raises NotFound."""
    last = results.newest(name, is_job=True)
    if last is None:
        raise NotFound(f"there is no job {name}, and no result of one", hint=f"`{SESH}` lists the sessions")
    return {**last, "output": results.output(last)}


@op(reads=True)
def ended(_caller: Caller, labels: dict[str, str]) -> list[Name]:
    """Return ended jobs with all of these labels, unless another session has the name."""
    jobs = results.labelled(labels)
    return [job["name"] for job in jobs if (records.readable(job["name"]) or job).get("id") == job.get("id")]


class _Feeding(Enum):
    SEND_CHUNK = "a chunk is sent, over each new connection, until the job has taken it"
    SEND_END = "the end of stdin is sent, over each new connection, until the job has taken it"
    READ = "the job takes another chunk"
    NOTHING = "the job takes no more"


class _StdinForwarder:
    """Forwards stdin to a job, one chunk at a time."""

    def __init__(self, descriptor: int, *, mends: bool) -> None:
        self.descriptor = descriptor
        self._mends = mends  # after a lost link the daemon drops what it has already
        self._taken = 0  # bytes that the job has taken
        self._chunk = b""  # the first one is empty: it tells the daemon which connection feeds the job
        self._feeding = _Feeding.SEND_CHUNK

    @property
    def hungry(self) -> bool:
        return self._feeding is _Feeding.READ

    def read(self, connection: Connection) -> None:
        try:
            chunk = descriptors.stdin_block(_CHUNK, self.descriptor)
        except Refused:
            chunk = b""  # the job sees the end of its input
        if chunk is None:
            return  # nothing to read after all
        self._chunk = chunk
        self._feeding = _Feeding.SEND_CHUNK if self._chunk else _Feeding.SEND_END
        self.send(connection)

    def send(self, connection: Connection) -> None:
        """Send the chunk or the end that the job has not taken yet."""
        if self._feeding in (_Feeding.READ, _Feeding.NOTHING):
            return
        keys: RequestKeys = {"at": self._taken, "ends": self._feeding is _Feeding.SEND_END, "mends": self._mends}
        with suppress(errors.Unreachable):  # the job may have ended, and its response waits to be read
            connection.send(request_frames(FEED, _FEED, self._chunk, **keys))

    def chunk_taken(self, takes_more: bool) -> None:
        ends = self._feeding is _Feeding.SEND_END or not takes_more
        self._feeding = _Feeding.NOTHING if ends else _Feeding.READ
        self._taken += len(self._chunk)
