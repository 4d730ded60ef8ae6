"""Run a verb on several hosts, in a thread for each."""

from __future__ import annotations

import os
import select
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Union

from sesh.cli import printing
from sesh.cli.invocation import Invocation
from sesh.cli.printing import Output
from sesh.errors import SIGNAL_BASE, ExitCode, Interrupted, UsageError
from sesh.reach.cancelling import Interrupts
from sesh.system import descriptors
from sesh.system.descriptors import polled
from sesh.system.workers import Stop, Workers

_MAX_HOSTS = 32  # hosts at a time; if the verb follows, all of them
_LEAVING = 1.0  # seconds for the verbs of stopped hosts to say how far they came
_printing = threading.Lock()  # one host prints at a time


def run_on_each(cli: Invocation, given: Mapping[str, Any], run_verb: Callable[[Invocation], int]) -> int:
    """Run the verb on each host; return 0 if all succeeded. Raises UsageError.

    `given`: the parameters of the verb's function.
    """
    fan_out = _FanOut(cli, run_verb, follows=given.get("follow", cli.line.verb.name == "events"))
    if not given.get("stdin") and given.get("text") != ("-",) and given.get("file") != "-":
        return fan_out.run_all(os.devnull)
    with tempfile.NamedTemporaryFile() as stdin:
        stdin.writelines(descriptors.stdin_blocks())
        stdin.flush()
        return fan_out.run_all(stdin.name)


class HostOutput(Output):
    """The output of one of several hosts: lines and JSON values with its name.

    `follows`: print JSON values as they come, else collect them in `values`.
    """

    several = True

    def __init__(self, host: str, *, json: bool, follows: bool) -> None:
        super().__init__(json=json)
        self.values: list[Any] = []
        self.found_nothing = False
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

    def nothing_found(self) -> int:
        """Note that a search has succeeded without a result."""
        self.found_nothing = True
        return super().nothing_found()

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
                rows += [{"host": self._host, **row} for row in value]
            else:
                rows.append({"host": self._host, "exit_code": code, **value})
        return rows


class _FanOut:
    """The runs of a verb on several hosts.

    A signal is passed on to the hosts whose verb waits for signals; the verb is stopped on any other host.
    """

    def __init__(self, cli: Invocation, run_verb: Callable[[Invocation], int], *, follows: bool) -> None:
        self._cli = cli
        self._run_verb = run_verb
        self._follows = follows
        self._interrupts = Interrupts(tie=True, message="")
        self._signals: set[int] = set()
        self._signalled_at = 0.0  # when the last signal came (monotonic)
        self._outputs = {host: HostOutput(host, json=cli.line.json, follows=follows) for host in cli.line.hosts}
        self._invocations = {
            host: Invocation(replace(cli.line, hosts=[host]), out) for host, out in self._outputs.items()
        }
        self._codes: dict[str, int] = {}  # of the hosts on which the verb has ended

    def run_all(self, stdin: str) -> int:
        """Run the verb on all hosts, print a summary, return the exit code. Raises UsageError.

        `stdin`: the path of a copy of standard input.
        """
        most = len(self._invocations) if self._follows else _MAX_HOSTS
        with self._interrupts, Workers[str, Union[int, Exception]](most) as workers:
            for host in self._invocations:
                workers.begin(host, partial(self._run_on, host, stdin))
            watched = [(inbound, select.POLLIN) for inbound in (workers.inbound, self._interrupts.inbound)]
            while running := self._invocations.keys() - self._codes:
                all_stopped = all(self._invocations[host].stop.stopped for host in running)
                ready = polled(watched, self._signalled_at + _LEAVING if all_stopped else None)
                if self._interrupts.inbound in ready:
                    self._pass_on_signals(running)
                results = workers.take()
                if not ready:  # those that still run do not heed their stop
                    late = running - {host for host, _ in results}
                    results += [(host, Interrupted(self._invocations[host].stop.message)) for host in late]
                for host, result in results:
                    self._codes[host] = self._code(host, result)
        self._print_summary()
        if ending := self._signals & {signal.SIGTERM, signal.SIGHUP}:
            return SIGNAL_BASE + max(ending)
        if self._signals and ExitCode.INTERRUPTED in self._codes.values():
            return ExitCode.INTERRUPTED
        failed = any(code and not self._outputs[host].found_nothing for host, code in self._codes.items())
        return int(failed or all(self._codes.values()))

    def _run_on(self, host: str, path: str, stop: Stop) -> Iterator[int | Exception]:
        """Run the verb on a host, in its thread; yield its exit code or error."""
        cli = self._invocations[host]
        with stop.calling(cli.stop.stop), open(path, "rb") as stdin:
            cli.stdin = stdin.fileno()
            try:
                cli.stop.check()
                result: int | Exception = self._run_verb(cli)
            except Exception as error:
                result = error
        yield result

    def _code(self, host: str, result: int | Exception) -> int:
        """Return the exit code of a host; print its error. Raises BrokenPipeError, UsageError."""
        out = self._outputs[host]
        out.finish_line()
        if isinstance(result, int):
            return result
        wrong_for_all = isinstance(result, UsageError) and not (result.in_response or result.code == "invalid_host")
        if wrong_for_all or isinstance(result, BrokenPipeError):
            raise result
        if isinstance(result, Interrupted) and not (result.message or out.json):
            return result.exit_code  # the summary says so
        return out.report(result, self._cli.line.verb, host)

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
            table = printing.aligned([(host, self._summed_up(host)) for host in self._invocations])
            printing.write(printing.encoded("\n".join([*table, ""])), printing.STDERR)

    def _summed_up(self, host: str) -> str:
        """Return how the verb ended on a host, in a word or two."""
        if self._outputs[host].found_nothing:
            return "nothing found"
        code = self._codes[host]
        words: dict[int, str] = {ExitCode.OK: "ok", ExitCode.INTERRUPTED: "interrupted (130)"}
        return words.get(code, f"failed ({code})")


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
