"""Host keys for paramiko as ssh would judge them: from the files that `ssh -G` names, with ssh's own strictness.

Whatever is not plain here is left to ssh, which then has the last word.
"""

from __future__ import annotations

import os
import pwd

import paramiko

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.remote.destination import Destination

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
