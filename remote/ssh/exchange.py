"""Exchange data with a command on a host: stdin, stdout and stderr at the same time, within limits.

A host must not exhaust this machine's memory: a command that prints too much is killed.
"""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from typing import IO

from sesh import programs
from sesh.errors import ProtocolError, silent_host
from sesh.remote.ssh import master, ssh, words
from sesh.remote.ssh.destination import Destination

MOST_STDOUT, MOST_STDERR = 1 << 20, 16 << 20  # bytes, then the command is killed
KEPT_STDERR = 64 << 10  # bytes; of a longer stderr only the end is kept, which has the reason of a failure
BLOCK = 1 << 15
_TICK = 0.25


class Printed:
    """The output of a command. `out`: stdout. `err`: the end of stderr. `code`: the exit code, -1 before the end."""

    def __init__(self, host: str) -> None:
        self.out, self.err, self.code = bytearray(), bytearray(), -1
        self._host, self._stderr = host, 0

    @property
    def stderr(self) -> str:
        return self.err.decode("utf-8", "replace")

    def add(self, block: bytes, *, stderr: bool) -> None:
        """Add a block of output. Raises ProtocolError above the limits."""
        if stderr:
            self._stderr += len(block)
            self.err += block
            del self.err[:-KEPT_STDERR]
        else:
            self.out += block
        if len(self.out) > MOST_STDOUT or self._stderr > MOST_STDERR:
            most = (MOST_STDERR if stderr else MOST_STDOUT) >> 20
            raise ProtocolError(f"{self._host} printed more than {most} MiB, and was not read to the end")


def run(
    destination: Destination,
    argv: list[str],
    data: bytes = b"",
    *,
    stdin: IO[bytes] | None = None,
    silence: float | None = None,
) -> Printed:
    """Run a program that reaches a host; it gets no terminal. `stdin`: a file for its stdin, in place of `data`.

    Raises Unreachable if it cannot be started, if ssh fails, or after `silence` seconds without a byte: no other
    command uses a silent shared connection then. Raises ProtocolError if it prints too much.
    """
    pipe = subprocess.PIPE
    variables = ssh.environment(ask=False)
    try:
        process = programs.start(
            argv, stdin=stdin or pipe, stdout=pipe, stderr=pipe, env=variables, start_new_session=True
        )
        printed = exchange(process, destination.host, data, silence=silence)
    except TimeoutError as error:
        if destination.via is None:
            master.close(destination, ends_links=False)
        raise silent_host(destination.host) from error
    except OSError as error:
        raise programs.cannot_run(argv[0], error) from error
    if printed.code == ssh.FAILED and destination.via is None:
        raise words.failure(destination, printed.stderr)
    return printed


def exchange(
    process: subprocess.Popen[bytes],
    host: str,
    data: bytes = b"",
    *,
    silence: float | None = None,
) -> Printed:
    """Write a process's stdin, read its stdout and stderr (each if it is a pipe), and wait for its end.

    A process that ends without reading all of `data` is not an error. Raises ProtocolError if the process prints too
    much, and TimeoutError after `silence` seconds without a byte. On return the process has ended.
    """
    printed, rest = Printed(host), memoryview(data)
    moved = time.monotonic()
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
                if now > moved + (silence or now):
                    raise TimeoutError
                for key in ready:
                    if key.fileobj is process.stdin:
                        rest = _write(key.fd, rest)
                    elif block := os.read(key.fd, BLOCK):
                        printed.add(block, stderr=key.fileobj is process.stderr)
                    else:
                        selector.unregister(key.fileobj)
                if process.stdin is not None and not process.stdin.closed and not rest:
                    selector.unregister(process.stdin)
                    process.stdin.close()
            printed.code = process.wait(silence)
        except BaseException as error:
            process.kill()
            if isinstance(error, subprocess.TimeoutExpired):
                raise TimeoutError from error
            raise
    return printed


def _write(descriptor: int, rest: memoryview) -> memoryview:
    """Write a block; return the unsent rest. It is empty if the process has ended: the output says why it did."""
    try:
        return rest[os.write(descriptor, rest[:BLOCK]) :]
    except BrokenPipeError:
        return rest[:0]
