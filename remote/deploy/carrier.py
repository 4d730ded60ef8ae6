"""A way to carry a deploy to a host: run a command, put a file. By the user's ssh, or the command that reaches it."""

from __future__ import annotations

import shlex
import threading
from abc import ABC, abstractmethod
from typing import NamedTuple

from sesh.errors import Refused, SeshError, Unreachable
from sesh.remote.deploy.survey import shell_line, shown
from sesh.remote.ssh import master, ssh, words
from sesh.remote.ssh.destination import Destination
from sesh.remote.ssh.exchange import OnSent, exchange, piped
from sesh.stop import Stop

TIMEOUT = 180.0
"""Seconds without a byte either way after which a host counts as gone."""
LOGIN_TIMEOUT = 15.0
"""Seconds for a login shell over a shared connection; one that takes longer is silent."""


class HostSilent(Unreachable):
    """A host has not answered for too long."""


class CommandResult(NamedTuple):
    """The exit code, stdout and the end of stderr of a command."""

    code: int
    out: str
    err: str


class Carrier(ABC):
    """A connection to one host. `name`: `fabric`, `ssh` or `via`. It asks nobody for anything."""

    name = ""

    def __init__(self, destination: Destination) -> None:
        self.destination = destination

    @abstractmethod
    def run(self, line: str) -> CommandResult:
        """Run a line by the login shell of the host, without input.

        Raises Unreachable if the connection fails or is silent for TIMEOUT seconds, ProtocolError if the host prints
        too much.
        """

    @abstractmethod
    def put(self, data: bytes, path: str, on_sent: OnSent) -> None:
        """Write a new file of the host. Raises Unreachable, ProtocolError, and Refused if the host cannot write it."""

    @abstractmethod
    def close(self) -> None:
        """Close the connection; what another thread does over it fails."""


class SshCarrier(Carrier):
    """Runs commands by the user's ssh, over the control master if one runs, or by the command `via`.

    `silence`: seconds in place of TIMEOUT. `own_master`: the control master ends with it, for a configuration that has
    none.
    """

    def __init__(self, destination: Destination, *, silence: float | None = None, own_master: bool = False) -> None:
        super().__init__(destination)
        self.name = "via" if destination.via is not None else "ssh"
        self._silence, self._own_master = silence, own_master
        self._closed = threading.Event()

    def run(self, line: str) -> CommandResult:
        return self._exchange(line, b"", None)

    def put(self, data: bytes, path: str, on_sent: OnSent) -> None:
        done = self._exchange(shell_line(f"exec cat > {shlex.quote(path)}"), data, on_sent)
        if done.code:
            raise Refused(shown(done.err) or "it was not written")

    def _exchange(self, line: str, data: bytes, on_sent: OnSent | None) -> CommandResult:
        argv, host = ssh.command(self.destination, line), self.destination.host
        silence = self._silence or TIMEOUT
        try:
            printed = exchange(
                piped(argv, ask=False), host, data, silence=silence, closed=self._closed, on_sent=on_sent
            )
        except TimeoutError as error:
            raise HostSilent(f"{host} stopped answering") from error
        except OSError as error:
            raise Unreachable(f"cannot run {argv[0]}: {error.strerror}") from error
        result = CommandResult(printed.code, printed.out.decode("utf-8", "replace"), printed.stderr)
        if result.code == ssh.FAILED and self.destination.via is None:
            raise words.failure(self.destination, result.err)
        return result

    def close(self) -> None:
        self._closed.set()
        if self._own_master:
            master.close(self.destination)


def connect_by_master(destination: Destination) -> Carrier | None:
    """Connect over a control master that runs, so that nobody logs in; None without one, or if it is of no use."""
    if destination.via is not None or not master.is_alive(destination):
        return None
    try:
        SshCarrier(destination, silence=LOGIN_TIMEOUT).run("exec true")
    except HostSilent:
        master.close(destination, cuts=False)  # sessions over it go on, should it come back
        return None
    except SeshError:
        return None  # it takes no more sessions, as an sshd may
    return SshCarrier(destination)


def connect_by_ssh(destination: Destination, *, ask: bool, stop: Stop | None = None) -> Carrier:
    """Connect by ssh, or by the destination's own command. Raises Unreachable, Refused, Interrupted.

    ssh asks for passwords and the like here and nowhere else: the commands that follow go over the control master.
    """
    if destination.via is not None:
        return SshCarrier(destination)
    shared = master.is_shared(destination)
    if not shared and not ask:
        carrier = SshCarrier(destination)
        carrier.run("exec true")  # each command logs in by itself: does the first one?
        return carrier
    if not shared:
        destination = destination.sharing()
    master.ensure(destination, ask=ask, timeout=None if ask else TIMEOUT, stop=stop)
    return SshCarrier(destination, own_master=not shared)
