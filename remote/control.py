"""The shared connection to a host, as a file: whose it is, where its socket lies, and who may open it now."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import signal
import time

from sesh import paths
from sesh.errors import Refused, Unreachable
from sesh.remote.destination import Destination, named_options, program

PERSIST = "8h"
_LONGEST = 104 - 1 - 17
"""Bytes of a socket's path: macOS's limit, less the end of the name under which ssh makes it at first."""
_WAY = ("proxyjump", "proxycommand", "hostkeyalias", "bindaddress", "identityfile", "forwardagent")
_TIMES = re.compile(r"(\d+[smhdw]?)+|yes|no", re.ASCII | re.IGNORECASE)


def own(destination: Destination) -> bool:
    """Whether the shared connection is sesh's own: the user's configuration names none."""
    return destination.setting("controlpath") in ("", "none")


def wanted(destination: Destination) -> bool:
    """Whether there is a shared connection to be opened: sesh's own, or the user's where ssh would open it unasked."""
    return own(destination) or destination.setting("controlmaster") in ("auto", "true", "yes")


def autossh() -> bool:
    """Whether the user wants the shared connection carried by autossh."""
    return os.path.basename(os.environ.get("SESH_SSH") or "") == "autossh"


def path(destination: Destination) -> str:
    """The socket of the shared connection: the user's own where one is named, else ours, under a hashed name.

    Raises Refused where the directory for it is not private.
    """
    return os.path.join(directory(), _name(destination)) if own(destination) else destination.setting("controlpath")


def identity(destination: Destination) -> tuple[int, int] | None:
    """Tells the shared connection that stands now from those before and after it; None where there is none."""
    if destination.via is not None:
        return None
    try:
        status = os.lstat(path(destination))
    except (OSError, ValueError):
        return None
    return status.st_ino, status.st_ctime_ns


def clear(destination: Destination) -> None:
    """Removes the socket that a killed process left: a new one would find its place taken, and share nothing.

    To be called in one's Turn, where the shared connection does not stand.
    """
    if own(destination) and os.path.lexists(name := path(destination)):
        os.unlink(name)


def _name(destination: Destination) -> str:
    """A name of its own for each host, each way to it, and each identity there."""
    way = [value for keyword in _WAY for value in destination.settings.get(keyword, [])]
    identity = "\0".join((destination.key, *way, *named_options(), program()))
    return hashlib.sha256(identity.encode("utf-8", "surrogateescape")).hexdigest()[:24]


def directory() -> str:
    """The 0700 directory of control sockets: `SESH_CTRL_DIR`, else under `XDG_RUNTIME_DIR`, else in sesh's own.

    Where a socket's path would be too long for the platform there, one under /tmp. Raises Refused.
    """
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    named = os.environ.get("SESH_CTRL_DIR")
    if named:
        folder = os.path.abspath(os.path.expanduser(named))
    elif runtime and os.path.isdir(runtime) and os.access(runtime, os.W_OK):
        folder = os.path.join(runtime, "sesh")
    else:
        folder = os.path.join(paths.ready_directory(), ".control")
    if len(os.fsencode(folder)) + 1 + 24 > _LONGEST:
        folder = f"/tmp/sesh-{os.geteuid()}"  # noqa: S108 - looked at below as any other
    try:
        os.makedirs(folder, mode=paths.PRIVATE, exist_ok=True)
    except OSError as error:
        raise Refused(
            f"{folder} cannot be made: {error.strerror}; set SESH_CTRL_DIR to a directory of yours"
        ) from error
    if not paths.trusted(folder, "SESH_CTRL_DIR"):
        raise Refused(f"{folder} was removed just now; try again")
    return folder


def options(destination: Destination, persist: str | None = None) -> list[str]:
    """The options that make an ssh the shared connection of its host, for as long as the user wants it to stay."""
    if persist is None and (own(destination) or destination.setting("controlpersist") in ("", "no")):
        persist = os.environ.get("SESH_PERSIST") or PERSIST
        if not _TIMES.fullmatch(persist):
            raise Refused(f"SESH_PERSIST={persist} is no time that ssh knows: write 8h, 90m, 600, yes or no")
    # `auto` makes ssh itself look whether a socket in the user's own place is a dead one.
    words = [
        "-o",
        f"ControlMaster={'yes' if own(destination) else 'auto'}",
        "-o",
        f"ControlPath={escaped(path(destination))}",
    ]
    return [*words, "-o", f"ControlPersist={persist}"] if persist else words


class Turn:
    """Held by who opens the shared connection of a host: a second one beside it would stay for ever, used by nobody.

    Raises Unreachable where another process has not opened it by the deadline (of time.monotonic; None: wait for it).
    """

    def __init__(self, destination: Destination, deadline: float | None) -> None:
        self._word, self._deadline = destination.word, deadline
        self._path = os.path.join(directory(), f"{_name(destination)}.lock")
        self._descriptor = -1

    def __enter__(self) -> None:
        while not self._taken():
            if self._deadline is not None and time.monotonic() >= self._deadline:
                raise Unreachable(f"{self._word} does not answer: another sesh still tries to reach it")
            time.sleep(0.02)

    def _taken(self) -> bool:
        """Tries to get the lock; a file that its last holder has removed meanwhile is none."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, paths.OWN)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(descriptor), os.stat(self._path)):
                self._descriptor = descriptor
                return True
        except (BlockingIOError, FileNotFoundError):
            pass  # another has it, or had it a moment ago
        os.close(descriptor)
        return False

    def __exit__(self, *_: object) -> None:
        try:
            os.unlink(self._path)
        except FileNotFoundError:
            pass  # somebody has cleared the directory
        os.close(self._descriptor)


def spawn(words: list[str], environment: dict[str, str], told: int) -> int:
    """Starts a program that outlives this one, in a session of its own, stderr on the descriptor `told`; its pid.

    Raises Unreachable.
    """
    actions = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in (0, 1)]
    try:
        return os.posix_spawnp(
            words[0], words, environment, file_actions=[*actions, (os.POSIX_SPAWN_DUP2, told, 2)], setsid=True
        )
    except OSError as error:
        raise Unreachable(f"{words[0]} cannot be run ({error.strerror}); install it, or unset SESH_SSH") from error


def kill(pid: int, *, group: bool) -> None:
    """Ends a child that this process has not yet waited for; with `group` all that it started in its session too."""
    try:
        if group:
            os.killpg(pid, signal.SIGKILL)
        else:
            os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass  # it has ended this very moment


def escaped(text: str) -> str:
    """A path where ssh would read % as a token, and quotes around blanks."""
    text = text.replace("%", "%%")
    return f'"{text}"' if " " in text else text
