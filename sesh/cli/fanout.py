"""Run a verb, or call a function, on several machines, in a thread for each."""

from __future__ import annotations

import os
import select
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from sesh import descriptors, reach
from sesh.cli import printing
from sesh.cli.invocation import Invocation
from sesh.cli.printing import Output, sesh_error
from sesh.cli.verbs import Parameters
from sesh.descriptors import polled
from sesh.errors import SIGNAL_BASE, ExitCode, Interrupted, InvalidHost, SeshError, UsageError
from sesh.reach.caller import Caller
from sesh.reach.cancelling import Interrupts
from sesh.reach.target import Target
from sesh.workers import Stop, Workers

_MOST = 32  # hosts at a time; if the verb follows, all of them
_LEAVING = 1.0  # seconds for the verbs of stopped hosts to say how far they came
_printing = threading.Lock()  # one host prints at a time

Key = TypeVar("Key")
Result = TypeVar("Result")


def run_on_each(cli: Invocation, parameters: Parameters, run_verb: Callable[[Invocation], int]) -> int:
    """Run the verb on each host; return 0 if all succeeded. Raises UsageError."""
    follows = cli.line.verb.follows(parameters)
    if not cli.line.verb.reads_stdin(parameters):
        return _FanOut(cli, run_verb, os.devnull, follows=follows).run_all()
    with tempfile.NamedTemporaryFile() as stdin:
        for data in descriptors.stdin_blocks():
            stdin.write(data)
        stdin.flush()
        return _FanOut(cli, run_verb, stdin.name, follows=follows).run_all()


class _NotRead(SeshError):
    """Nobody reads the output of the verb any more."""


class HostOutput(Output):
    """The output of one of several hosts: lines and JSON values with its name.

    `follows`: print JSON values as they come, else collect them in `values`.
    """

    several = True

    def __init__(self, host: str, *, json: bool, follows: bool) -> None:
        super().__init__(json=json)
        self.values: list[Any] = []
        self._host = host
        self._follows = follows
        self._prefix = b"" if json else f"{host}: ".encode()
        self._unfinished = b""

    def write(self, data: bytes) -> None:
        """Print the lines that the data completes, and pieces of a long one."""
        with _printing:
            *lines, unfinished = (self._unfinished + data).split(b"\n")
            pieces, self._unfinished = printing.pieces(unfinished) if self._prefix else ([], unfinished)
            printing.write(b"".join(self._prefix + line + b"\n" for line in [*lines, *pieces]))

    def value(self, thing: object) -> int:
        """Print a JSON value, or collect it."""
        if self._follows:
            return super().value(thing)
        self.values.append(thing)
        return ExitCode.OK

    def json_line(self, thing: object) -> bytes:
        """Return the line for a JSON object, with the host."""
        return super().json_line({"host": self._host, **thing} if isinstance(thing, dict) else thing)

    def note(self, line: str, host: str | None = None) -> None:
        """Print a note after the host's name."""
        super().note(f"{self._host}: {line}", host)

    def finish_line(self) -> None:
        """Print an unfinished line."""
        if self._unfinished:
            self.write(b"\n")

    def rows(self, code: int) -> list[Any]:
        """Return the JSON of the host as rows, each with its host and exit code."""
        rows: list[Any] = []
        for value in self.values:
            if isinstance(value, list):
                rows += value
            else:
                rows.append({"host": self._host, "exit_code": code, **value})
        return rows


class _FanOut:
    """The runs of a verb on several hosts.

    `stdin`: the path of a copy of standard input. A signal is passed on to the hosts whose verb waits for signals; the
    verb is stopped on any other host.
    """

    def __init__(self, cli: Invocation, run_verb: Callable[[Invocation], int], stdin: str, *, follows: bool) -> None:
        self._cli = cli
        self._run_verb = run_verb
        self._stdin = stdin
        self._follows = follows
        self._room = threading.Semaphore(len(cli.line.hosts) if follows else _MOST)
        self._workers: Workers[str, int] = Workers()
        self._interrupts = Interrupts(tie=True, message="")
        self._signals: set[int] = set()
        self._signalled_at = 0.0  # when the last signal came (monotonic)
        self._outputs = {host: HostOutput(host, json=cli.line.json, follows=follows) for host in cli.line.hosts}
        self._invocations = {
            host: Invocation(replace(cli.line, hosts=[host]), out) for host, out in self._outputs.items()
        }
        self._codes: dict[str, int] = {}  # of the hosts on which the verb has ended

    def run_all(self) -> int:
        """Run the verb on all hosts, print a summary, return the exit code. Raises UsageError."""
        with self._interrupts, self._workers:
            for host in self._invocations:
                self._workers.begin(host, partial(self._run_on, host))
            watched = [(inbound, select.POLLIN) for inbound in (self._workers.inbound, self._interrupts.inbound)]
            while running := self._invocations.keys() - self._codes:
                all_stopped = all(self._invocations[host].stop.stopped for host in running)
                ready = polled(watched, self._signalled_at + _LEAVING if all_stopped else None)
                if self._interrupts.inbound in ready:
                    self._pass_on_signals(running)
                self._take_results()
                if not ready:
                    break  # those that still run do not heed their stop
            for host in self._invocations.keys() - self._codes:
                self._take(host, Interrupted(self._invocations[host].stop.message))
        self._print_summary()
        if ending := self._signals & {signal.SIGTERM, signal.SIGHUP}:
            return SIGNAL_BASE + max(ending)
        if self._signals and ExitCode.INTERRUPTED in self._codes.values():
            return ExitCode.INTERRUPTED
        return int(any(self._codes.values()))

    def _run_on(self, host: str, stop: Stop) -> Iterator[int]:
        """Run the verb on a host, in its thread; yield the exit code."""
        cli = self._invocations[host]
        with self._room, stop.calling(cli.stop.stop), open(self._stdin, "rb") as stdin:
            cli.stop.check()
            cli.stdin = stdin.fileno()
            try:
                try:
                    code = self._run_verb(cli)
                finally:
                    self._outputs[host].finish_line()
            except BrokenPipeError as broken:
                raise _NotRead("") from broken
            except Exception as error:
                raise sesh_error(error, cli.line.verb) from error
        yield code

    def _take_results(self) -> None:
        for host, result in self._workers.take():
            self._take(host, result)

    def _take(self, host: str, result: int | SeshError) -> None:
        """Take the exit code of a host; print its error. Raises BrokenPipeError, UsageError."""
        if isinstance(result, _NotRead):
            raise BrokenPipeError
        if isinstance(result, UsageError) and not (result.in_response or isinstance(result, InvalidHost)):
            raise result  # the command line is wrong for all hosts
        out = self._outputs[host]
        self._codes[host] = int(result.exit_code) if isinstance(result, SeshError) else result
        if isinstance(result, SeshError) and (result.message or out.json):  # else the summary says: interrupted
            out.report(result, self._cli.line.verb, host)

    def _pass_on_signals(self, hosts: Iterable[str]) -> None:
        """Pass signals on to verbs that wait for them; stop the others."""
        self._signalled_at = time.monotonic()
        for number in self._interrupts.read():
            self._signals.add(number)
            if number == signal.SIGINT:
                printing.start_new_line()
            for host in hosts:
                _pass_on(number, self._invocations[host])

    def _print_summary(self) -> None:
        """Print the JSON of all hosts, or how the verb ended on each."""
        json = self._cli.line.json
        rows = [row for host, out in self._outputs.items() for row in out.rows(self._codes[host])]
        if rows or (json and not self._follows):
            self._cli.out.value(rows)
        elif not json and set(self._codes.values()) != {ExitCode.INTERRUPTED}:
            table = printing.aligned([(host, _verdict(self._codes[host])) for host in self._invocations])
            printing.write(printing.encoded("\n".join([*table, ""])), printing.STDERR)


def _pass_on(number: int, cli: Invocation) -> None:
    """Pass a signal on to a verb that waits for it; stop any other verb."""
    try:
        if (interrupts := cli.interrupts) is None:
            raise Interrupted("")
        interrupts.deliver(number)
    except Interrupted as stopped:
        if not cli.stop.stopped:
            cli.stop.message = stopped.message
            cli.stop.stop()


def _verdict(code: int) -> str:
    if not code:
        return "ok"
    return f"interrupted ({code})" if code == ExitCode.INTERRUPTED else f"failed ({code})"


# -- one function for several machines


class _HostCaller(Caller):
    """The caller in a host's thread: it cannot ask; its notes name the host."""

    def __init__(self, cli: Invocation, host: str | None, stop: Stop) -> None:
        super().__init__(stop)
        self.local = cli.local
        self._host = host

    def note(self, line: str) -> None:
        printing.note(printing.on_host(self._host, line), self._host)


def call_each(
    cli: Invocation,
    host_by_key: Mapping[Key, str | None],
    call: Callable[[Key, Target], Result],
    *,
    first: bool = False,
) -> dict[Key, Result | SeshError]:
    """Call a function for each key, with its host's target, all at once.

    Return results or errors by key. `first`: return only the first result, unless there are only errors.
    """
    results: dict[Key, Result | SeshError] = {}

    def call_one(key: Key, stop: Stop) -> Iterator[Result]:
        yield call(key, reach.target_of(_HostCaller(cli, host_by_key[key], stop), host_by_key[key]))

    with Workers[Key, Result]() as workers:
        for key in host_by_key:
            workers.begin(key, partial(call_one, key))
        while len(results) < len(host_by_key):
            polled([(workers.inbound, select.POLLIN)], None)
            results |= workers.take()
            succeeded = {key: result for key, result in results.items() if not isinstance(result, SeshError)}
            if first and succeeded:
                return {**succeeded}
    return {key: results[key] for key in host_by_key}


def on_hosts(
    cli: Invocation, hosts: Sequence[str | None], call: Callable[[Target], Result]
) -> dict[str | None, Result | SeshError]:
    """Call a function for each host, None for this machine; return results or errors.

    If the line has at most one host, an error is raised, and the person may be asked to log in.
    """
    if len(cli.line.hosts) < 2:
        return {host: call(cli.target_of(host)) for host in hosts}
    return call_each(cli, {host: host for host in hosts}, lambda _, target: call(target))
