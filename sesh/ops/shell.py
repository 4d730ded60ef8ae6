"""Commands in a session's live shell: one run now, with its exact output and exit code; those that were run before."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sesh import errors, moments, protocol, wire
from sesh.about import SESH
from sesh.errors import ExitCode, NotFound, SeshError
from sesh.messages import Answer, Words
from sesh.ops import dormant
from sesh.reach import find
from sesh.reach.caller import Caller
from sesh.reach.op import op
from sesh.reach.stream import Stream
from sesh.schema import Command, CommandOutput, RunFacts
from sesh.stop import Stop
from sesh.store import listing, results
from sesh.vt import grammar

Ran = tuple[RunFacts, bytes]
"""A daemon's account of a command, and its output."""

_GRACE = 2.5
"""Seconds by which a daemon may be late to say that the time is up: the output so far is worth the wait."""
_LONGEST = 4096
"""Bytes that may be the beginning of an escape sequence and wait for the rest of it."""
_RUN, _INTERRUPT, _QUESTION = 1, 2, 3
"""The numbers of requests: the command, Ctrl-C for it, and its question."""
_FACTS = ("n", "command", "cwd", "started", "duration", "exit_code", "output_bytes")
_SEQUENCES = re.compile(f"{grammar.CSI}|{grammar.ESCAPE}".encode())
_STRING_START = f"(?:{grammar.OSC_START}|{grammar.STRING_START})"
_UNFINISHED = re.compile(rf"\x1b(?:{grammar.CSI_START}|{grammar.ESCAPE_START}|{_STRING_START}\x1b?)\Z".encode())


def plain(output: bytes) -> bytes:
    """The output without escape sequences; all other controls stay."""
    return _SEQUENCES.sub(b"", output)


# -- running a command


class RunErrors:
    """A block in which errors exit with 125, which is not taken for the command's own code.

    `asked`: the command may have run; then they exit with 255, unless the daemon itself says why it has not.
    """

    def __init__(self, *, asked: bool = False) -> None:
        self._asked = asked

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, SeshError) and error.exit_code == ExitCode.FAILED:
            unknown = self._asked and not error.answered
            error.exit_code = ExitCode.UNKNOWN if unknown else ExitCode.SESH_FAILED


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
    """Has a session's shell run a command; returns the daemon's account of it, and its output.

    `words`: a single one is shell source, several are quoted. `timeout`: seconds, after which the command goes on
    alone. `wait`: False to return when it has begun. `live`: gets the output as it comes, and the result has only the
    rest. `stop`: interrupts the command. `tell`: gets the question if the session waits for a person meanwhile.

    To a host the command is given again over another link, and it is still run but once. The account of one that ended
    with its session while the link was down has `output_lost`. Raises Busy, and errors as `RunErrors` has them.
    """
    name = stream.name
    request = _RunRequest(words, timeout, wait=wait, repeatable=stream.host is not None, live=live, tell=tell)
    if stream.deadline is not None:
        request.deadline = stream.deadline
    with RunErrors():
        if stream.host is None:
            _check_not_in_front(name)
        try:
            while True:
                try:
                    request.send(stream)
                    with RunErrors(asked=True):
                        return _answered(stream.connection, request, stop)
                except errors.Lost:
                    request.lost = True
                    stream.reconnect()
        except errors.Ended as ended:
            return request.ended(name, ended)
        except NotFound as gone:
            if request.lost:
                gone.exit_code = ExitCode.UNKNOWN
            raise
        except (errors.TimedOut, errors.Unreachable) as error:
            if error.answered:
                raise
            raise request.failed(stream.connection, name, error) from None


def _check_not_in_front(name: str) -> None:
    """Raises Busy if the caller is part of what the session's shell runs in front: it would wait for itself."""
    if listing.in_front(name):
        raise errors.Busy(f"{name} runs this very command", hint="write it there without --run")


def _answered(connection: wire.Connection, request: _RunRequest, stop: Stop) -> Ran:
    """Waits for the answer. `stop` interrupts the command meanwhile."""
    deadline, live = request.deadline, request.live

    def interrupt() -> None:
        request.interrupted = True
        try:
            connection.send(wire.asking("run_interrupt", _INTERRUPT), time.monotonic() + 1)
        except (errors.TimedOut, errors.Unreachable):
            return  # the answer is on its way, or never comes

    with stop.calling(interrupt):
        try:
            until = None if deadline is None else deadline + _GRACE
            take = live.take if live is not None else None
            return connection.answer(_RUN, until, take, request.hear)  # type: ignore[return-value]
        except KeyboardInterrupt:
            interrupt()
            raise


class OutputWriter:
    """A writer of a command's output while it runs; without `ansi` escape sequences are left out."""

    def __init__(self, write: Callable[[bytes], None], *, ansi: bool) -> None:
        self.position = 0
        """Bytes that have come."""
        self._write, self._ansi = write, ansi
        self._held = b""

    def take(self, position: int, data: bytes) -> None:
        """Takes output from `position` on; bytes that came before over another link are passed over."""
        data = data[max(0, self.position - position) :]
        if data:
            self.position += len(data)
            self._pass(data)

    def end(self, data: bytes) -> None:
        """Takes the last of the output."""
        self._pass(data, last=True)

    def _pass(self, data: bytes, *, last: bool = False) -> None:
        data, self._held = self._held + data, b""
        if not self._ansi:
            unfinished = None if last else _UNFINISHED.search(data, max(0, len(data) - _LONGEST))
            if unfinished is not None:
                data, self._held = data[: unfinished.start()], unfinished[0]
            data = plain(data)
        self._write(data)


class _RunRequest:
    """The request to run a command. A `repeatable` one has a key, by which the daemon knows that it has run already."""

    def __init__(
        self,
        words: Sequence[str],
        timeout: float | None,
        *,
        wait: bool,
        repeatable: bool,
        live: OutputWriter | None,
        tell: Callable[[str], None] | None,
    ) -> None:
        self._data = "\0".join(words).encode("utf-8", "surrogateescape")
        self.deadline = None if timeout is None else time.monotonic() + timeout
        self._words: Words = {"wait": wait}
        if repeatable:
            self._words["key"] = os.urandom(8).hex()
        self.lost = self.interrupted = False
        """True if a link that it was sent over was lost; if the command was to be interrupted."""
        self._sent, self.live, self._tell = False, live, tell

    def send(self, stream: Stream) -> None:
        """Sends the request with the time that is left; to a host along with HELLO, if it is the first time."""
        along = stream.host is not None and not self._sent
        if along:
            self._sent = True
            welcome_by = time.monotonic() + find.PATIENCE  # without a WELCOME nobody waits for the command
            begin_by = welcome_by if self.deadline is None else min(welcome_by, self.deadline)
            stream.greet(self._asked(stream.connection, begin_by), self.deadline)
        else:
            stream.greet(until=self.deadline)
            asked, self._sent = self._asked(stream.connection, self.deadline), True
            stream.connection.send(asked)

    def _asked(self, connection: wire.Connection, deadline: float | None) -> bytes:
        """Return the frames, the command's last: as long as they are not read, it does not run."""
        left = None if self.deadline is None else max(0.0, self.deadline - time.monotonic())
        if self.live is not None:
            self._words["since"] = self.live.position
        asked = b""
        if self._tell is not None:
            asked = wire.asking("wait", _QUESTION, waiting=True, anew=not self.lost)
        begin_by = connection.not_after(deadline)
        return asked + wire.asking("run", _RUN, self._data, begin_by=begin_by, timeout=left, **self._words)

    def hear(self, answer: Answer) -> None:
        """Takes the answer to another request: tells of the question, once."""
        if answer.get("id") == _QUESTION and answer.get("met") == "waiting" and self._tell is not None:
            tell, self._tell = self._tell, None
            tell(str(answer.get("question") or ""))

    def failed(self, connection: wire.Connection, name: str, error: errors.TimedOut | errors.Unreachable) -> SeshError:
        """The error for a daemon, or a link, that says nothing more: it tells whether the command may have run."""
        unseen = not self.interrupted and connection.unseen(error)
        asked = self.lost or (self._sent and not unseen)
        look = f"to see what it did: {SESH} --logs {name}"
        if isinstance(error, errors.TimedOut):
            if asked:
                return errors.TimedOut(
                    f"the daemon of {name} does not answer in time; the command may go on", hint=look
                )
            hint = f"`{SESH} --status {name}` shows its pid"
            return errors.TimedOut(f"the daemon of {name} does not answer in time; the command did not run", hint=hint)
        if not asked:
            if isinstance(error, errors.Silent):
                return errors.Silent(f"{error.message}; the command did not run", hint=error.hint)
            return errors.Unreachable(f"the daemon of {name} died before the command began; it did not run")
        if isinstance(error, errors.Silent) or self.lost:
            return errors.Unknown(f"{error.message}; the command may have run", hint=look)
        message = f"the daemon of {name} died; the command's exit code is lost"
        return errors.InternalError(message, exit_code=ExitCode.UNKNOWN)

    def ended(self, name: str, ended: errors.Ended) -> Ran:
        """The account of the command, if its session has ended with it. Raises InternalError."""
        last = ended.result.get("run")
        if not isinstance(last, dict) or last.get("key") != self._words.get("key"):
            message = f"{name} has ended; the command's result is lost"
            raise errors.InternalError(message, exit_code=ExitCode.UNKNOWN)
        facts: RunFacts = {**last, "output_lost": True}
        return facts, b""


# -- the commands that were run


@op(reads=True)
def history(_caller: Caller, name: str) -> list[Command]:
    """The commands that were run in a session's shell, the newest last.

    For a job that has ended and is not a session any more: its command alone. Raises NotFound.
    """
    commands: Sequence[Mapping[str, object]]
    try:
        commands = _commands(name)
        job = _job(name) if not commands and find.ended(name) else None
    except NotFound:
        commands, job = (), _job(name)
        if job is None:
            commands = dormant.history(name)
    return [_dated(facts) for facts in ([job[0]] if job is not None else commands)]


@op(reads=True)
def history_output(_caller: Caller, name: str, number: int) -> CommandOutput:
    """One of these commands with its `output`, escape sequences included. Raises NotFound."""
    job = _job(name) if number == 1 else None
    try:
        if job is None or not find.ended(name) or _commands(name):
            answer, output = find.read(name, "history", n=number)
            job = {key: answer.get(key) for key in _FACTS}, output
    except NotFound:
        if job is None and find.dormant(name) is not None:
            message = f"the output of command {number} went with the daemon of {name}"
            raise NotFound(message, hint=f"see: {SESH} --logs {name}") from None
        if job is None:
            raise
    return {**_dated(job[0]), "output": job[1]}


def _commands(name: str) -> list[dict[str, Any]]:
    return protocol.parse(find.read(name, "history", n=None)[1])["commands"]  # type: ignore[no-any-return]


def _job(name: str) -> tuple[dict[str, Any], bytes] | None:
    """The command of the last job of this name, and its output; None if nothing is kept of one."""
    result = results.of_job(name)
    if result is None:
        return None
    output = results.output(result).replace(b"\r\n", b"\n")
    duration = float(result.get("duration") or 0)
    facts = {
        "n": 1,
        "command": result.get("command") or [],
        "cwd": None,
        "started": max(0.0, float(result.get("ended") or 0) - duration),
        "duration": duration,
        "exit_code": result.get("exit_code"),
        "output_bytes": len(output),
    }
    return facts, output


def _dated(facts: Mapping[str, object]) -> Command:
    """A daemon's account of a command, with its start as a stamp, as in all JSON."""
    started = facts.get("started")
    stamp = moments.stamp(started) if isinstance(started, (int, float)) else None
    return {**facts, "started": stamp}  # type: ignore[typeddict-item]  # as the daemon gave them
