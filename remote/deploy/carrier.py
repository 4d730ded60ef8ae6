"""A carrier runs commands on a host and puts files on it.

A `Carrier` uses the user's ssh, over a shared connection, or the host's `via` command. A `FabricCarrier` uses fabric.
Neither prompts, except for `log_in` with `ask`.
"""

from __future__ import annotations

import shlex
from typing import NamedTuple

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


class Carrier:
    """Runs commands by ssh. If the user's configuration shares no connection, it opens its own, and `close` ends it."""

    def __init__(self, destination: Destination) -> None:
        self._owns = destination.via is None and not master.is_shared(destination)
        self._destination = destination.with_own_connection() if self._owns else destination

    def run(self, line: str) -> CommandResult:
        """Run a line in the host's login shell, without input.

        Raises Unreachable if the connection fails or is silent for TIMEOUT seconds, ProtocolError if the host prints
        too much.
        """
        return self._run(line)

    def put(self, data: bytes, path: str) -> None:
        """Write a new file on the host. Raises SeshError."""
        done = self._run(shell_line(f"exec cat > {shlex.quote(path)}"), data)
        if done.code:
            raise Refused(shown(done.err) or f"{path} was not written")

    def _run(self, line: str, data: bytes = b"") -> CommandResult:
        argv = ssh.command(self._destination, line)
        host = self._destination.host
        try:
            printed = exchange(piped(argv, ask=False), host, data, silence=TIMEOUT)
        except TimeoutError as error:
            raise Unreachable(f"{host} stopped answering") from error
        except OSError as error:
            raise Unreachable(f"cannot run {argv[0]}: {error.strerror}") from error
        result = CommandResult(printed.code, printed.out.decode("utf-8", "replace"), printed.stderr)
        if result.code == ssh.FAILED and self._destination.via is None:
            raise words.failure(self._destination, result.err)
        return result

    def close(self) -> None:
        if self._owns:
            master.close(self._destination)

    def is_open(self) -> bool:
        """Return whether no login is needed."""
        return self._destination.via is not None or master.is_alive(self._destination)

    def log_in(self, *, ask: bool = False) -> None:
        """Open the shared connection; replace one that does not answer. `ask`: ssh may prompt. Raises SeshError."""
        if self._destination.via is not None:
            return
        if self.is_open() and not self._answers():
            master.close(self._destination, ends_links=False)  # links over it continue if the network comes back
        master.ensure(self._destination, ask=ask, timeout=None if ask else TIMEOUT)

    def _answers(self) -> bool:
        """Return whether the host answers over the shared connection, which may be stale."""
        argv = ssh.command(self._destination, "exec true")
        try:
            exchange(piped(argv, ask=False), self._destination.host, silence=ANSWER_TIMEOUT)
        except TimeoutError:
            return False
        return True
