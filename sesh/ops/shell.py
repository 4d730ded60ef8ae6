"""Commands in a session's live shell: one run now, with its exact output and exit code; those that were run before."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from sesh import errors, measures, protocol, wire
from sesh.about import SESH
from sesh.errors import ExitCode, NotFound, SeshError
from sesh.messages import Answer, Words
from sesh.ops import dormant
from sesh.outcomes import Command, CommandOutput
from sesh.reach import find
from sesh.reach.caller import Caller
from sesh.reach.op import op
from sesh.reach.stream import LATE, Stream
from sesh.schema import RunFacts
from sesh.stop import Stop
from sesh.store import listing
from sesh.vt import grammar

Ran = tuple[RunFacts, bytes]  # a daemon's account of a command, and its output

_GRACE = 2.5  # seconds by which a daemon may be late to say that the time is up: the output so far is worth the wait
_LONGEST = 4096  # bytes that may be the beginning of an escape sequence and wait for the rest of it
_RUN, _INTERRUPT, _QUESTION = 1, 2, 3  # the numbers of requests: the command, Ctrl-C for it, and its question
_FACTS = ("n", "command", "cwd", "started", "duration", "exit_code", "output_bytes")
_SEQUENCES = re.compile(f"{grammar.CSI}|{grammar.ESCAPE}".encode())
_STRING_START = f"(?:{grammar.OSC_START}|{grammar.STRING_START})"
_UNFINISHED = re.compile(rf"\x1b(?:{grammar.CSI_START}|{grammar.ESCAPE_START}|{_STRING_START}\x1b?)\Z".encode())


def plain(output: bytes) -> bytes:
    """Return the output without escape sequences; all other controls stay."""
    return _SEQUENCES.sub(b"", output)


# -- running a command


@contextmanager
def run_errors(*, asked: bool = False) -> Iterator[None]:
    """Have errors within a block exit with 125, or with 255 if the command may have run (`asked`)."""
    try:
        yield
    except SeshError as error:
        if error.exit_code == ExitCode.FAILED:
            error.exit_code = ExitCode.UNKNOWN if asked else ExitCode.SESH_FAILED
        raise


def run(
    stream: Stream,
    words: Sequence[str],
    timeout: float | None = None,
    *,
    stop: Stop,
    wait: bool = True,
    live: OutputWriter | None = None,
    tell: Callable[[str], None] | None = None,
) -> Ran:
    """Have a session's shell run a command; return the daemon's account of it, and its output.

    `words`: a single one is shell source, several are quoted. `timeout`: seconds, after which the command goes on
    alone. `wait`: False to return when it has begun. `live`: gets the output as it comes, and the result has only the
    rest. `stop`: interrupts the command. `tell`: gets the question if the session waits for a person meanwhile.

    To a host the command is given again over another link, and is still run but once. The account of one that ended
    with its session while the link was down has `output_lost`. Raises Busy, and errors as `run_errors` has them.
    """
    with run_errors():
        if stream.host is None and listing.in_front(stream.name):
            raise errors.Busy(f"{stream.name} runs this very command", hint="write it there without --run")
        command = _Run(stream, words, timeout, stop, wait=wait, live=live, tell=tell)
        try:
            with stop.calling(command.interrupt):
                return command.answer()
        except KeyboardInterrupt:
            command.interrupt()
            raise
        except errors.Ended as ended:
            return command.ended(ended)
        except SeshError as error:
            raise command.failed(error) from None


class OutputWriter:
    """A writer of a command's output while it runs; without `ansi` escape sequences are left out."""

    def __init__(self, write: Callable[[bytes], None], *, ansi: bool) -> None:
        self._write, self._ansi = write, ansi
        self._held = b""

    def take(self, data: bytes, *, last: bool = False) -> None:
        """Take more output, or the last of it."""
        data, self._held = self._held + data, b""
        if not self._ansi:
            unfinished = None if last else _UNFINISHED.search(data, max(0, len(data) - _LONGEST))
            if unfinished is not None:
                data, self._held = data[: unfinished.start()], unfinished[0]
            data = plain(data)
        self._write(data)


class _Run:
    """One command, asked for over each connection; a host's has a key, by which the daemon knows that it has run."""

    def __init__(
        self,
        stream: Stream,
        words: Sequence[str],
        timeout: float | None,
        stop: Stop,
        *,
        wait: bool,
        live: OutputWriter | None,
        tell: Callable[[str], None] | None,
    ) -> None:
        self._stream, self._stop, self._live, self._tell = stream, stop, live, tell
        self._data = "\0".join(words).encode("utf-8", "surrogateescape")
        self._deadline = stream.deadline
        if self._deadline is None and timeout is not None:
            self._deadline = time.monotonic() + timeout
        self._words: Words = {"wait": wait}
        if stream.host is not None:
            self._words["key"] = os.urandom(8).hex()
        self._stream.position = 0
        self._carried = bytearray()
        self._sent = self._lost = self._interrupted = False
        """Whether the command was asked for; whether a link that it was asked for over was lost; Ctrl-C was sent."""

    def answer(self) -> Ran:
        until = None if self._deadline is None else self._deadline + _GRACE
        for kind, _, data in self._stream.frames(self._ask, until=until):
            if kind == LATE:
                raise errors.TimedOut("timed out")
            if kind == protocol.OUTPUT and self._live is not None:
                self._live.take(data)
            elif kind == protocol.DATA:
                protocol.carry(self._carried, data)
            elif kind == protocol.RESPONSE:
                answer: Answer = self._stream.connection.message(kind, data)
                if answer.get("id") == _RUN:
                    return wire.checked(answer), bytes(self._carried)  # type: ignore[return-value]
                if answer.get("id") == _QUESTION and answer.get("met") == "waiting" and self._tell is not None:
                    tell, self._tell = self._tell, None  # once
                    tell(str(answer.get("question") or ""))
        raise AssertionError  # frames come without end

    def _ask(self) -> None:
        """Ask, with the time that is left; a host for the first time along with HELLO."""
        stream, along = self._stream, self._stream.host is not None and not self._sent
        self._lost, self._carried = self._sent, bytearray()
        self._stop.check()
        if along:
            self._sent = True
            welcome_by = time.monotonic() + find.PATIENCE  # without a WELCOME nobody waits for the command
            begin_by = welcome_by if self._deadline is None else min(welcome_by, self._deadline)
            stream.greet(self._asked(begin_by), self._deadline)
        else:
            stream.greet(until=self._deadline)
            asked, self._sent = self._asked(self._deadline), True
            stream.connection.send(asked)

    def _asked(self, deadline: float | None) -> bytes:
        """Return the frames, the command's last: as long as they are not read, it does not run."""
        left = None if self._deadline is None else max(0.0, self._deadline - time.monotonic())
        if self._live is not None:
            self._words["since"] = self._stream.position
        asked = b""
        if self._tell is not None:
            asked = wire.asking("wait", _QUESTION, waiting=True, anew=not self._lost)
        begin_by = self._stream.connection.not_after(deadline)
        return asked + wire.asking("run", _RUN, self._data, begin_by=begin_by, timeout=left, **self._words)

    def interrupt(self) -> None:
        """Have the shell interrupt the command. Raises Interrupted between two links."""
        if self._stream.reconnecting:
            raise errors.Interrupted(self._stop.message)
        self._interrupted = True
        with suppress(errors.TimedOut, errors.Unreachable):  # the answer is on its way, or never comes
            self._stream.connection.send(wire.asking("run_interrupt", _INTERRUPT), time.monotonic() + 1)

    def failed(self, error: SeshError) -> SeshError:
        """Return the error to raise: it says, also by its exit code, whether the command may have run."""
        if error.answered or not isinstance(error, (errors.TimedOut, errors.Unreachable)):
            again = isinstance(error, NotFound)  # the session was looked for again
            if self._sent and (again or not error.answered) and error.exit_code == ExitCode.FAILED:
                error.exit_code = ExitCode.UNKNOWN
            return error
        name, late = self._stream.name, isinstance(error, errors.TimedOut)
        what = f"the daemon of {name} does not answer in time" if late else error.message
        cause = error.__cause__ if isinstance(error, errors.DaemonDied) else error
        unread = isinstance(cause, (errors.TimedOut, errors.Unreachable)) and self._stream.connection.unread(cause)
        if not (self._lost or (self._sent and (self._interrupted or not unread))):
            hint = f"`{SESH} --status {name}` shows its pid" if late else error.hint
            return type(error)(f"{what}; the command did not run", hint=hint)
        look = f"to see what it did: {SESH} --logs {name}"
        if late:
            return errors.TimedOut(f"{what}; the command may go on", hint=look)
        return errors.Unknown(f"{what}; the command may have run", hint=look)

    def ended(self, ended: errors.Ended) -> Ran:
        """Return the account of the command, if its session has ended with it. Raises InternalError."""
        last, key = ended.result.get("run"), self._words.get("key")
        if key is None or not isinstance(last, dict) or last.get("key") != key:
            message = f"{self._stream.name} has ended; the command's result is lost"
            raise errors.InternalError(message, exit_code=ExitCode.UNKNOWN)
        facts: RunFacts = {**last, "output_lost": True}
        return facts, b""


# -- the commands that were run


@op(reads=True)
def history(_caller: Caller, name: str) -> list[Command]:
    """Return the commands that were run in a session's shell, the newest last. Raises NotFound."""
    try:
        commands = protocol.parse(find.read(name, "history", n=None)[1])["commands"]
    except NotFound:
        commands = dormant.history(name)
    return [_dated(facts) for facts in commands]


@op(reads=True)
def history_output(_caller: Caller, name: str, number: int) -> CommandOutput:
    """Return one of these commands with its `output`, escape sequences included. Raises NotFound."""
    try:
        answer, output = find.read(name, "history", n=number)
    except NotFound:
        if find.dormant(name) is None:
            raise
        message = f"the output of command {number} went with the daemon of {name}"
        raise NotFound(message, hint=f"see: {SESH} --logs {name}") from None
    return {**_dated({key: answer.get(key) for key in _FACTS}), "output": output}


def _dated(facts: Mapping[str, object]) -> Command:
    started = facts.get("started")
    stamp = measures.stamp(started) if isinstance(started, (int, float)) else None
    return {**facts, "started": stamp}  # type: ignore[typeddict-item]  # as the daemon gave them
