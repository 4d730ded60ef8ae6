"""A way to run commands on a host while deploying: by the user's ssh, or the command that reaches the host."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod

from sesh.errors import SeshError, Unreachable
from sesh.remote.ssh import master, ssh, words
from sesh.remote.ssh.destination import Destination
from sesh.remote.ssh.exchange import OnOutput, OnSent, exchange, piped
from sesh.stop import Stop

TIMEOUT = 180.0
"""Seconds without a byte either way after which a host counts as gone."""


class HostSilent(Unreachable):
    """A host has not answered for too long."""


class CommandResult:
    """The exit code, stdout and the end of stderr of a command."""

    def __init__(self, code: int, out: bytes | bytearray, err: bytes | bytearray) -> None:
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
        program that ends without reading all of `stdin` is not an error. Raises Unreachable if the connection fails,
        or is silent for TIMEOUT seconds, ProtocolError if the host prints too much.
        """

    @abstractmethod
    def close(self) -> None:
        """Close the connection; what another thread runs over it fails."""


class SshCarrier(Carrier):
    """Runs commands by the user's ssh, over the control master if one runs, or by the command `via`.

    None of them asks anybody for anything. `silence`: seconds without a byte after which the host counts as gone, in
    place of TIMEOUT. `own_master`: the control master ends with it, for a configuration that has none.
    """

    def __init__(self, destination: Destination, *, silence: float | None = None, own_master: bool = False) -> None:
        super().__init__(destination)
        self.name = "via" if destination.via is not None else "ssh"
        self._silence, self._own_master = silence, own_master
        self._closed = threading.Event()

    def run(
        self, line: str, stdin: bytes = b"", on_sent: OnSent | None = None, on_output: OnOutput | None = None
    ) -> CommandResult:
        argv = ssh.command(self.destination, line)
        try:
            process = piped(argv, ask=False)
        except OSError as error:
            raise Unreachable(f"cannot run {argv[0]}: {error.strerror}") from error
        try:
            printed = exchange(
                process,
                self.destination.host,
                stdin,
                silence=self._silence or TIMEOUT,
                closed=self._closed,
                on_sent=on_sent,
                on_output=on_output,
            )
        except TimeoutError as error:
            raise HostSilent(f"{self.destination.host} stopped answering") from error
        result = CommandResult(printed.code, printed.out, printed.err)
        if result.code == ssh.FAILED and self.destination.via is None:
            raise words.failure(self.destination, result.err)
        return result

    def close(self) -> None:
        """End what runs, from another thread. The control master stays, for what comes next, unless it is its own."""
        self._closed.set()
        if self._own_master:
            master.close(self.destination)


LOGIN_TIMEOUT = 15.0
"""Seconds for a login shell over a shared connection; one that takes longer is silent."""


def connect_by_master(destination: Destination) -> Carrier | None:
    """Connect over a control master that runs, so that nobody logs in; None without one, or if it is of no use."""
    if destination.via is not None or not master.is_alive(destination):
        return None
    carrier = SshCarrier(destination, silence=LOGIN_TIMEOUT)
    try:
        carrier.run("exec true")
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
