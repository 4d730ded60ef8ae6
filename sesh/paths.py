"""The files of sesh: their places, and the rules that they must meet before they are trusted."""

from __future__ import annotations

import errno
import os
import pwd
import stat

from sesh import sharing
from sesh.about import SESH, THERE
from sesh.errors import Exists, NotFound, Refused
from sesh.names import check_name, is_name, subject
from sesh.platform import LINUX, LONGEST_SOCKET_PATH

PRIVATE = 0o700
OWN = 0o600
SOCKET, RECORD = ".sock", ".json"
_MOST_LINKS = 40
"""Links on the way to a file, as of Linux: path_resolution(7)."""


def lacks_descriptors(error: OSError) -> bool:
    """Returns whether an error says that this process, or this machine, can open nothing more."""
    return error.errno in (errno.EMFILE, errno.ENFILE)


def home() -> str:
    """The user's home directory: `HOME`, else, if that is empty or no whole path, the one of passwd(5)."""
    named = os.environ.get("HOME", "")
    if os.path.isabs(named):
        return named.rstrip("/") or "/"
    try:
        return pwd.getpwuid(os.geteuid()).pw_dir
    except KeyError:
        return "/"


def expanded(path: str) -> str:
    """`~` and `~/…` as paths in the home directory; `~user` as a shell takes it."""
    return home() + path[1:] if path == "~" or path[:2] == "~/" else os.path.expanduser(path)


def directory() -> str:
    """The directory of the sessions: `SESH_DIR`, else `~/.sesh`, absolute. It is neither made nor checked here."""
    # With a slash at its end a link would be taken for the directory that it leads to.
    return os.path.abspath(os.environ.get("SESH_DIR") or os.path.join(home(), ".sesh"))


def trusted(path: str, variable: str = "SESH_DIR") -> bool:
    """Returns whether the directory is there. Raises Refused, with the fix, unless it is then a real one, the caller's
    own and private, and no other user can exchange it.

    `variable`: the environment variable that names it.
    """
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return False
    except OSError as error:
        message = f"cannot access {path}: {error.strerror}"
        raise Refused(f"{message}; set {variable} to a directory of yours") from error
    if stat.S_ISLNK(status.st_mode):
        raise Refused(f"{path} is a symbolic link; remove it, or set {variable} to the directory that it points to")
    if not stat.S_ISDIR(status.st_mode):
        raise Refused(f"{path} is not a directory; remove it, or set {variable} to a directory of yours")
    if status.st_uid != os.geteuid():
        raise Refused(f"{path} belongs to another user (uid {status.st_uid}); set {variable} to a directory of yours")
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o077:
        unshared = sharing.is_unshared(path, mode, home())
        fix = f"run: {THERE}chmod 700 {path}" if unshared else f"set {variable} to a directory of its own"
        raise Refused(f"{path} is accessible to other users (mode {mode:04o}); {fix}")
    if mode & PRIVATE != PRIVATE:
        raise Refused(f"you have no access to {path} (mode {mode:04o}); run: {THERE}chmod 700 {path}")
    check_safe_path(os.path.dirname(path), variable)
    return True


def check_safe_path(path: str, variable: str) -> None:
    """Raises Refused, with the fix, if another user can replace the file or directory that a path leads to.

    From the root on, each directory, each link on the way and its target, and `path` itself must belong to root or to
    the caller, and must not be writable by others; a directory with the sticky bit may be, for in it nobody replaces
    another user's files. Once a part has passed, no other user can change the next one. A missing part passes.
    `variable`: the environment variable that names the path.
    """
    reached, links = "/", 0
    left = path.split("/")[::-1]  # the next entry is the last
    try:
        while left:
            entry = left.pop()
            if entry == "..":
                reached = os.path.dirname(reached)
                continue
            step = reached if entry in ("", ".") else os.path.join(reached, entry)
            status = os.lstat(step)
            _check_writers(step, status, variable)
            if not stat.S_ISLNK(status.st_mode):
                reached = step
                continue
            links += 1
            if links > _MOST_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
            target = os.readlink(step)
            reached = "/" if target[:1] == "/" else reached
            left += reversed(target.split("/"))
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise Refused(f"cannot access {path}: {error.strerror}; set {variable} to a directory of yours") from error


def _check_writers(path: str, status: os.stat_result, variable: str) -> None:
    """Raises Refused if a user other than root and the caller may change a directory, a link or a file."""
    mode = status.st_mode
    free = stat.S_ISLNK(mode) or (mode & stat.S_ISVTX and stat.S_ISDIR(mode))
    if status.st_uid in (0, os.geteuid()) and (free or not mode & 0o022):
        return
    sharing.check_writers(path, status, variable)


def check_file(path: str, kind: int) -> os.stat_result | None:
    """The status of a socket (`stat.S_IFSOCK`) or file (`stat.S_IFREG`) of sesh's own, None if it is not there.

    Raises Refused, with the fix, if something is there that is of another kind, not the caller's, or not 0600.
    """
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return None
    check_status(path, status, kind)
    return status


def check_status(path: str, status: os.stat_result, kind: int = stat.S_IFREG) -> None:
    if stat.S_IFMT(status.st_mode) != kind:
        expected = {stat.S_IFSOCK: "a socket", stat.S_IFREG: "a file"}[kind]
        raise Refused(f"{path} is not {expected} created by sesh; check it and move it away")
    if status.st_uid != os.geteuid():
        raise Refused(f"{path} belongs to another user (uid {status.st_uid}); move it away")
    if stat.S_IMODE(status.st_mode) != OWN:
        raise Refused(f"{path} has mode {stat.S_IMODE(status.st_mode):04o}; run: {THERE}chmod 600 {path}")


def socket_path(name: str) -> str:
    """The path of a session's Unix socket. Raises InvalidName."""
    return os.path.join(directory(), check_name(name) + SOCKET)


def record_path(name: str) -> str:
    """The path of a session's record. Raises InvalidName."""
    return os.path.join(directory(), check_name(name) + RECORD)


def settings_file() -> str:
    """The user's settings: `sesh/config.toml` in `XDG_CONFIG_HOME`, if that is absolute, else in `~/.config`."""
    return os.path.join(_own_directory("XDG_CONFIG_HOME", ".config"), "config.toml")


def state_directory() -> str:
    """The directory of sesh's state: `sesh` in `XDG_STATE_HOME`, if that is absolute, else in `~/.local/state`."""
    return _own_directory("XDG_STATE_HOME", ".local/state")


def knows_remotes() -> bool:
    """Returns whether there may be known remotes."""
    return os.path.lexists(remotes_file())


def remotes_file() -> str:
    """The file of what is known of hosts."""
    return os.path.join(state_directory(), "remotes.json")


def remotes_directory() -> str:
    """The directory of what was pushed to hosts; it is neither created nor checked here."""
    return os.path.join(state_directory(), "remotes")


def synced_file(host: str) -> str:
    return os.path.join(remotes_directory(), f"{host}.synced")


def _own_directory(variable: str, below_home: str) -> str:
    named = os.environ.get(variable, "")
    return os.path.join(named if os.path.isabs(named) else os.path.join(home(), below_home), "sesh")


def names() -> list[str]:
    """The names that have a record or a socket, sorted; none if the directory is missing. Raises Refused.

    A file whose name cannot be a session name is not a session.
    """
    path = directory()
    if not trusted(path):
        return []
    sessions = set()
    for entry in os.listdir(path):
        name, suffix = entry[:-5], entry[-5:]
        if suffix in (SOCKET, RECORD) and name not in sessions and is_name(name):
            sessions.add(name)
    return sorted(sessions)


class reachable:  # noqa: N801 (a context manager named as what it gives)
    """An address for a socket in `folder`, also if its path is over the limit of `sun_path`.

    On Linux a long path goes through the directory's descriptor in /proc; elsewhere the process steps into the
    directory.
    """

    def __init__(self, folder: str, entry: str) -> None:
        self._folder, self._entry = folder, entry
        self._descriptor, self._back = -1, -1

    def __enter__(self) -> str:
        path = os.path.join(self._folder, self._entry)
        if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
            return path
        self._descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        if LINUX:
            return f"/proc/self/fd/{self._descriptor}/{self._entry}"
        self._back = os.open(".", os.O_RDONLY | os.O_CLOEXEC)
        os.fchdir(self._descriptor)
        return self._entry

    def __exit__(self, *_: object) -> None:
        if self._back >= 0:
            os.fchdir(self._back)
            os.close(self._back)
        if self._descriptor >= 0:
            os.close(self._descriptor)


def absent(name: str) -> NotFound:
    """The error for a session that is not there, with what to do."""
    return NotFound(f"no session {name}", hint=f"`{SESH}` lists them")


def taken(name: str) -> Exists:
    """The error for the name of a session that runs."""
    return Exists(f"{subject(name)} already runs", hint=f"attach with `{SESH} {name}`, or choose another name")
