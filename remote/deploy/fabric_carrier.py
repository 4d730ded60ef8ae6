"""A connection by fabric, for logins that need nothing special; everything else is left to ssh: ways through other
hosts, host keys that are new, and all that asks somebody.

paramiko judges host keys as ssh would: by the known_hosts files that `ssh -G` names.
"""

from __future__ import annotations

import functools
import io
import logging
import os
import pwd
import socket
import time
import warnings
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NoReturn

from sesh.errors import ProtocolError, Refused, Unreachable, silent_host
from sesh.remote.deploy.carrier import TIMEOUT, Carrier, CommandResult
from sesh.remote.ssh import ssh
from sesh.remote.ssh.destination import Destination, resolve
from sesh.remote.ssh.exchange import MOST_STDOUT, OnSent

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # about old ciphers that paramiko still offers
    import fabric
    import invoke
    import paramiko

LOGIN_TIMEOUT = 15
"""Seconds for each step of logging in."""
KEEPALIVE = 15
"""Seconds between keepalives."""
UNACKNOWLEDGED = 30
"""Seconds after which a connection ends whose packets the host does not acknowledge (TCP_USER_TIMEOUT of Linux)."""
_LOST = (OSError, EOFError, paramiko.SSHException, paramiko.SFTPError)

_ONLY_SSH = (
    "addressfamily", "bindaddress", "bindinterface", "canonicalizehostname", "certificatefile", "ciphers",
    "hostkeyalgorithms", "hostkeyalias", "kexalgorithms", "knownhostscommand", "macs", "pkcs11provider",
    "preferredauthentications", "proxycommand", "proxyjump", "pubkeyacceptedalgorithms", "pubkeyauthentication",
    "rekeylimit", "revokedhostkeys", "verifyhostkeydns",
)  # fmt: skip
"""Settings that paramiko does not know: if the user, or this machine's administrator, has changed one, ssh connects."""
_KNOWN_HOSTS = ("userknownhostsfile", "globalknownhostsfile")
_PATHS = ("identityfile", *_KNOWN_HOSTS)


class FabricCarrier(Carrier):
    """Runs commands and puts files over a connection by fabric."""

    name = "fabric"

    def __init__(self, destination: Destination, connection: fabric.Connection) -> None:
        super().__init__(destination)
        self._connection, self._closed = connection, False

    def run(self, line: str) -> CommandResult:
        if self._closed:
            raise self._lost(EOFError())  # fabric would log in once more
        watcher = _Bound(self.destination.host)
        try:
            done = self._connection.run(
                line, hide=True, warn=True, in_stream=False, encoding="utf-8", watchers=[watcher], timeout=TIMEOUT
            )
        except invoke.exceptions.Failure as error:
            if isinstance(error.reason, _Endless):
                raise ProtocolError(str(error.reason)) from error
            raise self._lost(error) from error
        except (*_LOST, invoke.exceptions.ThreadException) as error:
            raise self._lost(error) from error
        if done.exited < 0:  # the connection has ended, not the program
            raise self._lost(EOFError())
        return CommandResult(done.exited, done.stdout, done.stderr)

    def put(self, data: bytes, path: str, on_sent: OnSent) -> None:
        try:
            self._connection.put(_Counted(data, on_sent), path)
        except _LOST as error:
            if isinstance(error, OSError) and not isinstance(error, TimeoutError) and self._connection.is_connected:
                raise Refused(f"cannot write {path}: {error}") from error
            raise self._lost(error) from error

    def close(self) -> None:
        self._closed = True
        with suppress(*_LOST):  # of a connection that is gone
            self._connection.close()

    def _lost(self, error: Exception) -> Unreachable:
        # Paramiko may take it for alive still; what removes the rest of a deploy has to log in again.
        self._connection.client.close()
        known = isinstance(error, _LOST) and str(error)
        return Unreachable(f"{self.destination.host} stopped answering: {known or 'the connection was lost'}")


class _Endless(invoke.exceptions.WatcherError):
    """A host prints more than anybody reads."""


class _Bound(invoke.watchers.StreamWatcher):
    """Ends a command that prints too much: fabric keeps all of its output."""

    def __init__(self, host: str) -> None:
        super().__init__()
        self._host = host

    def submit(self, stream: str) -> Iterator[str]:
        """Return what is typed in answer to the output so far: nothing."""
        if len(stream) > MOST_STDOUT:
            raise _Endless(f"{self._host} printed more than {MOST_STDOUT >> 20} MiB, and was not read to the end")
        return iter(())


class _Counted(io.BytesIO):
    """Data to send that says how much of it has been taken."""

    def __init__(self, data: bytes, on_sent: OnSent) -> None:
        super().__init__(data)
        self._on_sent = on_sent

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        self._on_sent(self.tell())
        return data


class _Transport(paramiko.Transport):  # type: ignore[misc]  # fabric has no types
    """paramiko's transport without its own prompt, which would print on stdout, read stdin, and show what is typed.

    Nothing waits for a host without end: not for the first words of its SFTP either.
    """

    def auth_interactive_dumb(self, *_: object, **__: object) -> NoReturn:
        raise paramiko.AuthenticationException("only ssh asks for a password or a second factor")

    def open_channel(self, *words: Any, **options: Any) -> paramiko.Channel:
        channel = super().open_channel(*words, **options)
        channel.settimeout(TIMEOUT)
        return channel


def connect(destination: Destination) -> FabricCarrier | None:
    """A connection by fabric; None if it must not or cannot log in, or the host has no SFTP: then ssh tries.

    Raises Unreachable for a host that is silent for as long as ssh would wait for it: it would wait once more.
    """
    if not is_plain(destination):
        return None
    logging.getLogger("paramiko").addHandler(logging.NullHandler())  # else its tracebacks would go to stderr
    logging.getLogger("paramiko").propagate = False
    connection = None
    began, seconds = time.monotonic(), ssh.connect_timeout(destination)
    try:
        connection = _connection(destination, seconds)
        load_known_hosts(connection.client, destination)
        connection.open()
        if timeout := getattr(socket, "TCP_USER_TIMEOUT", 0):
            connection.transport.sock.setsockopt(socket.IPPROTO_TCP, timeout, UNACKNOWLEDGED * 1000)
        connection.transport.set_keepalive(KEEPALIVE)
        connection.sftp()
    except (*_LOST, ValueError):
        transport = connection and connection.client.get_transport()
        silent = time.monotonic() >= began + seconds and not (transport and transport.remote_version)
        if connection is not None:
            connection.client.close()
        if silent:
            raise silent_host(destination.host) from None
        return None
    return FabricCarrier(destination, connection)


def is_plain(destination: Destination) -> bool:
    """Return whether fabric would do all that the user's configuration says, and can parse it."""
    paths = [path for keyword in _PATHS for path in destination.settings.get(keyword, [])]
    return (
        destination.setting("identityagent") in ("", "none", "SSH_AUTH_SOCK", "$SSH_AUTH_SOCK")
        and not any(set(path) & set('%"\\') for path in paths)
        and all(destination.settings.get(keyword) == ssh_defaults().get(keyword) for keyword in _ONLY_SSH)
    )


@functools.cache
def ssh_defaults() -> dict[str, list[str]]:
    """ssh's settings without any configuration."""
    return resolve(Destination("localhost"), "-F", "none")


def _connection(destination: Destination, seconds: float) -> fabric.Connection:
    """The connection as `ssh -G` describes it, not yet opened. fabric's own files are not read.

    `seconds`: for each address of the host, and for its first words.
    """
    identities = [_expanded(path) for path in destination.settings.get("identityfile", []) if path != "none"]
    agent = destination.setting("identityagent") != "none" and destination.setting("identitiesonly") != "yes"
    return fabric.Connection(
        host=destination.setting("hostname"),
        user=destination.setting("user"),
        port=int(destination.setting("port") or 22),
        config=fabric.Config(ssh_config=paramiko.SSHConfig(), lazy=True),
        forward_agent=False,
        connect_timeout=seconds,
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


def _expanded(path: str) -> str:
    """A path with `~/` expanded as ssh does it: by the password database, whatever HOME says."""
    return os.path.join(pwd.getpwuid(os.getuid()).pw_dir, path[2:]) if path[:2] == "~/" else path


def load_known_hosts(client: paramiko.SSHClient, destination: Destination) -> None:
    """Load the user's known hosts and the system's; others are refused, so that ssh takes or refuses them.

    Raises ValueError for what only ssh can parse.
    """
    client.set_missing_host_key_policy(paramiko.RejectPolicy())
    files = " ".join(map(destination.setting, _KNOWN_HOSTS)).split()
    for path in (_expanded(file) for file in files if file.lower() != "none"):
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                lines = file.read().splitlines()
        except OSError:
            continue  # to ssh too an unreadable file is a missing one
        if any(line.lstrip().startswith("@") for line in lines):
            raise ValueError(f"{path} has certificate authorities, or revoked keys")
        client.load_system_host_keys(path)
