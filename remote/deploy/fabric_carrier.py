"""A connection by fabric, for logins that need nothing special; everything else is left to ssh: ways through other
hosts, host keys that are new, and all that asks somebody.

paramiko judges host keys as ssh would: by the known_hosts files that `ssh -G` names.
"""

from __future__ import annotations

import functools
import logging
import os
import pwd
import socket
import time
import warnings
from typing import NoReturn

from sesh.errors import Unreachable, silent_host
from sesh.remote.deploy.carrier import TIMEOUT, Carrier, CommandResult
from sesh.remote.ssh import ssh
from sesh.remote.ssh.destination import Destination, resolve
from sesh.remote.ssh.exchange import BLOCK, OnOutput, OnSent, Printed

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # about old ciphers that paramiko still offers
    import fabric
    import paramiko

LOGIN_TIMEOUT = 15
"""Seconds for each step of logging in."""
KEEPALIVE = 15
"""Seconds between keepalives."""
UNACKNOWLEDGED = 30
"""Seconds after which a connection ends whose packets the host does not acknowledge (TCP_USER_TIMEOUT of Linux)."""
_TICK = 0.25

_ONLY_SSH = (
    "addressfamily", "bindaddress", "bindinterface", "canonicalizehostname", "certificatefile", "ciphers",
    "hostkeyalgorithms", "hostkeyalias", "kexalgorithms", "knownhostscommand", "macs", "pkcs11provider",
    "preferredauthentications", "proxycommand", "proxyjump", "pubkeyacceptedalgorithms", "pubkeyauthentication",
    "rekeylimit", "revokedhostkeys", "verifyhostkeydns",
)  # fmt: skip
"""Settings that paramiko does not know: if the user, or this machine's administrator, has changed one, ssh connects."""


class FabricCarrier(Carrier):
    """Runs commands over a connection by fabric, each in its own channel."""

    name = "fabric"

    def __init__(self, destination: Destination, connection: fabric.Connection) -> None:
        super().__init__(destination)
        self._connection = connection

    def run(
        self, line: str, stdin: bytes = b"", on_sent: OnSent | None = None, on_output: OnOutput | None = None
    ) -> CommandResult:
        try:
            channel = self._connection.transport.open_session(timeout=TIMEOUT)
            with channel:
                channel.settimeout(TIMEOUT)
                channel.exec_command(line)
                printed = Printed(self.destination.host)
                _exchange(channel, stdin, printed, on_sent, on_output)
                if not channel.status_event.wait(TIMEOUT) or channel.exit_status < 0:
                    raise EOFError  # the connection has ended, not the program
                return CommandResult(channel.exit_status, printed.out, printed.err)
        except (OSError, EOFError, paramiko.SSHException) as error:
            reason = str(error) or "the connection was lost"
            raise Unreachable(f"{self.destination.host} stopped answering: {reason}") from error

    def close(self) -> None:
        self._connection.close()


def _exchange(
    channel: paramiko.Channel, data: bytes, printed: Printed, on_sent: OnSent | None, on_output: OnOutput | None
) -> None:
    """Send all of `data`, or as much as the program reads, and read what it prints to its end.

    Whatever has come is read at once: paramiko buffers without a bound what a server sends that disregards the window.
    Raises TimeoutError after TIMEOUT seconds in which nothing moved, OSError, ProtocolError.
    """
    channel.settimeout(_TICK)
    rest, moved, ended = memoryview(data), time.monotonic(), False
    if not rest:
        channel.shutdown_write()
    while not ended:
        reading = channel.recv_ready() or channel.recv_stderr_ready()  # which comes first: sending may have to wait
        if rest and not reading and (count := _sent(channel, rest)):
            rest, moved = rest[count:], time.monotonic()
            if on_sent:
                on_sent(len(data) - len(rest))
            if not rest:
                channel.shutdown_write()
        try:
            if not rest or channel.recv_ready():
                block = channel.recv(BLOCK)
                printed.add(block, stderr=False)
                moved, ended = time.monotonic(), not block
                if on_output:
                    on_output(block)
        except TimeoutError:
            pass  # it prints nothing just now
        while channel.recv_stderr_ready():
            printed.add(channel.recv_stderr(BLOCK), stderr=True)
            moved = time.monotonic()
        if time.monotonic() > moved + TIMEOUT:
            raise TimeoutError
    channel.settimeout(TIMEOUT)
    while block := channel.recv_stderr(BLOCK):
        printed.add(block, stderr=True)


def _sent(channel: paramiko.Channel, rest: memoryview) -> int:
    """Send a block; return the bytes that went: all if the program has ended, as its output tells why."""
    try:
        return int(channel.send(bytes(rest[:BLOCK])))
    except TimeoutError:
        return 0
    except OSError:
        return len(rest)


def connect(destination: Destination) -> FabricCarrier | None:
    """A connection by fabric; None if it must not or cannot log in: then ssh tries, and says why it fails.

    Raises Unreachable for a host that is silent for as long as ssh would wait for it: it would wait once more.
    """
    if not is_plain(destination):
        return None
    logging.getLogger("paramiko").addHandler(logging.NullHandler())  # else its tracebacks would go to stderr
    logging.getLogger("paramiko").propagate = False
    connection = sock = None
    seconds = ssh.connect_timeout(destination)
    try:
        connection = _connection(destination, seconds)
        load_known_hosts(connection.client, destination)
        began = time.monotonic()
        try:
            sock = socket.create_connection((connection.host, connection.port), seconds)
        except TimeoutError:
            raise silent_host(destination.host) from None
        if timeout := getattr(socket, "TCP_USER_TIMEOUT", 0):
            sock.setsockopt(socket.IPPROTO_TCP, timeout, UNACKNOWLEDGED * 1000)
        connection.connect_kwargs["sock"] = sock
        connection.open()
        connection.transport.set_keepalive(KEEPALIVE)
    except (OSError, EOFError, ValueError, paramiko.SSHException, NotPlain):
        transport = connection and connection.client.get_transport()
        said_nothing = transport and not transport.remote_version and time.monotonic() >= began + seconds
        if connection is not None:
            connection.client.close()
        if sock is not None:
            sock.close()
        if said_nothing:
            raise silent_host(destination.host) from None
        return None
    return FabricCarrier(destination, connection)


def is_plain(destination: Destination) -> bool:
    """Return whether fabric would do all that the user's configuration says."""
    return (
        destination.setting("identityagent") in ("", "none", "SSH_AUTH_SOCK", "$SSH_AUTH_SOCK")
        and not any("%" in path for path in destination.settings.get("identityfile", []))
        and all(destination.settings.get(keyword) == ssh_defaults().get(keyword) for keyword in _ONLY_SSH)
    )


@functools.cache
def ssh_defaults() -> dict[str, list[str]]:
    """ssh's settings without any configuration."""
    return resolve(Destination("localhost"), "-F", "none")


def _connection(destination: Destination, seconds: float) -> fabric.Connection:
    """The connection as `ssh -G` describes it, not yet opened. fabric's own files are not read.

    `seconds`: for the host's first words.
    """
    identities = [_expanded(path) for path in destination.settings.get("identityfile", []) if path != "none"]
    agent = destination.setting("identityagent") != "none" and destination.setting("identitiesonly") != "yes"
    return fabric.Connection(
        host=destination.setting("hostname"),
        user=destination.setting("user"),
        port=int(destination.setting("port") or 22),
        config=fabric.Config(ssh_config=paramiko.SSHConfig(), lazy=True),
        forward_agent=False,
        connect_timeout=LOGIN_TIMEOUT,
        connect_kwargs={
            "key_filename": [path for path in identities if os.path.isfile(path)],
            "allow_agent": agent,
            "look_for_keys": False,
            "banner_timeout": seconds,
            "auth_timeout": LOGIN_TIMEOUT,
            "channel_timeout": LOGIN_TIMEOUT,
            "transport_factory": _Transport,
        },
    )


class _Transport(paramiko.Transport):  # type: ignore[misc]  # fabric has no types
    """paramiko's transport without its own prompt, which would print on stdout, read stdin, and show what is typed."""

    def auth_interactive_dumb(self, *_: object, **__: object) -> NoReturn:
        raise paramiko.AuthenticationException("only ssh asks for a password or a second factor")


def _expanded(path: str) -> str:
    """A path with `~/` expanded as ssh does it: by the password database, whatever HOME says."""
    return os.path.join(pwd.getpwuid(os.getuid()).pw_dir, path[2:]) if path[:2] == "~/" else path


class NotPlain(Exception):
    """A setting that only ssh understands."""


def known_hosts(destination: Destination) -> list[str]:
    """The files of known hosts, the user's own and the system's. Raises NotPlain for what only ssh can parse."""
    files: list[str] = []
    for keyword in ("userknownhostsfile", "globalknownhostsfile"):
        value = destination.setting(keyword)
        if "%" in value or '"' in value or "\\" in value:
            raise NotPlain(keyword)
        files += [_expanded(path) for path in value.split() if path.lower() != "none"]
    return files


def load_known_hosts(client: paramiko.SSHClient, destination: Destination) -> None:
    """Load the known hosts; others are refused, so that ssh takes or refuses them. Raises NotPlain."""
    for path in known_hosts(destination):
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                text = file.read()
        except OSError:
            continue  # to ssh too an unreadable file is a missing one
        if any(line.lstrip().startswith("@") for line in text.splitlines()):
            raise NotPlain(path)  # certificate authorities and revoked keys
        client.load_system_host_keys(path)
    client.set_missing_host_key_policy(paramiko.RejectPolicy())
