"""The exchange with a command on a host: its stdin, stdout and stderr at once, within bounds.

A host is not trusted with this machine's memory: a command that prints without end is not read to the end.
"""

from __future__ import annotations

import os
import selectors
import subprocess
import threading
import time

from sesh import programs
from sesh.errors import ProtocolError
from sesh.remote.ssh import ssh

MOST_STDOUT, MOST_STDERR = 1 << 20, 16 << 20
"""Bytes that a command may print."""
KEPT_STDERR = 64 << 10
"""Bytes at the end of stderr that are kept, for the reason of a failure."""
BLOCK = 1 << 15
_TICK = 0.25


class Printed:
    """The output of a command: `out`, and the end of its stderr, `err`; its exit `code`, -1 until it has ended."""

    def __init__(self, host: str) -> None:
        self.out, self.err, self.code = bytearray(), bytearray(), -1
        self._host, self._stderr = host, 0

    @property
    def stderr(self) -> str:
        """The end of its stderr as text."""
        return self.err.decode("utf-8", "replace")

    def add(self, block: bytes, *, stderr: bool) -> None:
        """Add what has just come. Raises ProtocolError if it is too much."""
        if stderr:
            self._stderr += len(block)
            self.err += block
            del self.err[:-KEPT_STDERR]
        else:
            self.out += block
        if len(self.out) > MOST_STDOUT or self._stderr > MOST_STDERR:
            most = (MOST_STDERR if stderr else MOST_STDOUT) >> 20
            raise ProtocolError(f"{self._host} printed more than {most} MiB, and was not read to the end")


def piped(argv: list[str], *, ask: bool) -> subprocess.Popen[bytes]:
    """Start a program with pipes as its stdio; unless it may ask, without a terminal. Raises OSError."""
    pipe = subprocess.PIPE
    variables = ssh.environment(ask=ask)
    return programs.start(argv, stdin=pipe, stdout=pipe, stderr=pipe, env=variables, start_new_session=not ask)


def exchange(
    process: subprocess.Popen[bytes],
    host: str,
    data: bytes = b"",
    *,
    silence: float | None = None,
    timeout: float | None = None,
    closed: threading.Event | None = None,
) -> Printed:
    """Write a process's stdin, read its stdout and stderr (each if it is a pipe), and wait for its end.

    A process that ends without reading all of `data` is not an error. Raises TimeoutError after `silence` seconds in
    which nothing moved, after `timeout` seconds in all, and once `closed` is set: a shared connection may hold the
    pipes of an ssh that was killed. ProtocolError if it prints too much. The process has ended afterwards.
    """
    printed, rest = Printed(host), memoryview(data)
    begun = moved = time.monotonic()
    with process, selectors.DefaultSelector() as selector:
        try:
            for stream in filter(None, (process.stdout, process.stderr)):
                selector.register(stream, selectors.EVENT_READ)
            if process.stdin is not None:
                os.set_blocking(process.stdin.fileno(), False)
                selector.register(process.stdin, selectors.EVENT_WRITE)
            while selector.get_map():
                ready = [key for key, _ in selector.select(_TICK)]
                now = time.monotonic()
                moved = now if ready else moved
                is_late = now > moved + (silence or now) or now > begun + (timeout or now)
                if is_late or (closed is not None and closed.is_set()):
                    raise TimeoutError
                for key in ready:
                    if key.fileobj is process.stdin:
                        rest = _written(key.fd, rest)
                    elif block := os.read(key.fd, BLOCK):
                        printed.add(block, stderr=key.fileobj is process.stderr)
                    else:
                        selector.unregister(key.fileobj)
                if process.stdin is not None and not process.stdin.closed and not rest:
                    selector.unregister(process.stdin)
                    process.stdin.close()
            printed.code = process.wait(timeout or silence)
        except BaseException as error:
            process.kill()
            if isinstance(error, subprocess.TimeoutExpired):
                raise TimeoutError from error
            raise
    return printed


def _written(descriptor: int, rest: memoryview) -> memoryview:
    """Write a block; return what is left: nothing of a process that has ended, as its output says why."""
    try:
        return rest[os.write(descriptor, rest[:BLOCK]) :]
    except BrokenPipeError:
        return rest[:0]
