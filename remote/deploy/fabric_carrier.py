"""A carrier over fabric, for key logins with a plain ssh configuration.

paramiko checks host keys against the known_hosts files from `ssh -G`, and never prompts.
"""

from __future__ import annotations

import functools
import io
import logging
import os
import pwd
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import NoReturn

from sesh.errors import ProtocolError, Unreachable, silent_host
from sesh.remote.ssh.destination import Destination, resolve
from sesh.remote.ssh.exchange import MAX_PRINTED, TOO_MUCH, CommandResult
from sesh.system.workers import Stop
from sesh.text.safe import one_line

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # paramiko warns about its own old ciphers
    import fabric
    import invoke
    import paramiko

CONNECT_TIMEOUT = 5  # seconds: paramiko tries no further address after a silent one, and ssh does
LOGIN_TIMEOUT = 15  # seconds for each step of the login, and for SFTP to begin
MAX_SILENCE = 60  # seconds for a host to take a further piece of an upload
_CONNECTION_ERRORS = (OSError, EOFError, paramiko.SSHException, paramiko.SFTPError)
_KNOWN_HOSTS = ("userknownhostsfile", "globalknownhostsfile")
# Settings that fabric follows or may ignore. If any other setting differs from ssh's default, ssh connects instead.
_FOLLOWED = {
    *_KNOWN_HOSTS, "identityfile", "hostname", "user", "port", "identitiesonly", "connecttimeout",
    # irrelevant for a deploy, and often set for all hosts
    "host", "addkeystoagent", "compression", "forwardagent", "forwardx11", "gssapiauthentication", "hashknownhosts",
    "sendenv", "serveralivecountmax", "serveraliveinterval", "stricthostkeychecking", "tcpkeepalive", "updatehostkeys",
}  # fmt: skip


class FabricCarrier:
    """Has the methods of `deploy.Carrier`, over a connection of its own."""

    def __init__(self, host: str, stop: Stop, connection: fabric.Connection) -> None:
        self._host = host
        self._stop = stop
        self._connection = connection

    def run(self, line: str, timeout: float) -> CommandResult:
        options = {"hide": True, "warn": True, "encoding": "utf-8", "timeout": timeout}
        try:
            done = self._connection.run(line, watchers=[_OutputLimit()], in_stream=io.StringIO(), **options)
        except (*_CONNECTION_ERRORS, invoke.exceptions.Failure, invoke.exceptions.ThreadException) as error:
            if reason := getattr(error, "reason", None):
                raise ProtocolError(f"{self._host} {reason}") from error
            raise Unreachable(f"{self._host} stopped answering") from error
        if done.exited < 0:  # the connection ended before the program
            raise Unreachable(f"{self._host} stopped answering")
        return CommandResult(done.exited, done.stdout, done.stderr)

    def put(self, data: bytes, path: str) -> None:
        with self._stop.calling(self._connection.client.close):
            try:
                sftp = self.opened(self._connection.sftp)
                sftp.get_channel().settimeout(MAX_SILENCE)
                self._connection.put(io.BytesIO(data), path)
                sftp.close()  # where a host allows one session at a time, the next command needs its place
            except _CONNECTION_ERRORS as error:
                self._connection.client.close()  # a further command connects again
                reason = one_line(str(error)) or "the connection was lost"
                raise Unreachable(f"{self._host} cannot write {path}: {reason}") from error

    def opened(self, sftp: Callable[[], paramiko.SFTPClient]) -> paramiko.SFTPClient:
        """Open SFTP, for which paramiko waits without a timeout: a login file may have read its first packet."""
        giving_up = threading.Timer(LOGIN_TIMEOUT, self._connection.client.close)
        giving_up.start()
        try:
            return sftp()
        finally:
            giving_up.cancel()

    def close(self) -> None:
        with suppress(*_CONNECTION_ERRORS):  # the host has closed the connection
            self._connection.close()


class _OutputLimit(invoke.watchers.StreamWatcher):
    """Stops a command that prints too much, as fabric keeps all output in memory."""

    def submit(self, stream: str) -> Iterator[str]:
        if len(stream) > MAX_PRINTED:
            raise invoke.exceptions.WatcherError(TOO_MUCH)
        return iter(())  # types nothing


class _Transport(paramiko.Transport):  # type: ignore[misc]  # fabric has no types
    """paramiko's transport, except that it never prompts."""

    def auth_interactive_dumb(self, *_: object, **__: object) -> NoReturn:
        raise paramiko.AuthenticationException("only ssh asks for a password or a second factor")


def connect(destination: Destination, stop: Stop) -> FabricCarrier | None:
    """Connect by fabric; return None if it cannot follow the user's configuration. Raises Unreachable."""
    known_hosts = _files(destination, *_KNOWN_HOSTS)
    if not is_plain(destination) or any(map(_has_marks, known_hosts)):
        return None
    logging.getLogger("paramiko").addHandler(logging.NullHandler())  # otherwise stderr gets its tracebacks
    logging.getLogger("paramiko").propagate = False
    connection = fabric.Connection(
        host=destination.setting("hostname"),
        user=destination.setting("user"),
        port=int(destination.setting("port")),
        config=fabric.Config(ssh_config=paramiko.SSHConfig(), lazy=True),  # without fabric's own files
        connect_timeout=min(CONNECT_TIMEOUT, destination.connect_timeout),
        connect_kwargs={
            "key_filename": _files(destination, "identityfile"),
            "allow_agent": destination.setting("identitiesonly") != "yes",
            "look_for_keys": False,
            "banner_timeout": LOGIN_TIMEOUT,
            "auth_timeout": LOGIN_TIMEOUT,
            "channel_timeout": LOGIN_TIMEOUT,
            "transport_factory": _Transport,
        },
    )
    try:
        for path in known_hosts:
            connection.client.load_system_host_keys(path)
        connection.client.set_missing_host_key_policy(paramiko.RejectPolicy())
        connection.open()
        carrier = FabricCarrier(destination.host, stop, connection)
        carrier.opened(connection.client.open_sftp).close()  # else ssh connects
    except (*_CONNECTION_ERRORS, ValueError) as error:  # ValueError: a known_hosts file is not UTF-8
        connection.client.close()
        if isinstance(error, TimeoutError):
            raise silent_host(destination.host) from error
        raise Unreachable(f"{destination.host} cannot be reached: {one_line(str(error))}") from error
    return carrier


def is_plain(destination: Destination) -> bool:
    """Return whether fabric can follow the user's whole configuration."""
    settings, defaults = destination.settings, ssh_defaults()
    others = {*settings, *defaults} - _FOLLOWED
    return all(settings.get(keyword) == defaults.get(keyword) for keyword in others)


@functools.cache
def ssh_defaults() -> dict[str, list[str]]:
    return resolve(Destination("localhost"), "-F", "none")


def _files(destination: Destination, *keywords: str) -> list[str]:
    """Return the readable files that settings name."""
    named = " ".join(path for keyword in keywords for path in destination.settings.get(keyword, [])).split()
    home = pwd.getpwuid(os.getuid()).pw_dir  # like ssh, which ignores HOME
    paths = [os.path.join(home, path[2:]) if path[:2] == "~/" else path for path in named if path != "none"]
    return [path for path in paths if os.path.isfile(path) and os.access(path, os.R_OK)]


def _has_marks(path: str) -> bool:
    """Return whether a known_hosts file has certificate authorities or revoked keys, which only ssh supports."""
    with open(path, encoding="utf-8", errors="replace") as file:
        return any(line.lstrip().startswith("@") for line in file)
