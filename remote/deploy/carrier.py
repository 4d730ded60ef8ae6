"""Ways to run a line on another host and to feed it: fabric's connection, plain ssh, or the command that reaches it."""

from __future__ import annotations

import os
import selectors
import subprocess
import threading
import time
from abc import ABC, abstractmethod

from sesh.errors import Unreachable
from sesh.remote.ssh import ssh

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from sesh.remote.ssh.destination import Destination

    Sent = Callable[[int], None]
    Heard = Callable[[bytes], None]

PATIENCE = 180.0
"""Seconds without a byte either way after which a host counts as gone."""
BLOCK = 1 << 15
_TICK = 0.25


class Answer:
    """What a line left: its exit code, stdout and stderr."""

    __slots__ = ("code", "err", "out")

    def __init__(self, code: int, out: bytes, err: bytes) -> None:
        self.code = code
        self.out = out.decode("utf-8", "replace")
        self.err = err.decode("utf-8", "replace")


class Carrier(ABC):
    """A way to one host. `name` says which: `fabric`, `ssh` or `via`."""

    name = ""

    def __init__(self, destination: Destination) -> None:
        self.destination = destination

    @abstractmethod
    def run(self, line: str, feed: bytes = b"", sent: Sent | None = None, heard: Heard | None = None) -> Answer:
        """Runs a line for the login shell over there, feeds its stdin, and waits for its end.

        `sent` is told how many bytes of `feed` have gone so far, `heard` each piece of stdout as it comes. A program
        that ends without reading all of `feed` is no error. Raises Unreachable where the connection fails, or goes
        silent for PATIENCE seconds.
        """

    @abstractmethod
    def close(self) -> None:
        """Lets go of the connection; what another thread runs over it fails."""


class SshCarrier(Carrier):
    """Runs lines by the user's ssh, over the shared connection where one stands, or by the command that `via` names."""

    def __init__(self, destination: Destination, *, ask: bool) -> None:
        super().__init__(destination)
        self.name = "via" if destination.via is not None else "ssh"
        self._ask = ask
        self._closed = threading.Event()

    def run(self, line: str, feed: bytes = b"", sent: Sent | None = None, heard: Heard | None = None) -> Answer:
        words = ssh.command(self.destination, line, ask=self._ask)
        try:
            process = subprocess.Popen(
                words,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=ssh.environment(ask=self._ask),
                start_new_session=not self._ask,
            )
        except OSError as error:
            raise Unreachable(f"{words[0]} cannot be run: {error.strerror}") from error
        try:
            out, err = _pumped(process, feed, sent, heard, self._closed)
        except TimeoutError as error:
            raise Unreachable(f"{self.destination.word} does not answer any more") from error
        finally:
            if process.poll() is None:
                process.kill()
            code = process.wait()
        answer = Answer(code, out, err)
        if code == ssh.FAILED and self.destination.via is None:
            raise ssh.failure(self.destination, answer.err)
        return answer

    def close(self) -> None:
        """Ends what runs, as from another thread. The shared connection stays, for what comes next."""
        self._closed.set()


def _pumped(
    process: subprocess.Popen[bytes],
    feed: bytes,
    sent: Sent | None,
    heard: Heard | None,
    closed: threading.Event,
) -> tuple[bytes, bytes]:
    """Feeds a process and reads what it says, both at once, until it has ended.

    Raises TimeoutError for silence, and where it is closed meanwhile: the process of a shared connection may hold the
    pipes of one that was killed.
    """
    assert process.stdin is not None  # noqa: S101 (all three are pipes)
    assert process.stdout is not None  # noqa: S101
    assert process.stderr is not None  # noqa: S101
    said: dict[object, list[bytes]] = {process.stdout: [], process.stderr: []}
    rest, gone = memoryview(feed), 0
    with selectors.DefaultSelector() as selector, process.stdin, process.stdout, process.stderr:
        for stream in (process.stdout, process.stderr):
            selector.register(stream, selectors.EVENT_READ)
        os.set_blocking(process.stdin.fileno(), False)
        selector.register(process.stdin, selectors.EVENT_WRITE)
        deadline = time.monotonic() + PATIENCE
        while selector.get_map():
            ready = selector.select(_TICK)
            if closed.is_set() or (not ready and time.monotonic() > deadline):
                raise TimeoutError
            if ready:
                deadline = time.monotonic() + PATIENCE
            for key, _ in ready:
                if key.fileobj is process.stdin:
                    try:
                        count = os.write(key.fd, rest[:BLOCK]) if rest else 0
                    except BrokenPipeError:
                        rest = rest[:0]  # it has ended, and says why
                        count = 0
                    rest, gone = rest[count:], gone + count
                    if sent and count:
                        sent(gone)
                    if not rest:
                        selector.unregister(process.stdin)
                        process.stdin.close()
                elif data := os.read(key.fd, BLOCK):
                    said[key.fileobj].append(data)
                    if heard and key.fileobj is process.stdout:
                        heard(data)
                else:
                    selector.unregister(key.fileobj)
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired as error:
            raise TimeoutError from error
    return b"".join(said[process.stdout]), b"".join(said[process.stderr])


def reach(destination: Destination, *, ask: bool | None = None) -> Carrier:
    """The way to a host, connected: by its own command, by fabric, or by ssh where fabric may or can not log in.

    `ask`: whether ssh may prompt; None where a person sits at a terminal. Raises Unreachable, Refused.
    """
    if destination.via is not None:
        return SshCarrier(destination, ask=False)
    try:
        from sesh.remote.deploy import fabric_carrier
    except ModuleNotFoundError:
        pass  # a deployed copy has no fabric: ssh does the same
    else:
        carrier = fabric_carrier.connect(destination)
        if carrier is not None:
            return carrier
    ask = ssh.prompting() if ask is None else ask
    way = SshCarrier(destination, ask=ask)
    if ssh.shared(destination):
        ssh.connect(destination, ask=ask, patience=None if ask else PATIENCE)
    elif not ask:
        way.run("exec true")  # each line logs in by itself: does the first one?
    return way
