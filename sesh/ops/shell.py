"""Run a command in a session's live shell; list earlier commands."""

from __future__ import annotations

import os
import re
import select
import time
from collections.abc import Callable, Mapping, Sequence

from sesh import errors
from sesh.about import SESH
from sesh.errors import ExitCode, Fate, NotFound, SeshError
from sesh.ops import dormant
from sesh.reach import find
from sesh.reach.caller import Caller
from sesh.reach.cancelling import Interrupts, PassedOn
from sesh.reach.op import op
from sesh.reach.stream import Others, Stream
from sesh.schema import codec, outcomes
from sesh.schema.facts import RunFacts
from sesh.schema.outcomes import Command, CommandOutput
from sesh.store import listing
from sesh.text import times
from sesh.vt import grammar
from sesh.wire import protocol
from sesh.wire.connection import request_frames
from sesh.wire.messages import HISTORY, RUN, RUN_INTERRUPT, WAIT, RequestKeys

_GRACE = 2.5  # seconds to wait after the timeout for the daemon's response, which has the output so far
_RUN, _INTERRUPT, _QUESTION = 1, 2, 3  # ids of requests
_FACTS = ("n", "command", "cwd", "started", "duration", "exit_code", "output_bytes")
_SEQUENCES = re.compile(f"{grammar.CSI}|{grammar.ESCAPE}".encode())


def without_sequences(output: bytes) -> bytes:
    """Return the output without escape sequences, but with all other control characters."""
    return _SEQUENCES.sub(b"", output)


def run(
    stream: Stream,
    words: Sequence[str],
    timeout: float | None = None,
    *,
    interrupts: Interrupts,
    wait: bool = True,
    live: OutputWriter | None = None,
    tell: Callable[[str], None] | None = None,
) -> tuple[RunFacts, bytes]:
    """Run a command in a session's shell; return its facts and its output.

    `words`: a single word is shell source, several words are quoted. `timeout`: seconds after which the call returns,
    while the command keeps running. `wait`: False to return once the command has begun. `live`: receives output as it
    arrives; only the rest is returned. `interrupts`: signals that interrupt the command. `tell`: receives the question
    if the command asks a person.

    After a lost link the command is sent again with the same key, so that the host runs it only once. If the command
    ended with its session during the outage, its facts have `output_lost`. Raises Busy. The fate of an error says
    whether the command may have run.
    """
    if stream.host is None and listing.in_front(stream.name):
        raise errors.Busy(f"{stream.name} runs this very command", hint="write it there without sesh run")
    command = _SentCommand(stream, words, timeout, interrupts, wait=wait, live=live, tell=tell)
    try:
        return command.await_end()
    except KeyboardInterrupt:
        command.interrupt()
        raise
    except outcomes.Ended as ended:
        return command.facts_from(ended), b""
    except BrokenPipeError:  # the reader of the output has left
        raise
    except Exception as error:
        if (told := command.explained(errors.own(error, Fate.NOT_BEGUN))) is error:
            raise
        raise told from error


def to_look(name: str) -> str:
    return f"its exit code: {SESH} history {name}"


class OutputWriter:
    """Writes live output of a command; without `ansi` it drops escape sequences."""

    def __init__(self, write: Callable[[bytes], None], *, ansi: bool) -> None:
        self._write = write
        self._ansi = ansi
        self._held = b""

    def write(self, data: bytes, *, last: bool = False) -> None:
        """Write output; without `ansi` only whole lines, because a sequence may be cut."""
        data = self._held + data
        end = len(data) if last or self._ansi else data.rfind(b"\n") + 1
        self._held = data[end:]
        self._write(data[:end] if self._ansi else without_sequences(data[:end]))


class _SentCommand:
    """One command, sent over each new connection; on a host its key prevents two runs."""

    def __init__(
        self,
        stream: Stream,
        words: Sequence[str],
        timeout: float | None,
        interrupts: Interrupts,
        *,
        wait: bool,
        live: OutputWriter | None,
        tell: Callable[[str], None] | None,
    ) -> None:
        self._stream = stream
        self._interrupts = interrupts
        self._live = live
        self._tell = tell
        self._data = "\0".join(words).encode("utf-8", "surrogateescape")
        self._deadline = stream.deadline
        if self._deadline is None and timeout is not None:
            self._deadline = time.monotonic() + timeout
        self._keys: RequestKeys = {"wait": wait}
        if stream.host is not None:
            self._keys["key"] = os.urandom(8).hex()
        self._stream.output.position = 0
        self._carried = bytearray()
        self._sent = False
        self._passed_on = PassedOn(RUN_INTERRUPT, _INTERRUPT)

    def await_end(self) -> tuple[RunFacts, bytes]:
        """Send the command; return its facts and output once it has ended (without `wait`, begun)."""
        until = None if self._deadline is None else self._deadline + _GRACE
        arrivals = self._stream.arrivals(self._send, others=self._descriptors, until=until)
        while True:
            kind, number, payload = next(arrivals)
            if kind == protocol.OUTPUT and self._live is not None:
                self._live.write(payload)
            elif kind == protocol.DATA:
                protocol.carry(self._carried, payload)
            elif kind == protocol.RESPONSE and number == _RUN:
                return self._stream.connection.decode_response(RUN, payload), bytes(self._carried)
            elif kind == protocol.RESPONSE and number == _INTERRUPT:
                self._passed_on.response_came()
            elif kind == protocol.RESPONSE and number == _QUESTION:
                response = self._stream.connection.decode_response(WAIT, payload)
                if "met" in response and self._tell is not None:
                    tell, self._tell = self._tell, None  # tell the person only once
                    tell(response.get("question", ""))

    def _descriptors(self) -> Others:
        return [(self._interrupts.inbound, select.POLLIN, self._handle_signals)]

    def _handle_signals(self) -> None:
        if self._stream.lost:
            self._interrupts.check_recorded()
        elif self._interrupts.read():
            self.interrupt()

    def _send(self) -> None:
        """Send the command over a new connection, with the time that is left for it."""
        stream = self._stream
        first = not self._sent
        self._carried = bytearray()
        self._interrupts.check()
        if first and stream.host is not None:
            # If no WELCOME has come by `welcome_by`, the command must not begin: its output would be lost.
            welcome_by = time.monotonic() + protocol.WELCOME_TIMEOUT
            begin_by = welcome_by if self._deadline is None else min(welcome_by, self._deadline)
            self._sent = True
            stream.handshake(self._frames(begin_by, from_now=True), self._deadline)
            return
        stream.handshake(until=self._deadline)
        frames = self._frames(self._deadline, from_now=first)
        self._sent = True
        stream.connection.send(frames + self._passed_on.frames())

    def _frames(self, deadline: float | None, *, from_now: bool) -> bytes:
        """Return the frames to send, the command's last: it runs only if all arrive.

        `from_now`: count only a question that the command asks from now on.
        """
        keys: RequestKeys = {**self._keys, "begin_by": self._stream.connection.begin_by(deadline)}
        if self._deadline is not None:
            keys["timeout"] = max(0.0, self._deadline - time.monotonic())
        if self._live is not None:
            keys["since"] = self._stream.output.position
        frames = b""
        if self._tell is not None:
            frames = request_frames(WAIT, _QUESTION, waiting=True, from_now=from_now)
        return frames + request_frames(RUN, _RUN, self._data, **keys)

    def interrupt(self) -> None:
        """Pass on a Ctrl-C to the command."""
        self._passed_on.send(self._stream.connection)

    def explained(self, error: SeshError) -> SeshError:
        """Return the error to raise instead, which says whether the command may have run."""
        name = self._stream.name
        may_have_run = self._may_have_run(error)
        if error.in_response or not isinstance(error, (errors.TimedOut, errors.Unreachable)):
            if may_have_run and error.exit_code == ExitCode.FAILED:
                return error.but(fate=Fate.UNKNOWN, hint=error.hint or to_look(name))
            return error
        late = isinstance(error, errors.TimedOut)
        message = f"the daemon of {name} does not answer in time" if late else error.message
        if not may_have_run:
            hint = f"`{SESH} status {name}` shows its pid" if late else error.hint
            return type(error)(f"{message}; the command did not run", hint=hint)
        look = f"to see what it did: {SESH} logs {name}"
        if late:
            return errors.TimedOut(f"{message}; the command may go on", hint=look, fate=Fate.GOES_ON)
        return errors.Unreachable(f"{message}; the command may have run", hint=look, fate=Fate.UNKNOWN)

    def _may_have_run(self, error: SeshError) -> bool:
        """Return whether the command may have run, although this error came instead of a response."""
        refused = error.in_response and not isinstance(error, NotFound)  # after a reconnect it may only not be found
        return self._sent and not refused

    def facts_from(self, ended: outcomes.Ended) -> RunFacts:
        """Return the command's facts, which the result of its ended session has. Raises SeshError."""
        last, key = ended.result.get("run"), self._keys.get("key")
        if key is None or not isinstance(last, dict) or last.get("key") != key:
            message = f"{self._stream.name} has ended; the command's result is lost"
            raise SeshError(message, fate=Fate.UNKNOWN)
        return {**last, "output_lost": True}


@op(reads=True)
def history(_caller: Caller, name: str) -> list[Command]:
    """Return the commands run in a session's shell, the newest last. Raises NotFound."""
    try:
        commands = codec.parse(find.request(name, HISTORY, n=None)[1])["commands"]
    except NotFound:
        commands = dormant.history(name)
    return [_dated(facts) for facts in commands]


@op(reads=True)
def history_output(_caller: Caller, name: str, number: int) -> CommandOutput:
    """Return one command of the history with its `output`, including escape sequences. Raises NotFound."""
    command, output = find.request(name, HISTORY, n=number)
    facts: Mapping[str, object] = command or {}
    return {**_dated({key: facts.get(key) for key in _FACTS}), "output": output}


def _dated(facts: Mapping[str, object]) -> Command:
    started = facts.get("started")
    stamp = times.stamp(started) if isinstance(started, (int, float)) else None
    return {**facts, "started": stamp}  # type: ignore[typeddict-item]  # the other facts are the daemon's
