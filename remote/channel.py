"""The way to a host by fabric: for logins as plain as most are. All others are ssh's, which knows every kind."""

from __future__ import annotations

import functools
import logging
import os
import pwd
import re
import socket
import subprocess
import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of ciphers that paramiko still offers, and nobody here asks for
    import fabric
    import paramiko

from sesh.errors import InvalidHost, Unreachable
from sesh.remote import carrier, hostkeys
from sesh.remote.destination import Destination, program

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.remote.carrier import Heard, Sent

CONNECT, LOGIN = 8, 15
"""Seconds for the connection to stand, and for each step of logging in."""
KEEPALIVE = 15

# Settings of ssh that paramiko does not know, and the values under which that does no harm.
_HARMLESS = {
    "addressfamily": ("any",),
    "bindaddress": ("none",),
    "bindinterface": ("none",),
    "canonicalizehostname": ("false", "no"),
    "certificatefile": ("none",),
    "hostkeyalias": ("none",),
    "identityagent": ("none", "SSH_AUTH_SOCK", "$SSH_AUTH_SOCK"),
    "knownhostscommand": ("none",),
    "pkcs11provider": ("none",),
    "preferredauthentications": (),
    "pubkeyauthentication": ("true", "yes"),
    "revokedhostkeys": ("none",),
    "verifyhostkeydns": ("false", "no"),
}
# What the user may have chosen about the connection itself; then it is ssh that keeps to it.
_CHOSEN = ("ciphers", "macs", "kexalgorithms", "hostkeyalgorithms", "pubkeyacceptedalgorithms", "rekeylimit")


class FabricCarrier(carrier.Carrier):
    """Runs lines over a connection of fabric's, each in a channel of its own."""

    name = "fabric"

    def __init__(self, destination: Destination, connection: fabric.Connection, way: _Way | None) -> None:
        super().__init__(destination)
        self._connection, self._way = connection, way

    def run(self, line: str, feed: bytes = b"", sent: Sent | None = None, heard: Heard | None = None) -> carrier.Answer:
        try:
            channel = self._connection.transport.open_session(timeout=carrier.PATIENCE)
            with channel:
                channel.settimeout(carrier.PATIENCE)
                channel.exec_command(line)
                _feed(channel, feed, sent)
                return _answer(channel, heard)
        except (OSError, EOFError, paramiko.SSHException) as error:
            told = str(error) or "the connection was lost"
            raise Unreachable(f"{self.destination.word} does not answer any more: {told}") from error

    def close(self) -> None:
        self._connection.close()
        if self._way is not None:
            self._way.close()


def _feed(channel: paramiko.Channel, feed: bytes, sent: Sent | None) -> None:
    """Sends all of `feed`, or as much as is read over there."""
    rest = memoryview(feed)
    while rest:
        try:
            count = channel.send(bytes(rest[: carrier.BLOCK]))
        except TimeoutError:
            raise
        except OSError:
            return  # the program has ended, and says why
        rest = rest[count:]
        if sent:
            sent(len(feed) - len(rest))
    channel.shutdown_write()


def _answer(channel: paramiko.Channel, heard: Heard | None) -> carrier.Answer:
    """What the program over there says until it ends. Raises EOFError where it is the connection that does."""
    said: list[bytes] = []
    while data := channel.recv(carrier.BLOCK):
        said.append(data)
        if heard:
            heard(data)
    told: list[bytes] = []
    while data := channel.recv_stderr(carrier.BLOCK):
        told.append(data)
    if not channel.status_event.wait(carrier.PATIENCE) or channel.exit_status < 0:
        raise EOFError
    return carrier.Answer(channel.exit_status, b"".join(said), b"".join(told))


def reach(destination: Destination) -> FabricCarrier | None:
    """A connection by fabric, None where that may not be or does not work: then ssh tries, and says why it fails."""
    if not plain(destination):
        return None
    logging.getLogger("paramiko").addHandler(logging.NullHandler())  # else its tracebacks would go to stderr
    logging.getLogger("paramiko").propagate = False
    way = connection = None
    try:
        words = _way(destination)
        way = _Way(words) if words else None
        connection = _connection(destination, way.socket if way else None)
        hostkeys.load(connection.client, destination)
        connection.open()
        connection.transport.set_keepalive(KEEPALIVE)
    except (OSError, EOFError, ValueError, paramiko.SSHException, hostkeys.NotPlain, InvalidHost):
        if connection is not None:
            connection.client.close()
        if way is not None:
            way.close()
        return None
    return FabricCarrier(destination, connection, way)


def plain(destination: Destination) -> bool:
    """Whether fabric would do what the user's configuration says, all of it."""
    for keyword, harmless in _HARMLESS.items():
        value = destination.setting(keyword)
        if value and value not in harmless:
            return False
    if any("%" in path for path in destination.settings.get("identityfile", [])):
        return False
    return not _chosen(destination)


def _chosen(destination: Destination) -> bool:
    """Whether the user, or this machine's administrator, has chosen ciphers and the like."""
    return any(destination.settings.get(keyword) != _defaults().get(keyword) for keyword in _CHOSEN)


@functools.cache
def _defaults() -> dict[str, list[str]]:
    """What ssh does where nobody has chosen anything."""
    words = [program(), "-F", "none", "-G", "--", "localhost"]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    return {keyword.lower(): [value] for keyword, _, value in (row.partition(" ") for row in done.stdout.splitlines())}


def _connection(destination: Destination, way: socket.socket | None) -> fabric.Connection:
    """The connection as `ssh -G` has it, not yet opened. No file of fabric's own is read."""
    home = pwd.getpwuid(os.getuid()).pw_dir  # as ssh does, whatever HOME says
    named = [os.path.join(home, path[2:]) if path[:2] == "~/" else path for path in _identities(destination)]
    agent = destination.setting("identityagent") != "none" and destination.setting("identitiesonly") != "yes"
    return fabric.Connection(
        host=destination.setting("hostname"),
        user=destination.setting("user"),
        port=int(destination.setting("port") or 22),
        config=fabric.Config(ssh_config=paramiko.SSHConfig(), lazy=True),
        forward_agent=False,
        connect_timeout=CONNECT,
        connect_kwargs={
            "key_filename": [path for path in named if os.path.isfile(path)],
            "allow_agent": agent,
            "look_for_keys": False,
            "banner_timeout": LOGIN,
            "auth_timeout": LOGIN,
            "channel_timeout": LOGIN,
            **({"sock": way} if way else {}),
        },
    )


def _identities(destination: Destination) -> list[str]:
    return [path for path in destination.settings.get("identityfile", []) if path != "none"]


class _Way:
    """The command that leads to a host through others (ProxyJump, ProxyCommand), its stdio one end of a socket.

    paramiko's own class for this never notices that the command has ended.
    """

    def __init__(self, command: list[str]) -> None:
        self.socket, theirs = socket.socketpair()
        with theirs:
            end = theirs.fileno()
            self._process = subprocess.Popen(
                command, stdin=end, stdout=end, stderr=subprocess.DEVNULL, start_new_session=True
            )

    def close(self) -> None:
        self.socket.close()
        try:
            self._process.wait(1)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _way(destination: Destination) -> list[str]:
    """The words of the command that leads there, none for the straight way. Raises NotPlain, InvalidHost."""
    host, port = destination.setting("hostname"), destination.setting("port")
    jumps = destination.setting("proxyjump")
    if jumps not in ("", "none"):
        *before, last = jumps.split(",")
        through = ["-J", ",".join(before)] if before else []
        return [program(), "-o", "BatchMode=yes", *through, "-W", f"[{host}]:{port}", *Destination(last).target]
    command = destination.setting("proxycommand")
    if command in ("", "none"):
        return []
    if destination.setting("proxyusefdpass") == "yes":
        raise hostkeys.NotPlain("proxyusefdpass")
    tokens = {"%h": host, "%p": port, "%r": destination.setting("user"), "%n": destination.word, "%%": "%"}
    if set(re.findall("%.", command)) - set(tokens):
        raise hostkeys.NotPlain("proxycommand")
    return ["sh", "-c", "exec " + re.sub("%.", lambda match: tokens[match[0]], command)]
