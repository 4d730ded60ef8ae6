"""A command line carried out several times at once, each time by a child: on several hosts, or for several sessions.

What a child prints stands under its host, as it comes or in the order of the hosts; a summary ends it.
"""

from __future__ import annotations

import json
import os
import select
import signal
import tempfile
from contextlib import ExitStack
from functools import partial
from itertools import cycle

from sesh import wording
from sesh.about import CALLED
from sesh.cli import printing
from sesh.cli.verbs import VERBS
from sesh.errors import SIGNAL_BASE, ExitCode, SeshError, UsageError, rebuild
from sesh.ops import child

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from tempfile import _TemporaryFileWrapper
    from types import FrameType
    from typing import Any

    from sesh.cli.invocation import Invocation

_AS_IT_COMES = ("--exec", "--run")
"""Verbs whose output is printed while they run; others print when their host's turn has come, if they do not follow."""
_COLOURS = (36, 33, 35, 32, 34, 31)
_BLOCK = 1 << 16
_HELD = 1 << 20
"""Bytes that are held of a host whose turn has not come; then its child waits."""
_PASSED_ON = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP)


class Branch:
    """One time that the line is carried out, by `work` in a child.

    `title`: the host, or the session, that it is for; `facts`: the same as keys of JSON, which its values get if they
    lack them. `prefix`: what its lines are printed behind. `take` gets what it prints: one of the methods below.
    """

    def __init__(self, title: str, facts: dict[str, str | None], work: Callable[[], int]) -> None:
        self.title, self.facts = title, facts
        self.prefix = b""
        self.take: Callable[[bytes], None] = self.keep_last_line
        self.output = bytearray()
        """What it has printed and is not printed here: the unfinished line, the last line, or all until its turn."""
        self.reason = ""
        """The last line of its stderr, which says why it failed if it did; those before it were notes."""
        self.code = 0
        self.pid = self.stdout = self.stderr = -1
        self._work = work
        self._notes = b""

    def start(self, stdin_path: str) -> None:
        """Start the child, in a process group of its own: signals of the terminal are passed on to it."""
        stdin = os.open(stdin_path, os.O_RDONLY)
        self.stdout, stdout = os.pipe()
        self.stderr, stderr = os.pipe()
        try:
            self.pid = child.fork(self._begin, stdio=(stdin, stdout, stderr))
            os.setpgid(self.pid, self.pid)
        except BaseException:
            os.close(self.stdout)
            os.close(self.stderr)
            raise
        finally:
            for descriptor in (stdin, stdout, stderr):
                os.close(descriptor)

    def _begin(self) -> int:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _PASSED_ON)
        return self._work()

    def print_lines(self, data: bytes) -> None:
        """Print the whole lines of its output under the host's name."""
        whole, newline, rest = data.rpartition(b"\n")
        if newline:
            lines = (self.output + whole).split(b"\n")
            printing.write(b"".join(self.prefix + line + b"\n" for line in lines))
            self.output.clear()
        pieces, begun = printing.pieces(bytes(self.output + rest))
        self.output = bytearray(begun)
        printing.write(b"".join(self.prefix + piece + b"\n" for piece in pieces))

    def print_values(self, data: bytes) -> None:
        """Print each value of its output, which is JSON, with the facts."""
        self.output += data
        if b"\n" in data:
            *lines, rest = bytes(self.output).split(b"\n")
            self.output = bytearray(rest)
            for line in lines:
                printing.value({**self.facts, **json.loads(line)})

    def hold(self, data: bytes) -> None:
        """Hold its output until its turn comes."""
        self.output += data

    def keep_last_line(self, data: bytes) -> None:
        """Drop its output except for the last line, which is JSON."""
        start = data.rfind(b"\n", 0, -1) + 1
        if start or self.output.endswith(b"\n"):
            self.output.clear()
        self.output += data[start:]

    def take_turn(self) -> bool:
        """Print what was held, and from now on what comes; return whether it has ended."""
        if self.take == self.hold:
            held, self.output, self.take = bytes(self.output), bytearray(), self.print_lines
            self.take(held)
        if self.pid < 0:
            self.end_line()
        return self.pid < 0

    def take_notes(self, data: bytes) -> None:
        """Print its notes as they come, save the last one."""
        *lines, rest = (self._notes + data).split(b"\n")
        self._notes = rest[-_BLOCK:]
        for line in lines:
            self.print_reason()
            self.reason = line.decode("utf-8", "replace").removeprefix(f"{CALLED}: ")

    def print_reason(self) -> None:
        """Print the last line of its stderr as a note."""
        if self.reason.strip():
            printing.note(f"{self.title}: {self.reason}")
        self.reason = ""

    def finish(self) -> None:
        """Wait for its end; print the rest of what is printed in lines."""
        _, status = os.waitpid(self.pid, 0)
        self.pid, self.code = -1, child.code(status)
        if self._notes:
            self.take_notes(b"\n")
        if not self.code:
            self.print_reason()
        self.end_line()

    def end_line(self) -> None:
        """Print the last line, if it is printed in lines and ends without a line feed."""
        if self.take == self.print_lines and self.output:
            self.print_lines(b"\n")

    def value(self) -> Any:
        """Return the JSON that it printed: a list as it is, else with the facts; an error if it printed none."""
        try:
            value = json.loads(self.output.splitlines()[-1])
        except (ValueError, IndexError):
            value = {"error": {"code": "internal", "message": self.reason or "it printed nothing"}}
        if isinstance(value, list):
            return value
        return {**self.facts, **value, "exit_code": value.get("exit_code", self.code)}


class Branches:
    """Branches that run at once. A context manager: within it signals are passed on to them, and its end ends them."""

    def __init__(self, branches: Sequence[Branch], stdin_path: str = os.devnull) -> None:
        self.branches = branches
        self.signals: set[int] = set()
        """The signals that have come."""
        self._stdin_path = stdin_path
        self._ends: dict[int, Branch] = {}
        """The descriptors that children are read by."""
        self._replaced: list[tuple[int, Callable[[int, FrameType | None], object] | int | None]] = []

    def __enter__(self) -> Branches:
        signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED_ON)
        try:
            for branch in self.branches:
                branch.start(self._stdin_path)
                self._ends |= {branch.stdout: branch, branch.stderr: branch}
            for number in _PASSED_ON:
                if signal.getsignal(number) != signal.SIG_IGN:
                    self._replaced.append((number, signal.signal(number, self._pass_on)))
        except BaseException:
            self.close()
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _PASSED_ON)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _pass_on(self, number: int, _frame: FrameType | None) -> None:
        self.signals.add(number)
        self._send(number)

    def _send(self, number: int) -> None:
        for branch in self.branches:
            if branch.pid > 0:
                os.kill(branch.pid, number)

    def close(self) -> None:
        """End the children that still run, and give the signals back."""
        self._send(signal.SIGTERM)
        for branch in self.branches:
            if branch.pid > 0:
                os.waitpid(branch.pid, 0)
                branch.pid = -1
        for number, handler in self._replaced:
            signal.signal(number, handler)
        for descriptor in self._ends:
            os.close(descriptor)
        self._replaced.clear()
        self._ends.clear()

    def run(self, *, at_once: bool = False, enough: Callable[[Branch], bool] | None = None) -> Branch | None:
        """Take what the children print until all have ended, or one for which that is `enough`, which is returned.

        `at_once`: the last note too is printed as it comes.
        """
        poll = select.poll()
        for descriptor in self._ends:
            poll.register(descriptor, select.POLLIN)
        turns = [branch for branch in self.branches if branch.take == branch.hold]
        while self._ends:
            while turns and turns[0].take_turn():
                turns.pop(0)
            if turns and turns[0].stdout in self._ends:
                poll.register(turns[0].stdout, select.POLLIN)
            for descriptor, _ in poll.poll():
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
                elif descriptor == branch.stdout:
                    branch.take(data)
                    if branch.take == branch.hold and len(branch.output) >= _HELD:
                        poll.unregister(descriptor)
                else:
                    branch.take_notes(data)
                    if at_once:
                        branch.print_reason()
        for branch in turns:
            branch.take_turn()
        return None


def each_host(
    cli: Invocation, options: Mapping[str, object], function: Callable[..., int] | None = None, *, as_json: bool = True
) -> list[Branch]:
    """Return the branches of a line for its hosts, one for this machine if it names none.

    `function`: carries it out, by default the verb's own. `as_json`: what it prints is JSON, whatever the person wants.
    """
    import sesh.reach.host_target  # noqa: F401 (loaded once, and not by every child)

    carried = function or cli.line.row.function()

    def work(host: str | None) -> int:
        cli.set_host(host)
        return carry_out(cli, lambda: carried(cli, **options), as_json=as_json)

    hosts: Sequence[str | None] = cli.hosts or [None]
    return [Branch(host or "", {"host": host}, partial(work, host)) for host in hosts]


def carry_out(cli: Invocation, work: Callable[[], int], *, as_json: bool) -> int:
    """Do the work of a branch, in its child; return the exit code. Errors are printed as on any command line."""
    cli.json = cli.json or as_json
    try:
        return work()
    except SeshError as error:
        cli.explain(error)
        printing.failure(error, json=cli.json, host=cli.host)
        return int(error.exit_code)


def gather(branches: Sequence[Branch], enough: Callable[[Branch], bool] | None = None) -> list[Any]:
    """Carry branches out that print JSON; return their values in order, or only that of the first that is `enough`.

    Raises KeyboardInterrupt if Ctrl-C has ended one.
    """
    with Branches(branches) as running:
        first = running.run(enough=enough)
    if signal.SIGINT in running.signals and any(branch.code == ExitCode.INTERRUPTED for branch in branches):
        raise KeyboardInterrupt
    return [branch.value() for branch in ([first] if first is not None else branches)]


def rows(values: Sequence[Any]) -> list[Any]:
    """Return what several hosts have listed as one list; an error stands in the place of its host's rows."""
    return [row for value in values for row in (value if isinstance(value, list) else [value])]


def run(cli: Invocation, options: Mapping[str, object]) -> int:
    """`sesh @a @b --VERB …`: return the exit code. Raises UsageError if the verb takes one host only."""
    if not cli.line.row.several:
        several = " ".join(verb.name for verb in VERBS if verb.several)
        raise UsageError(f"{cli.verb or f'{CALLED} NAME'} does not take several hosts; these do: {several}")
    follows = cli.verb == "--events" or "follow" in options
    as_json = cli.json or options.get("form") == "json"
    if options.get("form") in ("svg", "html") and not as_json:
        raise UsageError("pictures of several hosts come in a list only; add --json")
    branches = each_host(cli, options, as_json=as_json)
    for branch, colour in zip(branches, cycle(_COLOURS), strict=False):
        prefix = "\x1b[{0}m{1}: \x1b[0m" if printing.coloured() else "{1}: "
        branch.prefix = prefix.format(colour, branch.title).encode()
        if as_json:
            branch.take = branch.print_values if follows else branch.keep_last_line
        else:
            branch.take = branch.print_lines if follows or cli.verb in _AS_IT_COMES else branch.hold
    reads = "stdin" in options or options.get("text") == ["-"]
    with ExitStack() as stack:
        stdin_path = stack.enter_context(_all_stdin()).name if reads else os.devnull
        running = stack.enter_context(Branches(branches, stdin_path))
        running.run(at_once=follows)
    codes = [branch.code for branch in branches]
    if signal.SIGINT in running.signals and set(codes) == {ExitCode.INTERRUPTED}:
        return printing.interrupted()
    wrong = set(codes) == {ExitCode.USAGE} and cli.verb not in _AS_IT_COMES  # the words are, on any host
    if wrong and not follows:
        raise _usage_error(branches[0])
    if not as_json:
        summary = printing.aligned([_row(branch) for branch in branches])
        printing.write(printing.encoded("\n".join([*summary, ""])), printing.STDERR)
    elif not follows:
        cli.value(rows([branch.value() for branch in branches]))
    ending = running.signals & {signal.SIGTERM, signal.SIGHUP}
    if ending:
        return SIGNAL_BASE + max(ending)
    return ExitCode.USAGE if wrong else int(any(codes))


def _all_stdin() -> _TemporaryFileWrapper[bytes]:
    """Return a file with all of stdin, which each child reads for itself."""
    file = tempfile.NamedTemporaryFile()
    while data := os.read(0, _BLOCK):
        file.write(data)
    file.flush()
    return file


def _usage_error(branch: Branch) -> SeshError:
    error = UsageError(branch.reason) if branch.reason else rebuild(branch.value()["error"])
    error.exit_code = ExitCode.USAGE
    return error


def _row(branch: Branch) -> tuple[str, str, str]:
    verdict = f"failed ({branch.code})" if branch.code else "ok"
    return branch.title, f"{verdict:<12}", wording.plain(branch.reason)
