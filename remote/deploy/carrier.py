"""A carrier runs commands on a host and puts files on it.

A `Carrier` uses the user's ssh, over a shared connection, or the host's `via` command. A `FabricCarrier` uses fabric.
Neither prompts.
"""

from __future__ import annotations

import tempfile

from sesh.errors import Refused
from sesh.remote.ssh import exchange, ssh
from sesh.remote.ssh.destination import Destination
from sesh.remote.ssh.exchange import CommandResult
from sesh.wording import one_line
from sesh.workers import Stop

TIMEOUT = 300.0  # seconds for a command on the host: enough for the trial, and for an upload over a slow connection
_MAX_SHOWN = 200  # characters; longer text from a host is cut off


class Carrier:
    def __init__(self, destination: Destination, stop: Stop) -> None:
        self.destination = destination
        self.stop = stop  # ends an upload at once

    def run(self, line: str, timeout: float = TIMEOUT) -> CommandResult:
        """Run a line in the host's login shell, without input.

        Raises Unreachable, also if the line takes longer than the timeout, and ProtocolError for too much output.
        """
        return exchange.run(self.destination, ssh.command(self.destination, line), timeout=timeout)

    def put(self, data: bytes, path: str) -> None:
        """Write a file in HOME. `path`: letters, digits, `.`, `-`, `/`. Raises SeshError, Interrupted."""
        argv = ssh.command(self.destination, f"exec sh -c 'cd && exec cat > {path}'")
        with tempfile.TemporaryFile() as file:
            file.write(data)
            file.seek(0)
            done = exchange.run(self.destination, argv, stdin=file, timeout=TIMEOUT, stop=self.stop)
        if done.code:
            raise Refused(f"{self.destination.host}: {shown(done.err) or f'{path} was not written'}")

    def close(self) -> None:
        """Close the connection, unless other commands share it."""


def shown(text: str) -> str:
    """Return a host's text as one line without control characters, cut off if long."""
    return one_line(text)[:_MAX_SHOWN]
