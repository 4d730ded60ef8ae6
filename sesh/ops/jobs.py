"""Run a job to its end; relay output, stdin and Ctrl-C; reconnect a lost link.

The daemon responds when the job ends. If the waiting process is killed, the job keeps running.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable
from enum import Enum
from functools import partial

from sesh import errors
from sesh.about import SESH
from sesh.errors import Fate, NotFound, Refused
from sesh.names import subject
from sesh.ops import enter
from sesh.reach.caller import Caller
from sesh.reach.cancelling import Interrupts
from sesh.reach.exchange import Exchange, Repeat
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
from sesh.wire.connection import Connection
from sesh.wire.messages import FEED, INTERRUPT, KILL, WAIT, RequestKeys

COLLECTED = 32 << 20  # bytes; if the output is longer, the result has only its end
_CHUNK = 64 << 10


class _Watched:
    """A job whose end is waited for: its exchanges, and its output.

    A Ctrl-C meanwhile goes to the job. `interrupts`: signals, recorded since before the job began. `live`: receives
    output as it comes. `most`: bytes to collect of the end of the output.
    """

    def __init__(
        self,
        stream: Stream,
        interrupts: Interrupts,
        caller: Caller,
        live: Callable[[bytes], object] | None,
        *,
        most: int,
    ) -> None:
        self._stream = stream
        self._interrupts = interrupts
        self._caller = caller
        self._live = live
        self._most = most
        self._collected = bytearray()
        self._ending = False  # the job is to be killed
        self._named = ""

    def await_result(self, forwarder: _StdinForwarder | None, *, tells: bool) -> tuple[JobResult, bytes]:
        """Wait for the job's end; return its result and the collected output.

        `tells`: tell the person when the job asks a question, because it does not read this terminal. Raises
        Interrupted at the third Ctrl-C, SeshError if the daemon dies, TimedOut.
        """
        self._stream.output.position = 0
        audience = self._caller.audience
        if self._live is not None and not (self._interrupts.tie and os.isatty(audience)):  # SIGHUP must come first
            self._stream.audience = audience
        try:
            facts = self._wait(forwarder, tells=tells)
        except outcomes.Ended as ended:
            facts = ended.result
            self._collect(self._stream.output.count_stored(ended).payload)
        except errors.DaemonDied:
            on_host = f" on @{self._stream.host}" if self._stream.host else ""
            message = f"the daemon of {self._stream.name}{on_host} died; the job's exit code is lost"
            raise errors.SeshError(message, fate=Fate.UNKNOWN) from None
        except errors.TimedOut as error:
            raise error if error.in_response else self._timed_out() from None
        if self._live is None:
            return {**facts, "truncated": self._stream.output.position > len(self._collected)}, bytes(self._collected)
        if missed := self._stream.output.missed:
            self._caller.note(f"{missed} bytes that {self._stream.name} wrote were not kept")
        return {**facts, "truncated": missed > 0}, bytes(self._collected)

    def _wait(self, forwarder: _StdinForwarder | None, *, tells: bool) -> JobResult:
        stream = self._stream
        stream.waits_for_daemon = True
        end = stream.submit(Exchange(WAIT, self._end_keys))
        question = stream.submit(Exchange(WAIT, {"waiting": True})) if tells else None
        if forwarder is not None:
            forwarder.begin(stream)
        others = partial(self._descriptors, forwarder)
        self._name_ways()
        for kind, _, payload, exchange in stream.arrivals(others=others, until=stream.deadline):
            self._name_ways()
            if kind == protocol.OUTPUT:
                self._collect(payload)
            elif exchange is end:
                facts = end.response(stream.connection, payload)
                if "met" in facts or facts["exit_code"] is None:
                    raise errors.malformed("RESPONSE", ".exit_code is missing")
                return facts  # type: ignore[return-value]  # the other keys of a JobResult are optional
            elif exchange is not None and exchange is question:
                response = question.response(stream.connection, payload)
                if "met" in response:
                    self._caller.tell_question(stream.name, response.get("question", ""), stream.host)
            elif forwarder is not None and exchange is forwarder.chunk:
                forwarder.chunk_taken(stream.connection, payload)
        raise AssertionError("arrivals have no end")

    def _end_keys(self) -> RequestKeys:
        keys: RequestKeys = {"follow": self._live is not None or self._most > 0}
        if self._stream.output.position:
            keys["from"] = self._stream.output.position
        return keys

    def _name_ways(self) -> None:
        """Say in the message for a wait that is stopped how to go on with the job, by the name it has now."""
        name = self._stream.name
        if name != self._named:
            self._named = name
            ways = f"watch it: {SESH} {name}; end it: {SESH} kill {name}"
            output = f"its output, for a week after its end: {SESH} logs {name}"
            self._interrupts.message = f"{subject(name)} goes on; {ways}; {output}"

    def _timed_out(self) -> errors.TimedOut:
        name, host = self._stream.name, self._stream.host
        silent = f"@{host}" if host else "its daemon"
        message = f"{subject(name)} timed out, but {silent} does not answer, so the job may still run"
        return errors.TimedOut(message, hint=f"end it: {SESH} kill {name}")

    def _collect(self, data: bytes) -> None:
        if self._live is not None:
            self._live(data)
        self._collected += data
        del self._collected[: max(0, len(self._collected) - self._most)]

    def _descriptors(self, forwarder: _StdinForwarder | None) -> Others:
        interrupts, stream = self._interrupts, self._stream
        watched: Others = [(interrupts.inbound, select.POLLIN, lambda: self._forward(interrupts.read()))]
        if forwarder is not None and forwarder.hungry and not stream.lost:
            watched.append((forwarder.descriptor, select.POLLIN, lambda: forwarder.read(stream)))
        return watched

    def _forward(self, signals: bytes) -> None:
        """Pass signals on; Ctrl-C while the link is lost stops the wait instead.

        With `--tie` the first signal ends the job, once the link is back, and then the second one stops the wait.
        """
        stream = self._stream
        for number in signals:
            if stream.lost and (self._ending or not self._interrupts.tie):
                raise errors.Interrupted(self._interrupts.message)
            if stream.lost:
                name, host = stream.name, stream.host
                self._caller.note(f"{name} ends once the link to @{host} is back; Ctrl-C stops waiting for that")
            if self._interrupts.tie:
                if not self._ending:
                    stream.submit(Exchange(KILL))
                self._ending = True
            elif number == signal.SIGINT:
                stream.submit(Exchange(INTERRUPT, repeat=Repeat.WITH_KEY))


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
    of a long output. `stdin`: the descriptor of the input for the job. The fate of an error says whether the job has
    begun.
    """
    limit = data.get("timeout")
    forwarder = _StdinForwarder(stdin, mends=target.host is not None) if stdin is not None else None
    try:
        with errors.fated(Fate.NOT_BEGUN):
            target = target.until(_after(limit))
            target.interrupts = interrupts
            name, connection, _ = target.connect_by(enter.job, None, **data, stdin=stdin is not None)
    except outcomes.Ended as ended:  # the job ended before the wait began
        if live is not None:
            live(ended.output)
        return ended.name, ended.result, ended.output
    with errors.fated(Fate.GOES_ON, to_look(name)), connection, Stream(target, connection, name) as stream:
        # The daemon counts the limit from the job's start.
        stream.deadline = None if limit is None else _after(limit + protocol.ENDING_TIMEOUT)
        tells = stdin is None and target.caller.hears_questions
        most = COLLECTED if wanted else 0
        job = _Watched(stream, interrupts, target.caller, live, most=most)
        result, output = job.await_result(forwarder, tells=tells)
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
    SEND_CHUNK = "a chunk is sent, and the job has not taken it"
    SEND_END = "the end of stdin is sent, and the job has not taken it"
    READ = "the job takes another chunk"
    NOTHING = "the job takes no more"


class _StdinForwarder:
    """Forwards stdin to a job, one chunk at a time."""

    def __init__(self, descriptor: int, *, mends: bool) -> None:
        self.descriptor = descriptor
        self._mends = mends  # after a lost link the daemon drops what it has already
        self._taken = 0  # bytes that the job has taken
        self._feeding = _Feeding.SEND_CHUNK
        # The first chunk is empty: it tells the daemon which connection feeds the job.
        self.chunk = Exchange(FEED, self._keys)

    @property
    def hungry(self) -> bool:
        return self._feeding is _Feeding.READ

    def begin(self, stream: Stream) -> None:
        """Send the first chunk."""
        stream.submit(self.chunk)

    def read(self, stream: Stream) -> None:
        """Read a chunk of stdin, and send it."""
        try:
            chunk = descriptors.stdin_block(_CHUNK, self.descriptor)
        except Refused:
            chunk = b""  # the job sees the end of its input
        if chunk is None:
            return  # nothing to read after all
        self._feeding = _Feeding.SEND_CHUNK if chunk else _Feeding.SEND_END
        self.chunk = stream.submit(Exchange(FEED, self._keys, chunk))

    def _keys(self) -> RequestKeys:
        return {"at": self._taken, "ends": self._feeding is _Feeding.SEND_END, "mends": self._mends}

    def chunk_taken(self, connection: Connection, payload: bytes) -> None:
        """Handle the response to the last chunk."""
        takes_more = self.chunk.response(connection, payload)
        ends = self._feeding is _Feeding.SEND_END or not takes_more
        self._feeding = _Feeding.NOTHING if ends else _Feeding.READ
        self._taken += len(self.chunk.data)
