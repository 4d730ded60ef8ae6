"""The way to a host by fabric: for logins as plain as most are. All others are ssh's, which knows every kind.

Host keys for paramiko as ssh would judge them: from the files that `ssh -G` names, with ssh's own strictness.

Whatever is not plain here is left to ssh, which then has the last word.
"""

from __future__ import annotations

import functools
import logging
import os
import pwd
import re
import socket
import subprocess
import warnings

from sesh.errors import InvalidHost, Unreachable
from sesh.remote.deploy import carrier
from sesh.remote.ssh.destination import Destination, program

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.remote.deploy.carrier import Heard, Sent

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of ciphers that paramiko still offers, and nobody here asks for
    import fabric
    import paramiko

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


def connect(destination: Destination) -> FabricCarrier | None:
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
        load(connection.client, destination)
        connection.open()
        connection.transport.set_keepalive(KEEPALIVE)
    except (OSError, EOFError, ValueError, paramiko.SSHException, NotPlain, InvalidHost):
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
        raise NotPlain("proxyusefdpass")
    tokens = {"%h": host, "%p": port, "%r": destination.setting("user"), "%n": destination.word, "%%": "%"}
    if set(re.findall("%.", command)) - set(tokens):
        raise NotPlain("proxycommand")
    return ["sh", "-c", "exec " + re.sub("%.", lambda match: tokens[match[0]], command)]


ACCEPTING = ("ask", "accept-new", "no", "off", "false")
"""Values of StrictHostKeyChecking under which an unknown key is taken and recorded (`ask` as in sesh's own ssh)."""


class NotPlain(Exception):
    """Something that only ssh understands."""


class Policy:
    """What becomes of a key that no file knows: recorded in the user's first file, or refused. paramiko asks it."""

    def __init__(self, destination: Destination) -> None:
        self._accepting = destination.setting("stricthostkeychecking") in ACCEPTING
        self._hashed = destination.setting("hashknownhosts") == "yes"
        self._file = next(iter(user_files(destination)), "")

    def missing_host_key(self, _client: object, hostname: str, key: paramiko.PKey) -> None:
        """Raises SSHException for a key that is not taken."""
        if not self._accepting or not self._file:
            raise paramiko.SSHException(f"the host key of {hostname} is not known")
        name = paramiko.HostKeys.hash_host(hostname) if self._hashed else hostname
        try:
            _append(self._file, f"{name} {key.get_name()} {key.get_base64()}\n")
        except OSError:
            pass  # as with ssh: what cannot be recorded is unknown the next time too


def _append(path: str, line: str) -> None:
    """Adds a line to a file of known hosts, made for its owner alone where it is missing."""
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        size = os.fstat(descriptor).st_size
        unended = bool(size) and os.pread(descriptor, 1, size - 1) != b"\n"
        os.write(descriptor, (b"\n" if unended else b"") + line.encode())
    finally:
        os.close(descriptor)


def user_files(destination: Destination) -> list[str]:
    """The user's own files of known hosts."""
    return _files(destination, "userknownhostsfile")


def _files(destination: Destination, keyword: str) -> list[str]:
    """The paths of a setting that may hold several. Raises NotPlain for what only ssh can take apart."""
    value = destination.setting(keyword)
    if "%" in value or '"' in value or "\\" in value:
        raise NotPlain(keyword)
    home = pwd.getpwuid(os.getuid()).pw_dir  # as ssh does, whatever HOME says
    paths = [os.path.join(home, each[2:]) if each[:2] == "~/" else each for each in value.split()]
    return [path for path in paths if path.lower() != "none"]


def load(client: paramiko.SSHClient, destination: Destination) -> None:
    """Gives a client the known hosts, and the policy for others. Raises NotPlain."""
    for path in [*user_files(destination), *_files(destination, "globalknownhostsfile")]:
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                text = file.read()
        except OSError:
            continue  # missing ones are usual, unreadable ones are as good as missing to ssh too
        if any(line.lstrip().startswith("@") for line in text.splitlines()):
            raise NotPlain(path)  # certificate authorities and revoked keys
        client.load_system_host_keys(path)
    client.set_missing_host_key_policy(Policy(destination))
