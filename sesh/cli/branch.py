"""Children that carry one command line out at once: what they print is taken, signals are passed on to them."""

from __future__ import annotations

import json
import os
import select
import signal
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from types import FrameType
from typing import Any

from sesh import reading, wire, writing
from sesh.about import CALLED
from sesh.cli import printing
from sesh.cli.invocation import Invocation
from sesh.errors import SIGNAL_BASE, ExitCode, Refused, SeshError
from sesh.ops import child

_BLOCK = 1 << 16
_MOST = 256
"""Children at once."""
_HELD = 1 << 20
"""Bytes that are held of a child whose turn has not come; then it waits."""
_MOST_STDIN = 1 << 30
"""Bytes of stdin that are kept for several children."""
_PATIENCE = 5.0
"""Seconds in which children that are told to end may do so by themselves."""
_QUIET, _NAMED = 500, 5
"""Milliseconds in which nothing comes before a line says whom is waited for; how many of them it names."""
_PASSED_ON = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP)


class Sink:
    """The receiver of what a child prints. `held`: its turn to print has not come."""

    held = False
    full = False
    """True if it holds as much as it may."""

    def take(self, data: bytes) -> None:
        """Take more output."""

    def end(self) -> None:
        """Take the end of the output."""

    def release(self) -> None:
        """Print what was held, and from now on what comes."""


class LastLine(Sink):
    """A sink that prints nothing, and keeps the last line, which is JSON."""

    def __init__(self) -> None:
        self.line = bytearray()

    def take(self, data: bytes) -> None:
        """Take more output; all before its last line is dropped."""
        start = data.rfind(b"\n", 0, -1) + 1
        if start or self.line.endswith(b"\n"):
            self.line.clear()
        self.line += data[start:]


class Values(Sink):
    """A sink that prints each line, a value in JSON, with the facts that it lacks."""

    def __init__(self, facts: Mapping[str, str | None]) -> None:
        self._facts = facts
        self._begun = b""

    def take(self, data: bytes) -> None:
        """Take more output; print the values that it completes."""
        *lines, self._begun = (self._begun + data).split(b"\n")
        for line in lines:
            printing.value({**self._facts, **json.loads(line)})


class Lines(Sink):
    """A sink that prints each line behind a prefix; with `held` none before its turn has come.

    `trims`: empty lines at the end are left out.
    """

    def __init__(self, prefix: bytes, *, held: bool = False, trims: bool = False) -> None:
        self.held = held
        self._prefix = prefix
        self._trims = trims
        self._empty: list[bytes] = []
        """Empty lines that are printed if another one follows."""
        self._waiting = bytearray()
        """The line that has begun, or all until its turn."""
        self._ended = False

    def take(self, data: bytes) -> None:
        """Take more output; print the lines that it completes, and pieces of one that has become too long."""
        self._waiting += data
        self.full = self.held and len(self._waiting) >= _HELD
        if self.held:
            return
        lines: list[bytes] = []
        if b"\n" in data:
            *lines, begun = bytes(self._waiting).split(b"\n")
            self._waiting = bytearray(begun)
        if len(self._waiting) > printing.LONGEST:
            pieces, begun = printing.pieces(bytes(self._waiting))
            lines += pieces
            self._waiting = bytearray(begun)
        if self._trims:
            lines = [*self._empty, *lines]
            count = next((at for at in range(len(lines), 0, -1) if lines[at - 1].strip()), 0)
            lines, self._empty = lines[:count], lines[count:]
        printing.write(b"".join(self._prefix + line + b"\n" for line in lines))

    def release(self) -> None:
        """Print what was held, and from now on what comes."""
        if self.held:
            self.held = False
            waiting, self._waiting = bytes(self._waiting), bytearray()
            self.take(waiting)
            if self._ended:
                self.end()

    def end(self) -> None:
        """Take the end of the output: the last line may lack its line feed."""
        self._ended = True
        if self._waiting and not self.held:
            self.take(b"\n")


class Branch:
    """One time that the line is carried out, by `work` in a child.

    `title`: the host, or the session, that it is for, empty for this machine; `facts`: the same as keys of JSON, which
    its values get if they lack them. `as_json`: what it prints is JSON, whatever the person wants. `sink` gets what it
    prints; by default the value at its end is kept.
    """

    def __init__(
        self,
        cli: Invocation,
        title: str,
        facts: dict[str, str | None],
        work: Callable[[], int],
        *,
        as_json: bool = True,
    ) -> None:
        self.title, self.facts = title, facts
        self.sink: Sink = LastLine()
        self.follows = False
        """True if all of its notes are printed as they come; else the last one waits for its end."""
        self.reason = ""
        """The last line of its stderr, which says why it failed if it did; those before it were notes."""
        self.code = 0
        self.pid = self.stdin = self.stdout = self.stderr = -1
        self._cli, self._work, self._as_json = cli, work, as_json
        self._begun_note = b""

    def start(self, lifeline: int) -> None:
        """Start the child, in a process group of its own: signals of the terminal are passed on to it.

        It ends when nobody holds the other end of `lifeline` any more.
        """
        with ExitStack() as ours, ExitStack() as theirs:
            stdin = self.stdin if self.stdin >= 0 else os.open(os.devnull, os.O_RDONLY)
            self.stdin = -1
            theirs.callback(os.close, stdin)
            self.stdout, stdout = _pipe(ours, theirs)
            self.stderr, stderr = _pipe(ours, theirs)
            begin = partial(self._begin, lifeline, watched=self._cli.watched and not self._cli.json)
            self.pid = child.fork(begin, stdio=(stdin, stdout, stderr), keep=lifeline)
            with suppress(ProcessLookupError):  # it has ended already
                os.setpgid(self.pid, self.pid)
            ours.pop_all()

    def _begin(self, lifeline: int, *, watched: bool) -> int:
        """Do the work, in the child; return the exit code. What fails is reported as by a process of its own."""
        cli = self._cli
        cli.json = cli.json or self._as_json
        cli.branched, cli.overseen = True, watched
        try:
            child.end_with(lifeline)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _PASSED_ON)
            cli.set_host(self.facts["host"])
            return self._work()
        except BrokenPipeError:
            return SIGNAL_BASE + signal.SIGPIPE
        except Exception as error:
            if isinstance(error, SeshError):
                cli.explain(error)
            return printing.report(error, [cli.verb], json=cli.json, host=cli.host)

    def note(self, data: bytes) -> None:
        """Take what it prints on stderr; print its notes, save the last one."""
        *lines, begun = (self._begun_note + data).split(b"\n")
        self._begun_note = begun[-_BLOCK:]
        for line in lines:
            if not self.follows:
                self._print_reason()
            self.reason = line.decode("utf-8", "replace").removeprefix(f"{CALLED}: ")
            if self.follows:
                self._print_reason()

    def _print_reason(self) -> None:
        if self.reason.strip():
            named = not self.title or f" {self.title} " in self.reason.replace(":", " ") + " "
            printing.note(self.reason if named else f"{self.title}: {self.reason}")

    def finish(self) -> None:
        """Wait for its end; print the rest of its notes, and of its output if it is printed in lines."""
        self.wait()
        if self._begun_note:
            self.note(b"\n")
        if not self.code:
            if not self.follows:
                self._print_reason()
            self.reason = ""
        self.sink.end()

    def wait(self) -> None:
        """Wait for its end; from now on it is sent no signal, as its pid may become that of another process."""
        pid, self.pid = self.pid, -1
        _, status = os.waitpid(pid, 0)
        self.code = child.code(status)

    def value(self) -> Any:
        """Return the JSON that it printed: a list as it is, else with the facts; an error if it printed none."""
        try:
            value = json.loads(self.sink.line if isinstance(self.sink, LastLine) else b"")
        except ValueError:
            value = {"error": {"code": "internal", "message": self.reason or "it printed nothing"}}
        if isinstance(value, list):
            return value
        return {**self.facts, **value, "exit_code": value.get("exit_code", self.code)}


def _pipe(reader: ExitStack, writer: ExitStack) -> tuple[int, int]:
    inbound, outbound = os.pipe()
    reader.callback(os.close, inbound)
    writer.callback(os.close, outbound)
    return inbound, outbound


class Branches:
    """Branches that run at once. A context manager: within it signals are passed on to them, and its end ends them.

    If this process is killed they end too. `reads`: each gets all of stdin. Raises Refused if they are too many.
    """

    def __init__(self, branches: Sequence[Branch], *, reads: bool = False) -> None:
        self.branches = branches
        self._reads = reads
        self._signals: set[int] = set()
        """The signals that have come."""
        self._ends: dict[int, Branch] = {}
        """The descriptors that children are read by."""
        self._closing = ExitStack()

    def __enter__(self) -> Branches:
        _check_number(len(self.branches))
        try:
            if self._reads:
                self._copy_stdin()
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def _start(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED_ON)
        try:
            self._handle(signal.SIGCHLD, signal.SIG_DFL)  # where it is ignored, children leave no exit code
            with ExitStack() as theirs:
                lifeline, _ = _pipe(theirs, self._closing)
                for branch in self.branches:
                    branch.start(lifeline)
                    self._ends |= {branch.stdout: branch, branch.stderr: branch}
            for number in _PASSED_ON:
                if signal.getsignal(number) != signal.SIG_IGN:
                    self._handle(number, self._pass_on)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _PASSED_ON)

    def _handle(self, number: int, handler: Callable[[int, FrameType | None], object] | signal.Handlers) -> None:
        self._closing.callback(signal.signal, number, signal.signal(number, handler))

    def _copy_stdin(self) -> None:
        """Have each child read all of stdin for itself, from a file without a name: it may hold a password."""
        file, path = tempfile.mkstemp()
        self._closing.callback(os.close, file)
        try:
            for branch in self.branches:
                branch.stdin = os.open(path, os.O_RDONLY)
        finally:
            os.unlink(path)
        size = 0
        for data in reading.stdin():
            size += len(data)
            if size > _MOST_STDIN:
                raise Refused("stdin has more than 1 GiB, which is the most for several hosts; write to one at a time")
            writing.write_all(file, data)

    def __exit__(self, *_: object) -> None:
        self.close()

    def _pass_on(self, number: int, _frame: FrameType | None) -> None:
        self._signals.add(number)
        self._send(number)

    def _send(self, number: int) -> None:
        for branch in self.branches:
            if branch.pid > 0:
                os.kill(branch.pid, number)

    def close(self) -> None:
        """End the children that still run, by force if they do not do so by themselves; give the signals back."""
        self._send(signal.SIGTERM)
        self._send(signal.SIGCONT)
        self._drop_output(time.monotonic() + _PATIENCE)
        self._send(signal.SIGKILL)
        for branch in self.branches:
            if branch.pid > 0:
                branch.wait()
            if branch.stdin >= 0:
                os.close(branch.stdin)
        self._closing.close()
        for descriptor in self._ends:
            os.close(descriptor)
        self._ends.clear()

    def _drop_output(self, deadline: float) -> None:
        """Read what the children print until each has closed its stdout, as it does with its end, or the deadline."""
        ends = set(self._ends)
        while any(branch.stdout in ends for branch in self.branches) and time.monotonic() < deadline:
            ready = wire.polled([(descriptor, select.POLLIN) for descriptor in ends], deadline)
            ends -= {descriptor for descriptor in ready if not os.read(descriptor, _BLOCK)}

    @property
    def ended_by(self) -> int:
        """The signal that has ended them: Ctrl-C, if one says so, SIGTERM or SIGHUP; 0 for none."""
        if signal.SIGINT in self._signals and any(branch.code == ExitCode.INTERRUPTED for branch in self.branches):
            return signal.SIGINT
        return max(self._signals & {signal.SIGTERM, signal.SIGHUP}, default=0)

    def run(
        self, enough: Callable[[Branch], bool] | None = None, *, status: Callable[[str], object] = bool
    ) -> Branch | None:
        """Take what the children print until all have ended, or one for which that is `enough`, which is returned.

        `status`: gets a line that says whom is waited for, and an empty one before anything is printed.
        """
        poll = select.poll()
        for descriptor in self._ends:
            poll.register(descriptor, select.POLLIN)
        turns = [branch for branch in self.branches if branch.sink.held]
        while self._ends:
            self._give_turn(turns, poll)
            if not (ready := poll.poll(_QUIET)):
                status(f"waiting for {_listed([branch.title for branch in self.branches if branch.pid > 0])}")
                ready = poll.poll()
                status("")
            for descriptor, _ in ready:
                branch = self._ends[descriptor]
                data = os.read(descriptor, _BLOCK)
                if not data:
                    poll.unregister(descriptor)
                    os.close(descriptor)
                    del self._ends[descriptor]
                    if branch not in self._ends.values():
                        branch.finish()
                        if enough is not None and enough(branch):
                            return branch
                elif descriptor == branch.stderr:
                    branch.note(data)
                else:
                    branch.sink.take(data)
                    if branch.sink.full:
                        poll.unregister(descriptor)
        self._give_turn(turns, poll)
        return None

    def _give_turn(self, turns: list[Branch], poll: select.poll) -> None:
        """Have the first of those that hold their output print it, and the next ones too if it has ended."""
        while turns:
            turns[0].sink.release()
            if turns[0].pid > 0:
                if turns[0].stdout in self._ends:
                    poll.register(turns[0].stdout, select.POLLIN)  # it was left out if it held too much
                return
            turns.pop(0)


def _listed(titles: list[str]) -> str:
    more = f" and {len(titles) - _NAMED} more" if len(titles) > _NAMED else ""
    return ", ".join(titles[:_NAMED]) + more


def _check_number(number: int) -> None:
    """Raise Refused if so many children cannot run at once: each takes two descriptors, and one more to begin with."""
    limit = os.sysconf("SC_OPEN_MAX")
    most = _MOST if limit < 0 else min(_MOST, (limit - 40) // 3)
    if number > most:
        hint = "name fewer" if most == _MOST else "name fewer, or raise the limit: ulimit -n 1024"
        raise Refused(f"{number} at once are too many: {most} are the most", hint=hint)
