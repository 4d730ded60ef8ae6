"""A command line carried out on several hosts: by a child for each (`run`), or by threads of this process (`gather`).

A child carries `@HOST WORDS` out as if that had been typed, without a terminal. This process prints its output, passes
signals on to it, and sums up.
"""

from __future__ import annotations

import gc
import os
import selectors
import signal
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import cycle
from queue import Empty, SimpleQueue
from types import FrameType
from typing import TypeVar

from sesh import reach, reading
from sesh.about import CALLED
from sesh.cli import main, printing
from sesh.cli.branch import SIGNALS, Branch, Form
from sesh.cli.invocation import Invocation
from sesh.cli.verbs import VERBS, Hosts
from sesh.errors import SIGNAL_BASE, ExitCode, InternalError, Refused, SeshError, UsageError
from sesh.reach import host_target  # noqa: F401 (loaded once here, not by each child)
from sesh.reach.caller import Caller
from sesh.reach.target import Target

_AT_ONCE = 32
"""Children at once, of verbs that end by themselves."""
_MOST_STDIN = 1 << 30
"""Bytes of stdin that are kept for the hosts."""
_PATIENCE = 5.0
"""Seconds in which children that are told to end may do so by themselves."""
_QUIET, _NAMED = 0.5, 5
"""Seconds in which nothing comes before a line says who is waited for; how many hosts it names."""
_COLOURS = (36, 33, 35, 32, 34, 31)

Key = TypeVar("Key")
Answer = TypeVar("Answer")


def run(cli: Invocation, words: Sequence[str]) -> int:
    """`sesh @a @b WORDS`: carry WORDS out on each host; return 0 if all did.

    Raises UsageError if the verb takes one host only, or if nobody could be asked what one host would ask.
    """
    own = words[: words.index("--")] if "--" in words else words
    _check(cli, own)
    Invocation.overseen = cli.watched and not cli.json  # the children are forks
    cli.line.verb.function()  # loads its module here, and not in each child
    gc.freeze()  # a collection in a child would copy each page with an object of this process
    form, follows = _form(cli, own)
    reads = "--stdin" in own or (cli.verb == "--send" and "-" in own)
    prefix = "\x1b[{0}m{1}: \x1b[0m" if printing.coloured() else "{1}: "
    branches = [
        Branch(host, form, prefix.format(colour, host).encode())
        for host, colour in zip(cli.hosts, cycle(_COLOURS), strict=False)
    ]
    with ExitStack() as closing:
        stdin = closing.enter_context(_copied_stdin()) if reads else ""
        running = closing.enter_context(_Running(branches, partial(_carry_out, cli, words), stdin))
        running.follow(len(branches) if follows else _AT_ONCE, cli.status if form is Form.BLOCK else bool)
    if form is Form.VALUE:
        cli.value([row for branch in branches for row in branch.values()])
    elif form is not Form.VALUES:
        _sum_up(branches)
    return _code(cli, branches, running.signals)


def _check(cli: Invocation, own: Sequence[str]) -> None:
    if cli.line.verb.hosts is Hosts.ONE:
        several = " ".join(verb.name for verb in VERBS if verb.hosts is not Hosts.ONE)
        raise UsageError(f"{cli.verb or f'{CALLED} NAME'} takes one host", hint=f"these take several: {several}")
    unnamed = cli.verb == "--kill-all" or (cli.verb == "--kill" and any(word[:7] == "--label" for word in own))
    if unnamed and "-y" not in own:
        raise UsageError("on several hosts nobody is asked whether to end the sessions", hint="add -y to end them")


def _form(cli: Invocation, own: Sequence[str]) -> tuple[Form, bool]:
    """Return how the hosts' output is printed, and whether the verb follows what happens there."""
    follows = cli.verb == "--events" or not {"-f", "--follow"}.isdisjoint(own)
    if cli.json or "--format json" in " ".join(own).replace("=", " "):
        return (Form.VALUES if follows else Form.VALUE), follows
    return (Form.LINES if follows or cli.verb in ("--exec", "--run") else Form.BLOCK), follows


def _carry_out(cli: Invocation, words: Sequence[str], host: str) -> int:
    """Carry the line out for one host, in its child; return the exit code."""
    try:
        return main.run([f"@{host}", *words])
    except BrokenPipeError:
        return SIGNAL_BASE + signal.SIGPIPE
    except (Exception, KeyboardInterrupt) as error:
        return printing.report(error, cli.line, host)


@contextmanager
def _copied_stdin() -> Iterator[str]:
    """Copy stdin to a file that each child reads for itself; yield its path."""
    with tempfile.NamedTemporaryFile() as file:
        size = 0
        for data in reading.stdin():
            size += len(data)
            if size > _MOST_STDIN:
                raise Refused("stdin has more than 1 GiB, which is the most for several hosts; write to one at a time")
            file.write(data)
        file.flush()
        yield file.name


def _sum_up(branches: Sequence[Branch]) -> None:
    """Print a row for each host on stderr, unless all were interrupted, as whoever has pressed Ctrl-C knows that."""
    interrupted = [branch for branch in branches if branch.code == ExitCode.INTERRUPTED]
    if interrupted:
        printing.fresh_line()
    if len(interrupted) < len(branches):
        rows = printing.aligned([(branch.host, _verdict(branch)) for branch in branches])
        printing.write(printing.encoded("\n".join([*rows, ""])), printing.STDERR)


def _verdict(branch: Branch) -> str:
    if not branch.code:
        return "ok"
    return f"{'interrupted' if branch.code == ExitCode.INTERRUPTED else 'failed'} ({branch.code})"


def _code(cli: Invocation, branches: Sequence[Branch], signals: set[int]) -> int:
    codes = {branch.code for branch in branches}
    if ended := signals & {signal.SIGTERM, signal.SIGHUP}:
        return SIGNAL_BASE + max(ended)
    if ExitCode.INTERRUPTED in codes and signals:
        return ExitCode.INTERRUPTED
    if codes == {ExitCode.USAGE} and cli.verb not in ("--exec", "--run"):  # theirs may be the command's own
        return ExitCode.USAGE
    return int(any(codes))


class _Running:
    """The children of a fan-out. A context manager: within it signals are passed on to them, and its end ends them.

    A branch waits, then runs, then has ended. `signals`: those that have come; after one no further child begins.
    """

    def __init__(self, branches: Sequence[Branch], work: Callable[[str], int], stdin: str) -> None:
        self.signals: set[int] = set()
        self._waiting, self._running = deque(branches), list[Branch]()
        self._work, self._stdin = work, stdin
        self._selector = selectors.DefaultSelector()
        self._closing = ExitStack()

    def __enter__(self) -> _Running:
        self._lifeline, held = os.pipe()
        for descriptor in (self._lifeline, held):
            self._closing.callback(os.close, descriptor)
        self._handle(signal.SIGCHLD, signal.SIG_DFL)  # where it is ignored, children leave no exit code
        for number in SIGNALS:
            if signal.getsignal(number) != signal.SIG_IGN:
                self._handle(number, self._pass_on)
        return self

    def _handle(self, number: int, handler: Callable[[int, FrameType | None], object] | signal.Handlers) -> None:
        self._closing.callback(signal.signal, number, signal.signal(number, handler))

    def __exit__(self, *_error: object) -> None:
        """End the children that still run, by force if they do not do so by themselves; give the signals back."""
        self._waiting.clear()
        self._send(signal.SIGTERM)
        self._send(signal.SIGCONT)
        deadline = time.monotonic() + _PATIENCE
        while self._selector.get_map() and (left := deadline - time.monotonic()) > 0:
            for key, _ in self._selector.select(left):
                if not os.read(key.fd, 1 << 16):
                    self._selector.unregister(key.fd)
        self._send(signal.SIGKILL)
        while self._running:
            self._running.pop().wait()
        self._selector.close()
        self._closing.close()

    def _pass_on(self, number: int, _frame: FrameType | None) -> None:
        self.signals.add(number)
        self._waiting.clear()
        self._send(number)

    def _send(self, number: int) -> None:
        for branch in self._running:
            os.kill(branch.pid, number)

    def follow(self, most: int, status: Callable[[str], object]) -> None:
        """Start the children, `most` at once, and print their output until all have ended.

        `status`: gets a line that says who is waited for, and an empty one before anything is printed.
        """
        while True:
            self._start(most)
            if not self._running:
                return
            if not (ready := self._selector.select(_QUIET)):
                status(_waited_for([branch.host for branch in self._running]))
                ready = self._selector.select()
                status("")
            for key, _ in ready:
                self._read(key.data, key.fd)

    def _start(self, most: int) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # each child gets each signal, and none after the first
        try:
            while self._waiting and len(self._running) < most:
                branch = self._waiting.popleft()
                branch.start(partial(self._work, branch.host), self._stdin, self._lifeline)
                self._running.append(branch)
                for descriptor in branch.outputs:
                    self._selector.register(descriptor, selectors.EVENT_READ, branch)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)

    def _read(self, branch: Branch, descriptor: int) -> None:
        if branch.read(descriptor):
            return
        self._selector.unregister(descriptor)
        if not branch.outputs:
            self._running.remove(branch)  # before its pid may become that of another process
            branch.wait()


class OneOf(Caller):
    """The caller for one of several hosts, in a thread: it cannot be asked, and its notes name the host."""

    def __init__(self, cli: Invocation, host: str | None) -> None:
        self.local, self._host = cli.local, host

    def note(self, line: str) -> None:
        """Print a note."""
        printing.note(f"@{self._host}: {line}" if self._host is not None else line, self._host)


def target_of(cli: Invocation, host: str | None) -> Target:
    """Return the target for one of several hosts, to be used in a thread. Raises InvalidHost."""
    return reach.target_of(OneOf(cli, host), host)


def gather(
    cli: Invocation, work: Mapping[Key, Callable[[], Answer]], *, first: bool = False
) -> dict[Key, Answer | SeshError]:
    """Do work in threads, all at once; return the answers, or the errors in their place, in the order of the keys.

    `first`: return the first answer alone, unless there are only errors. Threads that go on, then or after Ctrl-C, end
    with this process.
    """
    come: SimpleQueue[tuple[Key, Answer | SeshError]] = SimpleQueue()

    def answer(key: Key) -> None:
        try:
            come.put((key, work[key]()))
        except SeshError as error:
            come.put((key, error))
        except Exception as error:
            come.put((key, InternalError(f"internal error: {type(error).__name__}: {error}")))

    for key in work:
        threading.Thread(target=answer, args=(key,), daemon=True).start()
    answers: dict[Key, Answer | SeshError] = {}
    try:
        while len(answers) < len(work):
            try:
                key, found = come.get(timeout=_QUIET)
            except Empty:
                if hosts := [key for key in work if isinstance(key, str) and key not in answers]:
                    cli.status(_waited_for(hosts))
                key, found = come.get()
            answers[key] = found
            if first and not isinstance(found, SeshError):
                return {key: found}
    finally:
        cli.status("")
    return {key: answers[key] for key in work}


def _waited_for(hosts: Sequence[str]) -> str:
    more = f" and {len(hosts) - _NAMED} more" if len(hosts) > _NAMED else ""
    return f"waiting for {', '.join(hosts[:_NAMED])}{more}"
