"""`--exec` or `--run` on several hosts: the lines of each host under its name, then a summary."""

from __future__ import annotations

import json
import os
import select
import signal
from itertools import cycle

from sesh import wording
from sesh.about import CALLED
from sesh.cli import printing
from sesh.errors import SeshError, UsageError
from sesh.ops import child

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.cli.invocation import Invocation
    from sesh.cli.parser import Options

VERBS = ("--exec", "--run")
_COLOURS = (36, 33, 35, 32, 34, 31)
_BLOCK = 1 << 16
_LONGEST = 1 << 16
"""Bytes of a line; a longer one comes in pieces, each under the host's name."""


class HostRun:
    """The child that carries out the line on one host: its stdout, and the last line of its stderr.

    `prefix`: what its lines are printed behind; if it is empty, only the last line is kept.
    """

    def __init__(self, cli: Invocation, options: Options, host: str, prefix: bytes) -> None:
        self.host, self.prefix = host, prefix
        stdin = os.open(os.devnull, os.O_RDONLY)
        self.stdout, stdout = os.pipe()
        self.stderr, stderr = os.pipe()
        self.pid = child.fork(lambda: _carry_out(cli, options, host), stdio=(stdin, stdout, stderr))
        for descriptor in (stdin, stdout, stderr):
            os.close(descriptor)
        self.output = bytearray()
        """The unfinished line, with `print_lines`; the last line, with `keep_last_line`."""
        self.notes = b""

    def print_lines(self, data: bytes) -> None:
        """Print the whole lines of its output under the host's name."""
        whole, newline, rest = data.rpartition(b"\n")
        if newline:
            lines = (self.output + whole).split(b"\n")
            printing.write(b"".join(self.prefix + line + b"\n" for line in lines))
            self.output.clear()
        self.output += rest
        while len(self.output) > _LONGEST:
            printing.write(self.prefix + self.output[:_LONGEST] + b"\n")
            del self.output[:_LONGEST]

    def keep_last_line(self, data: bytes) -> None:
        """Drop its output except for the last line, which is JSON."""
        start = data.rfind(b"\n", 0, -1) + 1
        if start or self.output.endswith(b"\n"):
            self.output.clear()
        self.output += data[start:]

    def value(self, code: int) -> dict[str, object]:
        """Return the JSON that it printed, with the host; an error if it printed none."""
        try:
            value = json.loads(self.output.splitlines()[-1])
        except (ValueError, IndexError):
            value = {"error": {"code": "internal", "message": self.reason() or "it printed nothing"}}
        return {**value, "host": self.host, "exit_code": value.get("exit_code", code)}

    def finish(self) -> int:
        """Print the rest of the last line; return the exit code."""
        if self.prefix and self.output:
            printing.write(self.prefix + self.output + b"\n")
        _, status = os.waitpid(self.pid, 0)
        return child.code(status)

    def reason(self) -> str:
        """Return the last line of its stderr."""
        lines = self.notes.decode("utf-8", "replace").strip().splitlines()
        return lines[-1].removeprefix(f"{CALLED}: ") if lines else ""


def _carry_out(cli: Invocation, options: Options, host: str) -> int:
    """Carry out the line on one host; return the exit code. An error is printed as the command line prints it."""
    cli.set_host(host)
    try:
        return cli.line.row.function()(cli, **options)
    except SeshError as error:
        printing.failure(error, json=cli.json, host=host)
        return int(error.exit_code)


def run(cli: Invocation, options: Options) -> int:
    """`sesh @a @b --exec NAME … -- CMD`, or `--run`: return the exit code. Raises UsageError for any other verb."""
    if cli.verb not in VERBS:
        raise UsageError(f"only --exec and --run take several hosts: {CALLED} @a @b --exec NAME -- CMD")
    printed = cli.verb == "--run" or not {"printed", "follow", "detached"}.isdisjoint(options)
    prefix = ""
    if printed and not cli.json:
        prefix = "\x1b[{0}m{1}: \x1b[0m" if printing.coloured() else "{1}: "
    # Each child hears Ctrl-C itself; one that comes while they are made is passed on to all of them.
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT,))
    runs = [
        HostRun(cli, options, host, prefix.format(colour, host).encode())
        for host, colour in zip(cli.hosts, cycle(_COLOURS), strict=False)
    ]
    if signal.SIGINT in signal.sigpending():
        for host_run in runs:
            os.kill(host_run.pid, signal.SIGINT)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT,))
    _pump(runs)
    codes = [host_run.finish() for host_run in runs]
    if cli.json:
        cli.value([host_run.value(code) for host_run, code in zip(runs, codes, strict=True)])
    else:
        rows = [_row(host_run, code) for host_run, code in zip(runs, codes, strict=True)]
        printing.write(printing.encoded("\n".join([*printing.aligned(rows), ""])), printing.STDERR)
    return 0 if not any(codes) else 1


def _pump(runs: list[HostRun]) -> None:
    poll = select.poll()
    ends = {run.stdout: run for run in runs} | {run.stderr: run for run in runs}
    for descriptor in ends:
        poll.register(descriptor, select.POLLIN)
    while ends:
        for descriptor, _ in poll.poll():
            run = ends[descriptor]
            data = os.read(descriptor, _BLOCK)
            if not data:
                poll.unregister(descriptor)
                os.close(descriptor)
                del ends[descriptor]
            elif descriptor == run.stderr:
                run.notes = (run.notes + data)[-_BLOCK:]
            elif run.prefix:
                run.print_lines(data)
            else:
                run.keep_last_line(data)


def _row(run: HostRun, code: int) -> tuple[str, str, str]:
    verdict = f"failed ({code})" if code else "ok"
    return run.host, f"{verdict:<12}", wording.plain(run.reason()) if code else ""
