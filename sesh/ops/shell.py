"""Run a command in a session's live shell; list earlier commands."""

from __future__ import annotations

import os
import re
import select
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from sesh import errors
from sesh.about import SESH
from sesh.errors import ExitCode, Fate, NotFound, SeshError
from sesh.ops import dormant
from sesh.reach import find
from sesh.reach.caller import Caller
from sesh.reach.cancelling import Interrupts
from sesh.reach.exchange import Exchange, Repeat
from sesh.reach.op import op
from sesh.reach.stream import Others, Stream
from sesh.schema import codec, outcomes
from sesh.schema.facts import RunFacts
from sesh.schema.outcomes import Command, CommandOutput
from sesh.store import listing
from sesh.store.own import HINTED
from sesh.system import paths, startup
from sesh.text import times
from sesh.vt import grammar
from sesh.wire import protocol
from sesh.wire.messages import HISTORY, RUN, RUN_INTERRUPT, STATUS, WAIT, RequestKeys

_GRACE = 2.5  # seconds to wait after the timeout for the daemon's response, which has the output so far
_FACTS = ("n", "command", "cwd", "started", "duration", "exit_code", "output_bytes")
_MAX_FAR = 30_000 << 10  # bytes of an output that a link carries: its base64 is below `protocol.MAX_RESPONSE`
_TEXT = r"\x1b\]66;[^;\x07\x18\x1a\x1b]*;([^\x07\x18\x1a\x1b]*)(?:\x07|(?=\x1b))"
_SEQUENCES = re.compile(f"{_TEXT}|{grammar.CSI}|{grammar.ESCAPE}".encode())
"""Matches an escape sequence; group 1 is what OSC 66 prints, which is text."""


def without_sequences(output: bytes) -> bytes:
    """Return the output without escape sequences, but with all other control characters."""
    return _SEQUENCES.sub(rb"\1", output)


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
    command = _Command(stream, words, timeout, wait=wait, live=live is not None)
    try:
        return command.await_end(interrupts, live, tell)
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


class _Command:
    """One command in a shell: its exchanges, and what is known of its end."""

    def __init__(self, stream: Stream, words: Sequence[str], timeout: float | None, *, wait: bool, live: bool) -> None:
        self._stream = stream
        self._wait = wait
        self._live = live
        self._deadline = stream.deadline
        if self._deadline is None and timeout is not None:
            self._deadline = time.monotonic() + timeout
        stream.output.position = 0
        data = "\0".join(words).encode("utf-8", "surrogateescape")
        self.run = Exchange(RUN, self._keys, data, Repeat.WITH_KEY, self._deadline)

    def _keys(self) -> RequestKeys:
        keys: RequestKeys = {"wait": self._wait}
        if self._deadline is not None:
            keys["timeout"] = max(0.0, self._deadline - time.monotonic())
        if self._live:
            keys["since"] = self._stream.output.position
        return keys

    def await_end(
        self, interrupts: Interrupts, live: OutputWriter | None, tell: Callable[[str], None] | None
    ) -> tuple[RunFacts, bytes]:
        """Send the command; return its facts and output once it has ended (without `wait`, begun)."""
        stream, run = self._stream, self.run
        interrupts.check()
        question = None
        if tell is not None:  # first: of the questions only those count that the command asks
            question = stream.submit(Exchange(WAIT, lambda: {"waiting": True, "from_now": not run.sent}))
        if stream.host is None:
            stream.connect(self._deadline)  # what a daemon without WELCOME was not sent did not run
        stream.submit(run)
        others = partial(self._descriptors, interrupts)
        until = None if self._deadline is None else self._deadline + _GRACE
        for kind, _, payload, exchange in stream.arrivals(others=others, until=until):
            if kind == protocol.OUTPUT and live is not None:
                live.write(payload)
            elif kind == protocol.DATA:
                protocol.carry(run.carried, payload)
            elif exchange is run:
                return run.response(stream.connection, payload), bytes(run.carried)
            elif exchange is not None and exchange is question and tell is not None:
                response = question.response(stream.connection, payload)
                if "met" in response:
                    tell(response.get("question", ""))
        raise AssertionError("arrivals have no end")

    def _descriptors(self, interrupts: Interrupts) -> Others:
        return [(interrupts.inbound, select.POLLIN, partial(self._handle_signals, interrupts))]

    def _handle_signals(self, interrupts: Interrupts) -> None:
        if self._stream.lost:
            interrupts.check_recorded()
        elif interrupts.read():
            self.interrupt()

    def interrupt(self) -> None:
        """Pass on a Ctrl-C to the command."""
        self._stream.submit(Exchange(RUN_INTERRUPT, repeat=Repeat.WITH_KEY))

    def explained(self, error: SeshError) -> SeshError:
        """Return the error to raise instead, which says whether the command may have run."""
        name = self._stream.name
        if isinstance(error, errors.Interrupted) or self.run.answered:
            return error
        if not isinstance(error, (errors.TimedOut, errors.Unreachable)):
            if self.run.sent and error.exit_code == ExitCode.FAILED:
                return error.but(fate=Fate.UNKNOWN, hint=error.hint or to_look(name))
            return error
        late = isinstance(error, errors.TimedOut)
        message = f"the daemon of {name} does not answer in time" if late else error.message
        if not self.run.sent:
            hint = f"`{SESH} status {name}` shows its pid" if late else error.hint
            return error.but(message=f"{message}; the command did not run", hint=hint)
        look = f"to see what it did: {SESH} logs {name}"
        if late:
            return error.but(message=f"{message}; the command may go on", hint=look, fate=Fate.GOES_ON)
        return error.but(message=f"{message}; the command may have run", hint=look, fate=Fate.UNKNOWN)

    def facts_from(self, ended: outcomes.Ended) -> RunFacts:
        """Return the command's facts, which the result of its ended session has. Raises SeshError."""
        if not self.run.sent:
            raise NotFound(f"{self._stream.name} has ended; the command did not run")
        last = ended.result.get("run")
        if not isinstance(last, dict) or last.get("key") != self.run.key:
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
def startup_line(_caller: Caller, name: str) -> str:
    """Return the line by which the user's shell records what is typed, and where to write it.

    It is empty if the session's shell does so, and if this has been asked before in the directory of sessions.
    """
    line = startup.startup_line(os.environ)
    if line is None or startup.is_loaded(os.environ):
        return ""
    try:
        if find.request(name, STATUS)[0].get("integration") is not None:
            return ""
    except NotFound:
        return ""  # the session does not run
    return str(line) if _is_first_hint() else ""


def _is_first_hint() -> bool:
    """Note in the directory of sessions that the hint was given; return whether it was not before."""
    try:
        os.close(os.open(os.path.join(paths.directory(), HINTED), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError:  # it is there, or the disk is full
        return False
    return True


@op(reads=True)
def history_output(caller: Caller, name: str, number: int) -> CommandOutput:
    """Return one command of the history with its `output`, including escape sequences. Raises NotFound."""
    command, output = find.request(name, HISTORY, n=number)
    facts: Mapping[str, object] = command or {}
    size = len(output)
    if caller.origin is not None and len(output) > _MAX_FAR:
        caller.note(f"only the last {_MAX_FAR >> 10:,} KiB of the output come over a link")
        output = output[-_MAX_FAR:]
    elif facts.get("truncated"):
        caller.note(f"only the last {len(output) / 1024:,.1f} KiB of the output were kept")
    return {**_dated(facts), "truncated": bool(facts.get("truncated")) or len(output) < size, "output": output}


def _dated(known: Mapping[str, object]) -> Command:
    facts = {key: known.get(key) for key in _FACTS}
    started = facts["started"]
    stamp = times.stamp(started) if isinstance(started, (int, float)) else None
    return {**facts, "started": stamp}  # type: ignore[typeddict-item]  # the other facts are the daemon's
