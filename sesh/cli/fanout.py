"""Run a verb on several hosts, in a child process for each; print their output and a summary.

The children are forks, because 32 forks take 200 MiB and 32 interpreters would take 670. A child has no terminal, so
nothing in it prompts, and each signal reaches it once, from its parent.
"""

from __future__ import annotations

import gc
import json
import os
import selectors
import signal
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from enum import Enum
from functools import partial
from itertools import cycle
from types import FrameType
from typing import Any

from sesh import stdin
from sesh.about import CALLED
from sesh.cli import printing
from sesh.cli.gather import STATUS_DELAY, waiting_line
from sesh.cli.invocation import Invocation
from sesh.cli.person import Person
from sesh.cli.verbs import VERBS, Hosts
from sesh.errors import SIGNAL_BASE, ExitCode, UsageError, no_process
from sesh.reach import host_target  # noqa: F401 (loaded once here, not by each child)

_FORWARDED = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP)
_MAX_CHILDREN = 32  # at a time; if the verb follows, all of them run at once
_BLOCK = 1 << 16
_LIFELINE = 3  # the child's end of a pipe, at which EOF means that the parent has ended
_COLOURS = (36, 33, 35, 32, 34, 31)


class Form(Enum):
    """How the output of a host is printed."""

    LINES = "lines, each prefixed with its host"
    OBJECTS = "JSON, an object a line"
    LIST = "JSON, one list of all values at the end"


def run(cli: Invocation, words: Mapping[str, Any], verb: Callable[[Invocation], int]) -> int:
    """Run the verb on each host of the line; return 0 if all succeeded.

    `words`: the values of the verb's parameters. Raises UsageError if the verb takes one host only, or needs a
    confirmation, for which no child can ask.
    """
    _check(cli, words)
    follows = cli.line.verb.name == "events" or bool(words.get("follow"))
    form = Form.LINES
    if cli.line.json or words.get("form") == "json":
        form = Form.OBJECTS if follows else Form.LIST
    Person.parent_watched = cli.person.watched  # the children, as forks, inherit it
    gc.freeze()  # else a garbage collection in a child would copy all pages with objects
    reads = words.get("stdin") or (cli.line.verb.name == "send" and [*(words.get("text") or ())] == ["-"])
    with _copied_stdin() if reads else nullcontext("") as stdin:
        children = _Children(cli.line.hosts, form, lambda host: _run_verb(cli, host, verb), stdin)
        status = (lambda _: None) if follows else cli.person.status
        children.run(len(cli.line.hosts) if follows else _MAX_CHILDREN, status)
    if form is Form.LIST:
        printing.value([row for host in cli.line.hosts for row in children.values(host)])
    elif form is Form.LINES:
        _print_summary(children.codes)
    return _exit_code(cli, {*children.codes.values()}, children.signals)


def _check(cli: Invocation, words: Mapping[str, Any]) -> None:
    if cli.line.verb.hosts is Hosts.ONE:
        several = " ".join(verb.name for verb in VERBS if verb.hosts is not Hosts.ONE)
        verb = cli.line.verb.dashed or f"{CALLED} NAME"
        raise UsageError(f"{verb} takes one host", hint=f"these take several: {several}")
    unnamed = cli.line.verb.name == "kill-all" or (cli.line.verb.name == "kill" and words.get("label"))
    if unnamed and not words.get("yes"):
        raise UsageError("on several hosts nobody is asked whether to end the sessions", hint="add -y to end them")


def _run_verb(cli: Invocation, host: str, verb: Callable[[Invocation], int]) -> int:
    """Run the verb for one host, in its child; return the exit code."""
    try:
        return verb(Invocation(replace(cli.line, hosts=[host])))
    except BrokenPipeError:
        return SIGNAL_BASE + signal.SIGPIPE
    except (Exception, KeyboardInterrupt) as error:
        return printing.report(error, cli.line, host)


@contextmanager
def _copied_stdin() -> Iterator[str]:
    """Copy stdin to a file, which each child opens for itself; yield its path."""
    with tempfile.NamedTemporaryFile() as file:
        for data in stdin.blocks():
            file.write(data)
        file.flush()
        yield file.name


def _print_summary(codes: Mapping[str, int]) -> None:
    """Print a row for each host on stderr, unless Ctrl-C has interrupted all of them."""
    if ExitCode.INTERRUPTED in codes.values():
        printing.fresh_line()
    if any(code != ExitCode.INTERRUPTED for code in codes.values()):
        rows = printing.aligned([(host, _verdict(code)) for host, code in codes.items()])
        printing.write(printing.encoded("\n".join([*rows, ""])), printing.STDERR)


def _verdict(code: int) -> str:
    return f"{'interrupted' if code == ExitCode.INTERRUPTED else 'failed'} ({code})" if code else "ok"


def _exit_code(cli: Invocation, codes: set[int], signals: set[int]) -> int:
    if ended := signals & {signal.SIGTERM, signal.SIGHUP}:
        return SIGNAL_BASE + max(ended)
    if ExitCode.INTERRUPTED in codes and signals:
        return ExitCode.INTERRUPTED
    runs_command = cli.line.verb.name in ("exec", "run")  # the command's own exit code may be 2
    if not runs_command and all(code == ExitCode.USAGE for code in codes):
        return ExitCode.USAGE
    return int(any(codes))


class _Children:
    """The children of a fan-out. Signals are forwarded to them, and they end with this process.

    `codes`: the exit code of each host; INTERRUPTED for a child that was never started. `signals`: signals received;
    after the first, no more children start.
    """

    def __init__(self, hosts: Sequence[str], form: Form, work: Callable[[str], int], stdin: str) -> None:
        self.codes = dict.fromkeys(hosts, int(ExitCode.INTERRUPTED))
        self.signals: set[int] = set()
        self._form, self._work, self._stdin = form, work, stdin
        self._waiting, self._running = deque(hosts), dict[int, str]()
        self._buffers: dict[str, bytearray] = {host: bytearray() for host in hosts}
        self._selector = selectors.DefaultSelector()
        self._lifeline, _ = os.pipe()  # the other end stays open until this process ends
        prefix = "\x1b[{0}m{1}: \x1b[0m" if printing.coloured() else "{1}: "
        colours = zip(hosts, cycle(_COLOURS), strict=False)
        self._prefixes = {host: prefix.format(colour, host).encode() for host, colour in colours}
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # if it is ignored, the kernel discards the children's exit codes
        for number in _FORWARDED:
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._forward)

    def _forward(self, number: int, _frame: FrameType | None) -> None:
        self.signals.add(number)
        self._waiting.clear()
        for pid in self._running:
            os.kill(pid, number)

    def run(self, limit: int, status: Callable[[str], object]) -> None:
        """Start the children, at most `limit` at a time, and print their output until all have ended.

        `status`: is called with a line that names the hosts that still run, and with "" before output is printed.
        """
        while True:
            signal.pthread_sigmask(signal.SIG_BLOCK, _FORWARDED)  # a signal during a fork would miss the child
            try:
                while self._waiting and len(self._running) < limit:
                    self._start(self._waiting.popleft())
            finally:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, _FORWARDED)
            if not self._running:
                return
            if not (ready := self._selector.select(STATUS_DELAY)):
                status(waiting_line([*self._running.values()]))
                ready = self._selector.select()
                status("")
            for key, _ in ready:
                pid, take = key.data
                self._read(pid, take, key.fd)

    def _start(self, host: str) -> None:
        pipes = [os.pipe(), os.pipe()]
        outputs = [outbound for _, outbound in pipes]
        pid = fork(lambda: _run_child(lambda: self._work(host), self._stdin, outputs, self._lifeline))
        self._running[pid] = host
        takers = (self._stdout_taker(host), Lines(partial(_note, host)).take)
        for (inbound, outbound), take in zip(pipes, takers, strict=True):
            os.close(outbound)
            self._selector.register(inbound, selectors.EVENT_READ, (pid, take))

    def _stdout_taker(self, host: str) -> Callable[[bytes], object]:
        """Return the function that takes the stdout of a host."""
        if self._form is Form.LIST:
            return self._buffers[host].extend
        show = self._print if self._form is Form.LINES else _print_objects
        return Lines(partial(show, host)).take

    def _read(self, pid: int, take: Callable[[bytes], object], descriptor: int) -> None:
        """Read and print output; once both streams have ended, take the exit code."""
        data = os.read(descriptor, _BLOCK)
        take(data)
        if data:
            return
        self._selector.unregister(descriptor)
        os.close(descriptor)
        if not any(key.data[0] == pid for key in self._selector.get_map().values()):
            host = self._running.pop(pid)  # before `waitpid` frees the pid, which another process may get
            _, status = os.waitpid(pid, 0)
            ended_by = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
            self.codes[host] = SIGNAL_BASE + ended_by if ended_by else os.WEXITSTATUS(status)

    def values(self, host: str) -> list[Any]:
        """Return the JSON that a host printed: the rows of a list, or its value with host and exit code."""
        code = self.codes[host]
        try:
            value = json.loads(self._buffers[host])
        except ValueError:
            kind = "interrupted" if code == ExitCode.INTERRUPTED else "internal"
            value = {"error": {"code": kind, "message": f"{host} printed nothing"}}
        if isinstance(value, list):
            return value
        return [{"host": host, **value, "exit_code": value.get("exit_code", code)}]

    def _print(self, host: str, lines: list[bytes]) -> None:
        printing.write(b"".join(self._prefixes[host] + line + b"\n" for line in lines))


def _print_objects(host: str, lines: list[bytes]) -> None:
    for line in lines:
        printing.value({"host": host, **json.loads(line)})


def _note(host: str, lines: list[bytes]) -> None:
    for line in lines:
        text = line.decode("utf-8", "replace").removeprefix(f"{CALLED}: ")
        if text != "interrupted":  # the exit code says so for all hosts
            printing.note(f"{host}: {text}")


class Lines:
    """Splits output into lines, and shows them."""

    def __init__(self, show: Callable[[list[bytes]], object]) -> None:
        self._show, self._unfinished = show, b""

    def take(self, data: bytes) -> None:
        """Take more output. Empty data is the end, which completes an unfinished line."""
        *lines, unfinished = (self._unfinished + data).split(b"\n")
        pieces, self._unfinished = printing.pieces(unfinished)
        last = [self._unfinished] if self._unfinished and not data else []
        self._show([*lines, *pieces, *last])


def fork(work: Callable[[], int]) -> int:
    """Fork a child that exits with the result of `work`; return its pid. Raises Refused if the fork fails."""
    try:
        pid = os.fork()
    except OSError as error:
        raise no_process(error) from error
    if pid:
        return pid
    code = 1
    try:
        code = work()
    except KeyboardInterrupt:
        code = SIGNAL_BASE + signal.SIGINT
    finally:
        os._exit(code)


def _run_child(work: Callable[[], int], stdin: str, outputs: list[int], lifeline: int) -> int:
    """Set up descriptors and signals of a child, and do its work; return the exit code."""
    os.setsid()
    if stdin:
        os.dup2(os.open(stdin, os.O_RDONLY), 0)
    for descriptor, stream in enumerate(outputs, 1):
        os.dup2(stream, descriptor)
    os.dup2(lifeline, _LIFELINE)
    os.closerange(_LIFELINE + 1, 1 << 16)
    for number in _FORWARDED:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()  # the thread gets no signals: they are still blocked
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _FORWARDED)
    return work()


def _end_with_parent() -> None:
    """End this child when its parent ends, even by SIGKILL, because nothing would read its output."""
    os.read(_LIFELINE, 1)
    os.kill(os.getpid(), signal.SIGTERM)
