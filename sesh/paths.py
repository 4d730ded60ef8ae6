"""Where sesh keeps its files, and the rules that they must meet before they are trusted."""

from __future__ import annotations

import os
import stat

from sesh.errors import Exists, NotFound, Refused
from sesh.names import is_name
from sesh.platform import LINUX, LONGEST_SOCKET_PATH

PRIVATE = 0o700
OWN = 0o600
SOCKET, RECORD = ".sock", ".json"
_LOCK = ".lock"
_RECENT = ".recent"


def directory() -> str:
    """The directory of the sessions: `SESH_DIR`, else `~/.sesh`, absolute. It is neither made nor checked here."""
    # With a slash at its end a link would be taken for the directory that it leads to.
    return os.path.abspath(os.environ.get("SESH_DIR") or os.path.join(os.path.expanduser("~"), ".sesh"))


def ready_directory() -> str:
    """The directory of the sessions, made with mode 0700 where it is missing. Raises Refused as `trusted` does."""
    path = directory()
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.mkdir(path, PRIVATE)
        os.chmod(path, PRIVATE)  # the umask may have taken more than it should
    except FileExistsError:
        pass
    except OSError as error:
        raise Refused(f"cannot create {path}: {error.strerror}; set SESH_DIR to a directory of yours") from error
    if not trusted(path):
        raise Refused(f"{path} was just removed; try again")
    return path


def trusted(path: str, variable: str = "SESH_DIR") -> bool:
    """Whether the directory is there, a real one, the caller's own and private.

    `variable`: what names it in the environment. Raises Refused, with the fix, where it is there and one of these does
    not hold.
    """
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return False
    except OSError as error:
        message = f"cannot access {path}: {error.strerror}"
        raise Refused(f"{message}; set {variable} to a directory of yours") from error
    if stat.S_ISLNK(found.st_mode):
        raise Refused(f"{path} is a symbolic link; remove it, or set {variable} to the directory that it points to")
    if not stat.S_ISDIR(found.st_mode):
        raise Refused(f"{path} is not a directory; remove it, or set {variable} to a directory of yours")
    if found.st_uid != os.geteuid():
        raise Refused(f"{path} belongs to another user (uid {found.st_uid}); set {variable} to a directory of yours")
    if found.st_mode & 0o077:
        mode = stat.S_IMODE(found.st_mode)
        raise Refused(f"{path} is accessible to other users (mode {mode:04o}); run: chmod 700 {path}")
    return True


def check_file(path: str, kind: int) -> bool:
    """Whether a socket (`stat.S_IFSOCK`) or file (`stat.S_IFREG`) of ours is there.

    Raises Refused, with the fix, where something is there that is of another kind, not the caller's, or not 0600.
    """
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return False
    what = {stat.S_IFSOCK: "a socket", stat.S_IFREG: "a file"}[kind]
    if stat.S_IFMT(found.st_mode) != kind:
        raise Refused(f"{path} is not {what} created by sesh; check it and move it away")
    if found.st_uid != os.geteuid():
        raise Refused(f"{path} belongs to another user (uid {found.st_uid}); move it away")
    if stat.S_IMODE(found.st_mode) != OWN:
        raise Refused(f"{path} has mode {stat.S_IMODE(found.st_mode):04o}; run: chmod 600 {path}")
    return True


def socket_path(name: str) -> str:
    """The Unix socket of a session."""
    return os.path.join(directory(), name + SOCKET)


def record_path(name: str) -> str:
    """The metadata of a session."""
    return os.path.join(directory(), name + RECORD)


def settings_file() -> str:
    """The user's settings: `sesh/config.toml` in `XDG_CONFIG_HOME`, where that is absolute, else in `~/.config`."""
    named = os.environ.get("XDG_CONFIG_HOME", "")
    return os.path.join(named if os.path.isabs(named) else os.path.expanduser("~/.config"), "sesh", "config.toml")


def recent_path() -> str:
    """The names of the sessions attached last, the newest first, one a line."""
    return os.path.join(directory(), _RECENT)


def zygote_directory() -> str:
    """Where the process listens from which further daemons are forked."""
    return os.path.join(directory(), ".zygote")


def names() -> list[str]:
    """The names that have a record or a socket, sorted; none where the directory is missing. Raises Refused.

    A file whose name cannot be a session name is not a session.
    """
    path = directory()
    if not trusted(path):
        return []
    found = set()
    for entry in os.listdir(path):
        name, suffix = os.path.splitext(entry)
        if suffix in (SOCKET, RECORD) and is_name(name):
            found.add(name)
    return sorted(found)


class reachable:  # noqa: N801 (a context manager named as what it gives)
    """An address for a socket in `folder`, also where its path is over the limit of `sun_path`.

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


class locked:  # noqa: N801
    """Holds the lock of the directory of sessions: a session's files are made, renamed and removed under it."""

    def __init__(self, folder: str) -> None:
        self._path = os.path.join(folder, _LOCK)
        self._descriptor = -1

    def __enter__(self) -> None:
        import fcntl

        try:
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, OWN)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise Refused(f"cannot lock {self._path}: {error.strerror}; check it and move it away") from error
        os.fchmod(self._descriptor, OWN)  # the umask may have taken more than it should
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)


def hold_package() -> None:
    """Holds a lock on the directory of this very sesh while the process lives: `--sweep` leaves such a version alone.

    A daemon loads some modules late, and its command line does not show where from.
    """
    import fcntl

    try:
        descriptor = os.open(os.path.dirname(os.path.abspath(__file__)), os.O_RDONLY | os.O_CLOEXEC)
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return  # the file system has no locks


def held(path: str) -> bool:
    """Whether a process holds a lock on a file or a directory; if unknown, yes."""
    import fcntl

    mode = os.O_RDONLY if os.path.isdir(path) else os.O_RDWR
    try:
        descriptor = os.open(path, mode | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


class masked:  # noqa: N801
    """Holds a umask for the length of a block."""

    def __init__(self, mask: int) -> None:
        self._mask, self._before = mask, 0

    def __enter__(self) -> None:
        self._before = os.umask(self._mask)

    def __exit__(self, *_: object) -> None:
        os.umask(self._before)


def write_whole(path: str, data: bytes) -> None:
    """Puts a file of mode 0600 in place in one step: readers see the old content or the new, never a part."""
    temporary = os.path.join(os.path.dirname(path), f".{os.path.basename(path)}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, OWN)
    try:
        os.fchmod(descriptor, OWN)  # the umask may have taken more than it should
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        os.replace(temporary, path)
    except OSError:
        os.unlink(temporary)
        raise
    finally:
        os.close(descriptor)


def remember(name: str, host: str | None = None) -> None:
    """Notes the session attached last (`@HOST NAME` for one elsewhere); a full disk keeps nobody from attaching."""
    entry = name if host is None else f"@{host} {name}"
    kept = [entry, *(other for other in recent() if other != entry)][:32]
    try:
        write_whole(recent_path(), "".join(f"{each}\n" for each in kept).encode())
    except OSError:
        return


def recent() -> list[str]:
    """The sessions attached last, the newest first; none where the note of them cannot be read."""
    try:
        descriptor = os.open(recent_path(), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(descriptor, encoding="utf-8") as lines:
            return lines.read().splitlines()
    except (OSError, UnicodeDecodeError):
        return []


def absent(name: str) -> NotFound:
    """The error for a session that is not there, with what to do."""
    return NotFound(f"no session {name}", hint=f"`$sesh` lists sessions, `$sesh {name}` creates it")


def taken(name: str) -> Exists:
    """The error for a name that runs."""
    return Exists(f"{name} already runs", hint=f"attach with `$sesh {name}`, or choose another name")
