"""Run a verb on several hosts, in a thread for each; print their output and a summary."""

from __future__ import annotations

import os
import select
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from itertools import cycle
from typing import IO, Any

from sesh import descriptors
from sesh.about import PROGRAM
from sesh.cli import printing
from sesh.cli.gather import Gathering
from sesh.cli.invocation import Invocation
from sesh.cli.line import CommandLine
from sesh.cli.output import Output, sesh_error
from sesh.cli.verbs import VERBS, Hosts
from sesh.descriptors import polled
from sesh.errors import SIGNAL_BASE, ExitCode, Interrupted, InvalidHost, SeshError, UsageError
from sesh.reach.cancelling import Interrupts
from sesh.stop import Stop

_MOST = 32  # hosts at a time; if the verb follows, all of them
_LEAVING = 1.0  # seconds for the verbs of stopped hosts to say how far they came
_BLOCK = 1 << 16
_UNREAD = -1  # the code of a verb whose output nobody reads any more
_COLOURS = (36, 33, 35, 32, 34, 31)
_printing = threading.Lock()  # one host prints at a time


def run(cli: Invocation, words: Mapping[str, Any], run_verb: Callable[[Invocation], int]) -> int:
    """Run the verb on each host of the line; return 0 if all succeeded.

    `words`: the values of the verb's parameters. Raises UsageError, also if the verb takes one host only.
    """
    if cli.line.verb.hosts is Hosts.ONE:
        several = " ".join(verb.name for verb in VERBS if verb.hosts in (Hosts.EACH, Hosts.ALL))
        verb = cli.line.verb.dashed or f"{PROGRAM} NAME"
        raise UsageError(f"{verb} takes one host", hint=f"these take several: {several}")
    return _FanOut(cli, run_verb, follows=cli.line.verb.follows or bool(words.get("follow"))).run_all()


class HostOutput(Output):
    """The output of one of several hosts: lines after the host's name, or JSON with the host.

    `cli`: the command line of all hosts, whose status line goes before anything is printed. `follows`: print JSON
    values as they come, else collect them in `values`.
    """

    several = True

    def __init__(self, cli: Invocation, host: str, colour: int, *, follows: bool) -> None:
        super().__init__(json=cli.line.json)
        self.values: list[Any] = []
        self._cli, self._host, self._follows = cli, host, follows
        prefix = f"\x1b[{colour}m{host}: \x1b[0m" if printing.coloured() else f"{host}: "
        self._prefix = b"" if self.json else prefix.encode()
        self._unfinished = b""
        self._ended = False

    def write(self, data: bytes) -> None:
        """Print the lines that the data completes, and pieces of a long one."""
        with _printing:
            *lines, unfinished = (self._unfinished + data).split(b"\n")
            pieces, self._unfinished = printing.pieces(unfinished) if self._prefix else ([], unfinished)
            lines += pieces
            if lines and not self._ended:
                self._cli.status("")
                printing.write(b"".join(self._prefix + line + b"\n" for line in lines))

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
        if self._ended:
            return
        self._cli.status("")
        super().note(f"{self._host}: {line}", host)

    def finish_line(self) -> None:
        """Print an unfinished line."""
        if self._unfinished:
            self.write(b"\n")

    def end(self) -> None:
        """Print nothing from now on. Waits for no other host, which may be printing into a full pipe."""
        self._ended = True

    def rows(self, code: int) -> list[Any]:
        """Return the rows for the list of all hosts: those of a list, or an object with host and exit code."""
        rows: list[Any] = []
        for value in self.values:
            rows += value if isinstance(value, list) else [{"host": self._host, "exit_code": code, **value}]
        return rows


class _StdinCopy:
    """All of stdin in a file, which the first host that wants it writes."""

    def __init__(self) -> None:
        self._writing = threading.Lock()
        self._file: IO[bytes] | None = None

    def open(self, stop: Stop) -> int:
        """Return a descriptor of the file, to read it from its start. Raises Interrupted if `stop` comes first."""
        with self._writing, Interrupts(tie=False, message="") as stopped, stop.calling(stopped.stop):
            if self._file is None:
                file = tempfile.NamedTemporaryFile()
                while (data := self._read(stopped)) != b"":
                    file.write(data or b"")
                file.flush()
                self._file = file
            return os.open(self._file.name, os.O_RDONLY)

    def _read(self, stopped: Interrupts) -> bytes | None:
        polled([(0, select.POLLIN), (stopped.inbound, select.POLLIN)], None)
        stopped.check()
        return descriptors.stdin_block(_BLOCK)


class _HostInvocation(Invocation):
    """The command line of one of several hosts, with an output of its own."""

    out: HostOutput

    def __init__(self, line: CommandLine, out: HostOutput, copy: _StdinCopy) -> None:
        super().__init__(line, out)
        self.stop.message = ""
        self._copy = copy

    def open_stdin(self) -> int:
        """Return the descriptor of a copy of stdin."""
        return self._copy.open(self.stop)


class _FanOut(Gathering[str, int]):
    """The runs of a verb on several hosts.

    `signals`: those received. They are passed on to the hosts whose verb waits for them; any other host is stopped.
    """

    def __init__(self, cli: Invocation, run_verb: Callable[[Invocation], int], *, follows: bool) -> None:
        hosts = cli.line.hosts
        super().__init__(cli, {host: partial(self._run_on, host) for host in hosts})
        self._run_verb, self._follows = run_verb, follows
        self._room = threading.Semaphore(len(hosts) if follows else _MOST)
        self._interrupts = Interrupts(tie=True, message="")
        self.signals: set[int] = set()
        self._hosts: dict[str, _HostInvocation] = {}
        copy = _StdinCopy()
        for host, colour in zip(hosts, cycle(_COLOURS), strict=False):
            out = HostOutput(cli, host, colour, follows=follows)
            self._hosts[host] = _HostInvocation(replace(cli.line, hosts=[host]), out, copy)

    def _run_on(self, host: str, stop: Stop) -> int:
        """Run the verb on a host, in its thread; return the exit code."""
        cli = self._hosts[host]
        with self._room, stop.calling(cli.stop.stop):
            cli.stop.check()
            try:
                try:
                    return self._run_verb(cli)
                finally:
                    cli.out.finish_line()
            except BrokenPipeError:
                return _UNREAD
            except Exception as error:
                raise sesh_error(error, cli.line.verb) from error

    def take(self, host: str, answer: int | SeshError) -> None:
        """Take the exit code of a host, or print its error. Raises BrokenPipeError, UsageError."""
        if answer == _UNREAD:
            raise BrokenPipeError
        if isinstance(answer, UsageError) and not (answer.answered or isinstance(answer, InvalidHost)):
            raise answer  # the command line is wrong for all hosts
        super().take(host, answer)
        out = self._hosts[host].out
        if isinstance(answer, SeshError) and (answer.message or out.json):  # no message: interrupted, says the summary
            out.report(answer, self.cli.line.verb, host)
        out.end()

    def signalled(self) -> None:
        """Pass signals on to the verbs that wait for them, and stop the others."""
        for number in self._interrupts.read():
            self.signals.add(number)
            if number == signal.SIGINT:
                printing.fresh_line()
            for host in self._hosts.keys() - self.answers:
                _deliver(self._hosts[host], number)
        until = time.monotonic() + _LEAVING
        while (late := self._stopped()) and time.monotonic() < until:
            polled([(self.workers.inbound, select.POLLIN)], until)
            for host, answer in self.workers.take():
                self.take(host, answer)
        for host in late:
            self.workers.end(host)
            self.take(host, Interrupted(self._hosts[host].stop.message))

    def _stopped(self) -> list[str]:
        """Return the hosts that were stopped and have not answered yet."""
        return [host for host, cli in self._hosts.items() if cli.stop.stopped and host not in self.answers]

    def run_all(self) -> int:
        """Run the verb on all hosts, and print a summary; return the exit code. Raises UsageError."""
        with self._interrupts:
            self.run(self._interrupts.inbound)
        codes = {host: _code(self.answers[host]) for host in self._hosts}
        rows = [row for host, code in codes.items() for row in self._hosts[host].out.rows(code)]
        if rows or (self.cli.line.json and not self._follows):
            self.cli.out.value(rows)
        elif not self.cli.line.json and set(codes.values()) != {ExitCode.INTERRUPTED}:
            table = printing.aligned([(host, _verdict(code)) for host, code in codes.items()])
            printing.write(printing.encoded("\n".join([*table, ""])), printing.STDERR)
        if ended := self.signals & {signal.SIGTERM, signal.SIGHUP}:
            return SIGNAL_BASE + max(ended)
        if self.signals and ExitCode.INTERRUPTED in codes.values():
            return ExitCode.INTERRUPTED
        return int(any(codes.values()))


def _deliver(cli: Invocation, number: int) -> None:
    """Pass a signal on to a verb that waits for it; stop any other verb."""
    try:
        if (interrupts := cli.interrupts) is None:
            raise Interrupted("")
        interrupts.deliver(number)
    except Interrupted as stopped:
        if not cli.stop.stopped:
            cli.stop.message = stopped.message
            cli.stop.stop()


def _code(answer: int | SeshError) -> int:
    return int(answer.exit_code) if isinstance(answer, SeshError) else answer


def _verdict(code: int) -> str:
    return f"{'interrupted' if code == ExitCode.INTERRUPTED else 'failed'} ({code})" if code else "ok"
