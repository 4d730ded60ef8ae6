"""One host of a fan-out: the child that carries the line out for it, and the printing of its output.

A child is a fork: 32 interpreters would take 700 MiB, 50 forks take a fifth of that.
"""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable
from enum import Enum
from typing import Any

from sesh.about import CALLED
from sesh.cli import printing
from sesh.errors import ExitCode
from sesh.ops import child

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


class Branch:
    """A host, its child, and the output that is not printed yet. `code`: the exit code, once the child has ended."""

    def __init__(self, host: str, form: Form, prefix: bytes) -> None:
        self.host = host
        self.code: int = ExitCode.INTERRUPTED
        """That of a host whose child never began."""
        self.pid = self.stdout = self.stderr = -1
        self._form, self._prefix = form, prefix
        self._output = bytearray()
        """Output that is not printed yet: the line that has begun, or all of it."""
        self._notes = bytearray()
        """The line of stderr that has begun."""

    def start(self, work: Callable[[], int], stdin: str, lifeline: int) -> None:
        """Fork the child, which does `work`; the caller has blocked SIGNALS. `stdin`: the path of a file, or empty."""
        self.stdout, stdout = os.pipe()
        try:
            self.stderr, stderr = os.pipe()
            try:
                self.pid = child.fork(lambda: _begin(work, stdin, (stdout, stderr), lifeline))
            finally:
                os.close(stderr)
        finally:
            os.close(stdout)

    def read(self, descriptor: int) -> bool:
        """Read what has come on `stdout` or `stderr`, and print it in time; return False at its end."""
        data = os.read(descriptor, _BLOCK)
        if descriptor == self.stderr:
            self._note(data)
        elif data:
            self._take(data)
        return bool(data)

    def finish(self) -> None:
        """Wait for the child, which has closed its output; print the rest."""
        self.close()
        self.ended(patiently=True)
        if self._form is Form.BLOCK:
            self._output = self._output.rstrip(b"\n")  # a screen ends with empty rows
        if self._output and self._form is not Form.VALUE:
            self._print([bytes(self._output)] if self._form is not Form.BLOCK else self._output.split(b"\n"))

    def ended(self, *, patiently: bool = False) -> bool:
        """Return whether the child has ended. `patiently`: wait for that."""
        if self.pid >= 0:
            pid, status = os.waitpid(self.pid, 0 if patiently else os.WNOHANG)
            if pid:
                self.pid, self.code = -1, child.code(status)
        return self.pid < 0

    def close(self) -> None:
        """Close this process's ends of the child's output."""
        for descriptor in (self.stdout, self.stderr):
            if descriptor >= 0:
                os.close(descriptor)
        self.stdout = self.stderr = -1

    def values(self) -> list[Any]:
        """Return the JSON that the host printed: the rows of a list, or its value with host and exit code."""
        try:
            value = json.loads(self._output)
        except ValueError:
            code = "interrupted" if self.code == ExitCode.INTERRUPTED else "internal"
            value = {"error": {"code": code, "message": f"{self.host} printed nothing"}}
        if isinstance(value, list):
            return value
        return [{"host": self.host, **value, "exit_code": value.get("exit_code", self.code)}]

    def _take(self, data: bytes) -> None:
        self._output += data
        if self._form is Form.VALUE or (self._form is Form.BLOCK and len(self._output) < _MOST_HELD):
            return
        *lines, begun = bytes(self._output).split(b"\n")
        if self._form is not Form.VALUES:
            pieces, begun = printing.pieces(begun)
            lines += pieces
        self._output = bytearray(begun)
        self._print(lines)

    def _print(self, lines: list[bytes] | list[bytearray]) -> None:
        if self._form is Form.VALUES:
            for line in lines:
                printing.value({"host": self.host, **json.loads(line)})
        else:
            printing.write(b"".join(self._prefix + line + b"\n" for line in lines))

    def _note(self, data: bytes) -> None:
        """Print the lines of stderr with the host's name; no data are its end."""
        *lines, begun = bytes(self._notes + (data or b"\n")).split(b"\n")
        self._notes = bytearray(begun[-_BLOCK:])
        for line in lines:
            text = line.decode("utf-8", "replace").removeprefix(f"{CALLED}: ")
            if text and text != "interrupted":  # the exit code says that of all hosts
                printing.note(f"{self.host}: {text}")


def _begin(work: Callable[[], int], stdin: str, output: tuple[int, int], lifeline: int) -> int:
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
