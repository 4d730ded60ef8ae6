"""One job, or one command for live shells, on several hosts: each host's lines under its name, then a summary."""

from __future__ import annotations

import os
import select
import signal

from sesh.cli import printing
from sesh.errors import UsageError
from sesh.ops import child

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sesh.cli.parser import Line

VERBS = ("--exec", "--run")
_COLOURS = (36, 33, 35, 32, 34, 31)
_BLOCK = 1 << 16


class Run:
    """The sesh that runs the job on one host: a child of this one; its stdout, and the last line of its stderr."""

    def __init__(self, host: str, argv: list[str], colour: int | None) -> None:
        self.host = host
        nothing = os.open(os.devnull, os.O_RDONLY)
        self.stdout, printed = os.pipe()
        self.stderr, told = os.pipe()
        self._pid = child.start([f"@{host}", *argv], nothing, printed, told)
        for descriptor in (nothing, printed, told):
            os.close(descriptor)
        self.output = b""
        self.told = b""
        self._prefix = f"{host}: ".encode()
        if colour is not None:
            self._prefix = b"\x1b[%dm%s\x1b[0m" % (colour, self._prefix)

    def interrupt(self) -> None:
        """Ctrl-C was pressed before this one was there to hear it."""
        os.kill(self._pid, signal.SIGINT)

    def take(self, data: bytes, *, prefixed: bool) -> None:
        """Takes output in; whole lines are printed under the host's name where that is wanted."""
        self.output += data
        if prefixed:
            whole, newline, self.output = self.output.rpartition(b"\n")
            if newline:
                printing.write(b"".join(self._prefix + line + b"\n" for line in whole.split(b"\n")))

    def value(self, code: int) -> dict[str, Any]:
        """What its sesh answered in JSON, the host filled in; an error where it answered nothing."""
        import json

        try:
            value = json.loads(self.output.splitlines()[-1])
        except (ValueError, IndexError):
            value = {"error": {"code": "internal", "message": self.reason() or "it said nothing"}}
        return {**value, "host": self.host, "exit_code": value.get("exit_code", code)}

    def finish(self, *, prefixed: bool) -> int:
        """The exit code, when what was left of the last line has been printed."""
        if prefixed and self.output:
            printing.write(self._prefix + self.output + b"\n")
        _, status = os.waitpid(self._pid, 0)
        return child.code(status)

    def reason(self) -> str:
        """What its sesh said last on stderr."""
        lines = self.told.decode("utf-8", "replace").strip().splitlines()
        return lines[-1].removeprefix("sesh: ") if lines else ""


def run(line: Line, hosts: list[str], own: list[str]) -> int:
    """`sesh @a @b --exec NAME … -- CMD`, or `--run`: the exit code. Raises UsageError for verbs that go to one host."""
    if line.verb not in VERBS:
        raise UsageError("several hosts at once go with --exec and --run: sesh @a @b --exec NAME -- CMD")
    printed = line.verb == "--run" or not {"--print", "--follow", "-d"}.isdisjoint(line.words)
    shown = printed and not line.json
    coloured = os.isatty(printing.STDOUT) and not os.environ.get("NO_COLOR")
    # Each host's own sesh hears Ctrl-C and knows what it means; one that comes while they are made reaches all of them.
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT,))
    runs = [Run(host, own, _COLOURS[at % len(_COLOURS)] if coloured else None) for at, host in enumerate(hosts)]
    if signal.SIGINT in signal.sigpending():
        for each in runs:
            each.interrupt()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT,))
    _pumped(runs, prefixed=shown)
    codes = {each.host: each.finish(prefixed=shown) for each in runs}
    if line.json:
        printing.value([each.value(codes[each.host]) for each in runs])
    else:
        printing.text(_summary(runs, codes))
    return 0 if not any(codes.values()) else 1


def _pumped(runs: list[Run], *, prefixed: bool) -> None:
    """Reads all of them until all have ended."""
    poll = select.poll()
    ends: dict[int, tuple[Run, bool]] = {}
    for each in runs:
        for descriptor, is_output in ((each.stdout, True), (each.stderr, False)):
            ends[descriptor] = (each, is_output)
            poll.register(descriptor, select.POLLIN)
    while ends:
        for descriptor, _ in poll.poll():
            each, is_output = ends[descriptor]
            data = os.read(descriptor, _BLOCK)
            if not data:
                poll.unregister(descriptor)
                os.close(descriptor)
                del ends[descriptor]
            elif is_output:
                each.take(data, prefixed=prefixed)
            else:
                each.told = (each.told + data)[-_BLOCK:]


def _summary(runs: list[Run], codes: dict[str, int]) -> str:
    """A row a host: its name, how it went, and why where it did not."""
    width = max(len(each.host) for each in runs)
    rows = []
    for each in runs:
        code = codes[each.host]
        verdict = "ok" if code == 0 else f"failed ({code})"
        rows.append(f"{each.host:<{width}}  {verdict:<12}  {printing.plain(each.reason()) if code else ''}".rstrip())
    return "\n".join(rows)
