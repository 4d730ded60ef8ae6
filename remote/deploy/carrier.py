"""A carrier runs commands on a host and puts files on it. It never prompts.

SshCarrier uses the user's ssh, over a shared connection, or the host's `via` command; FabricCarrier uses fabric.
"""

from __future__ import annotations

import shlex
import threading
from typing import NamedTuple, Protocol

from sesh.errors import Refused, Unreachable
from sesh.remote.deploy.survey import shell_line, shown
from sesh.remote.ssh import master, ssh, words
from sesh.remote.ssh.destination import Destination
from sesh.remote.ssh.exchange import exchange, piped

TIMEOUT = 180.0  # seconds without a byte in either direction, then the host counts as unreachable
ANSWER_TIMEOUT = 15.0  # seconds for a login shell to answer over an open shared connection, then sesh replaces it


class CommandResult(NamedTuple):
    code: int
    out: str
    err: str  # the end of stderr


class Carrier(Protocol):
    def run(self, line: str) -> CommandResult:
        """Run a line in the host's login shell, without input.

        Raises Unreachable if the connection fails or is silent for TIMEOUT seconds, ProtocolError if the host prints
        too much.
        """

    def put(self, data: bytes, path: str) -> None:
        """Write a new file on the host. Raises SeshError."""

    def close(self) -> None:
        """Close the connection; calls of other threads fail."""


class SshCarrier:
    """A carrier over ssh or a `via` command. `own_master`: `close` ends the shared connection too."""

    def __init__(self, destination: Destination, *, own_master: bool = False) -> None:
        self._destination, self._own_master = destination, own_master
        self._closed = threading.Event()

    def run(self, line: str) -> CommandResult:
        return self._exchange(line)

    def put(self, data: bytes, path: str) -> None:
        done = self._exchange(shell_line(f"exec cat > {shlex.quote(path)}"), data)
        if done.code:
            raise Refused(shown(done.err) or f"{path} was not written")

    def close(self) -> None:
        self._closed.set()
        if self._own_master:
            master.close(self._destination)

    def _exchange(self, line: str, data: bytes = b"") -> CommandResult:
        argv = ssh.command(self._destination, line)
        host = self._destination.host
        try:
            process = piped(argv, ask=False)
            printed = exchange(process, host, data, silence=TIMEOUT, closed=self._closed)
        except TimeoutError as error:
            raise Unreachable(f"{host} stopped answering") from error
        except OSError as error:
            raise Unreachable(f"cannot run {argv[0]}: {error.strerror}") from error
        result = CommandResult(printed.code, printed.out.decode("utf-8", "replace"), printed.stderr)
        if result.code == ssh.FAILED and self._destination.via is None:
            raise words.failure(self._destination, result.err)
        return result


def connect_by_ssh(destination: Destination, *, ask: bool = False) -> SshCarrier:
    """Connect by ssh or the destination's `via` command. `ask`: ssh may prompt. Raises SeshError.

    If the host has no shared connection, open one, which ends when the carrier is closed.
    """
    if destination.via is not None:
        return SshCarrier(destination)
    own = not master.is_shared(destination)
    shared = destination.with_own_connection() if own else destination
    if master.is_alive(shared) and not _answers(shared):
        master.close(shared, ends_links=False)  # links over it continue if the network comes back
    master.ensure(shared, ask=ask, timeout=None if ask else TIMEOUT)
    return SshCarrier(shared, own_master=own)


def _answers(destination: Destination) -> bool:
    """Return whether the host answers over the shared connection, which may be stale."""
    try:
        exchange(piped(ssh.command(destination, "exec true"), ask=False), destination.host, silence=ANSWER_TIMEOUT)
    except TimeoutError:
        return False
    return True
