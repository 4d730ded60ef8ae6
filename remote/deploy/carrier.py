"""A way to run commands on a host while deploying: by the user's ssh, or the command that reaches the host."""

from __future__ import annotations

import os
import selectors
import subprocess
import threading
import time
from abc import ABC, abstractmethod

from sesh.errors import Unreachable
from sesh.remote.ssh import master, ssh

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from sesh.remote.ssh.destination import Destination

    OnSent = Callable[[int], None]
    OnOutput = Callable[[bytes], None]

TIMEOUT = 180.0
"""Seconds without a byte either way after which a host counts as gone."""
BLOCK = 1 << 15
_TICK = 0.25


class CommandResult:
    """The exit code, stdout and stderr of a command."""

    __slots__ = ("code", "err", "out")

    def __init__(self, code: int, out: bytes, err: bytes) -> None:
        self.code = code
        self.out = out.decode("utf-8", "replace")
        self.err = err.decode("utf-8", "replace")


class Carrier(ABC):
    """A connection to one host that runs commands. `name`: `fabric`, `ssh` or `via`."""

    name = ""

    def __init__(self, destination: Destination) -> None:
        self.destination = destination

    @abstractmethod
    def run(
        self, line: str, stdin: bytes = b"", on_sent: OnSent | None = None, on_output: OnOutput | None = None
    ) -> CommandResult:
        """Run a line by the login shell there, with `stdin`, and wait for its end.

        `on_sent` gets the number of bytes of `stdin` sent so far, `on_output` each piece of stdout as it comes. A
        program that ends without reading all of `stdin` is not an error. Raises Unreachable where the connection fails,
        or is silent for TIMEOUT seconds.
        """

    @abstractmethod
    def close(self) -> None:
        """Close the connection; what another thread runs over it fails."""


class SshCarrier(Carrier):
    """Runs commands by the user's ssh, over the control master where one stands, or by the command `via`."""

    def __init__(self, destination: Destination, *, ask: bool) -> None:
        super().__init__(destination)
        self.name = "via" if destination.via is not None else "ssh"
        self._ask = ask
        self._closed = threading.Event()

    def run(
        self, line: str, stdin: bytes = b"", on_sent: OnSent | None = None, on_output: OnOutput | None = None
    ) -> CommandResult:
        argv = ssh.command(self.destination, line, ask=self._ask)
        try:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=ssh.environment(ask=self._ask),
                start_new_session=not self._ask,
            )
        except OSError as error:
            raise Unreachable(f"cannot run {argv[0]}: {error.strerror}") from error
        try:
            out, err = _communicate(process, stdin, on_sent, on_output, self._closed)
        except TimeoutError as error:
            raise Unreachable(f"{self.destination.host} stopped answering") from error
        finally:
            if process.poll() is None:
                process.kill()
            code = process.wait()
        result = CommandResult(code, out, err)
        if code == ssh.FAILED and self.destination.via is None:
            raise ssh.failure(self.destination, result.err)
        return result

    def close(self) -> None:
        """End what runs, from another thread. The control master stays, for what comes next."""
        self._closed.set()


def _communicate(
    process: subprocess.Popen[bytes],
    data: bytes,
    on_sent: OnSent | None,
    on_output: OnOutput | None,
    closed: threading.Event,
) -> tuple[bytes, bytes]:
    """Write a process's stdin and read its stdout and stderr, all at once, until it has ended.

    Raises TimeoutError where nothing moves for too long, and where `closed` is set: the end of the process alone does
    not tell, for a control master may hold the pipes of an ssh that was killed.
    """
    assert process.stdin is not None  # noqa: S101 (all three are pipes)
    assert process.stdout is not None  # noqa: S101
    assert process.stderr is not None  # noqa: S101
    output: dict[object, list[bytes]] = {process.stdout: [], process.stderr: []}
    rest, sent = memoryview(data), 0
    with selectors.DefaultSelector() as selector, process.stdin, process.stdout, process.stderr:
        for stream in (process.stdout, process.stderr):
            selector.register(stream, selectors.EVENT_READ)
        os.set_blocking(process.stdin.fileno(), False)
        selector.register(process.stdin, selectors.EVENT_WRITE)
        deadline = time.monotonic() + TIMEOUT
        while selector.get_map():
            ready = selector.select(_TICK)
            if closed.is_set() or (not ready and time.monotonic() > deadline):
                raise TimeoutError
            if ready:
                deadline = time.monotonic() + TIMEOUT
            for key, _ in ready:
                if key.fileobj is process.stdin:
                    try:
                        count = os.write(key.fd, rest[:BLOCK]) if rest else 0
                    except BrokenPipeError:
                        rest = rest[:0]  # it has ended, and its output says why
                        count = 0
                    rest, sent = rest[count:], sent + count
                    if on_sent and count:
                        on_sent(sent)
                    if not rest:
                        selector.unregister(process.stdin)
                        process.stdin.close()
                elif block := os.read(key.fd, BLOCK):
                    output[key.fileobj].append(block)
                    if on_output and key.fileobj is process.stdout:
                        on_output(block)
                else:
                    selector.unregister(key.fileobj)
        try:
            process.wait(TIMEOUT)
        except subprocess.TimeoutExpired as error:
            raise TimeoutError from error
    return b"".join(output[process.stdout]), b"".join(output[process.stderr])


def connect_by_ssh(destination: Destination, *, ask: bool) -> Carrier:
    """The connection by ssh, or by the destination's own command. Raises Unreachable, Refused."""
    if destination.via is not None:
        return SshCarrier(destination, ask=False)
    carrier = SshCarrier(destination, ask=ask)
    if master.is_shared(destination):
        master.ensure(destination, ask=ask, timeout=None if ask else TIMEOUT)
    elif not ask:
        carrier.run("exec true")  # each command logs in by itself: does the first one?
    return carrier
