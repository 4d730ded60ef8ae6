"""One host of a fan-out: the child that carries the line out for it, and the printing of its output.

A child is a fork: 32 interpreters would take 670 MiB, 32 forks take 200.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from enum import Enum
from typing import Any

from sesh.about import CALLED
from sesh.cli import printing
from sesh.errors import SIGNAL_BASE, ExitCode, no_process

SIGNALS = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP)
"""The signals that are passed on to the children."""
_BLOCK = 1 << 16
_MOST_HELD = 1 << 20
"""Bytes of a block that are held until the host is done; more are printed as they come."""
_LIFELINE = 3
"""The child's descriptor of the pipe whose other end this process holds."""


class Form(Enum):
    """How the output of a host is printed."""

    LINES = "each line as soon as it is complete"
    BLOCK = "all lines once the host is done"
    VALUES = "JSON, a value a line"
    VALUE = "JSON, one list of all hosts' values at the end"


class Lines:
    """Output that comes in pieces, shown in lines, as soon as so many bytes are `held` or at its end."""

    def __init__(self, show: Callable[[list[bytes]], None], held: int = 0) -> None:
        self._show, self._held = show, held
        self._begun = bytearray()

    def take(self, data: bytes) -> None:
        """Take more output, empty at its end, where the last line may lack its line feed."""
        self._begun += data
        if data and len(self._begun) < self._held:
            return
        *lines, begun = bytes(self._begun).split(b"\n")
        pieces, begun = printing.pieces(begun)
        lines += pieces
        if not data:
            lines.append(begun)
            while lines and not lines[-1]:
                lines.pop()  # a screen ends with empty rows
        self._begun = bytearray(begun)
        self._show(lines)


class Branch:
    """A host, its child, and the printing of its output. `code`: the exit code, once the child has ended."""

    def __init__(self, host: str, form: Form, prefix: bytes) -> None:
        self.host = host
        self.code: int = ExitCode.INTERRUPTED
        """That of a host whose child never began."""
        self.pid = -1
        self.outputs: dict[int, Lines] = {}
        """What is done with the output of the child, by the descriptor that it comes from."""
        self._prefix = prefix
        self._kept: list[bytes] = []
        forms = {
            Form.LINES: Lines(self._print),
            Form.BLOCK: Lines(self._print, _MOST_HELD),
            Form.VALUES: Lines(self._print_values),
            Form.VALUE: Lines(self._kept.extend, sys.maxsize),
        }
        self._stdout, self._stderr = forms[form], Lines(self._note)

    def start(self, work: Callable[[], int], stdin: str, lifeline: int) -> None:
        """Fork the child, which does `work`; the caller has blocked SIGNALS. `stdin`: the path of a file, or empty."""
        with ExitStack() as theirs:
            ends: list[int] = []
            for lines in (self._stdout, self._stderr):
                inbound, outbound = os.pipe()
                theirs.callback(os.close, outbound)
                self.outputs[inbound] = lines
                ends.append(outbound)
            self.pid = fork(lambda: _begin(work, stdin, ends, lifeline))

    def read(self, descriptor: int) -> bool:
        """Read what has come, and print it in its time; return False at its end."""
        data = os.read(descriptor, _BLOCK)
        self.outputs[descriptor].take(data)
        if not data:
            del self.outputs[descriptor]
            os.close(descriptor)
        return bool(data)

    def wait(self) -> None:
        """Wait for the child's end."""
        for descriptor in self.outputs:
            os.close(descriptor)
        _, status = os.waitpid(self.pid, 0)
        self.code = _exit_code(status)

    def values(self) -> list[Any]:
        """Return the JSON that the host printed: the rows of a list, or its value with host and exit code."""
        try:
            value = json.loads(b"\n".join(self._kept))
        except ValueError:
            code = "interrupted" if self.code == ExitCode.INTERRUPTED else "internal"
            value = {"error": {"code": code, "message": f"{self.host} printed nothing"}}
        if isinstance(value, list):
            return value
        return [{"host": self.host, **value, "exit_code": value.get("exit_code", self.code)}]

    def _print(self, lines: list[bytes]) -> None:
        printing.write(b"".join(self._prefix + line + b"\n" for line in lines))

    def _print_values(self, lines: list[bytes]) -> None:
        for line in lines:
            printing.value({"host": self.host, **json.loads(line)})

    def _note(self, lines: list[bytes]) -> None:
        for line in lines:
            text = line.decode("utf-8", "replace").removeprefix(f"{CALLED}: ")
            if text != "interrupted":  # the exit code says that of all hosts
                printing.note(f"{self.host}: {text}")


def _begin(work: Callable[[], int], stdin: str, output: list[int], lifeline: int) -> int:
    """Do the work, in the child; return the exit code.

    Without a terminal nothing prompts, and a signal comes once: from this process.
    """
    os.setsid()
    if stdin:
        os.dup2(os.open(stdin, os.O_RDONLY), 0)
    for descriptor, stream in enumerate(output, 1):
        os.dup2(stream, descriptor)
    os.dup2(lifeline, _LIFELINE)
    os.closerange(_LIFELINE + 1, 1 << 16)
    for number in SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()  # with SIGNALS blocked: they interrupt the main one
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    return work()


def _end_with_parent() -> None:
    """End this child once the parent has, also by SIGKILL: it would wait on without anybody who reads."""
    os.read(_LIFELINE, 1)
    os.kill(os.getpid(), signal.SIGTERM)


def fork(work: Callable[[], int]) -> int:
    """Start a child that exits with the result of `work`; return its pid. Raises Refused if the system starts none."""
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


def _exit_code(status: int) -> int:
    """Return the exit code for a wait status, as a shell would say it."""
    return SIGNAL_BASE + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
