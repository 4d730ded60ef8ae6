"""The files of sesh: their places, and the rules that they must meet before they are trusted."""

from __future__ import annotations

import errno
import os
import stat
import time

from sesh.errors import Exists, NotFound, Refused
from sesh.names import check_host, check_name, is_name, subject
from sesh.platform import LINUX, LONGEST_SOCKET_PATH, has_acl, is_unmapped, start_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

PRIVATE = 0o700
OWN = 0o600
SOCKET, RECORD = ".sock", ".json"
_LOCK = ".lock"
_RECENT = ".recent"
_TO_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_BLOCK = 1 << 16
SETTLED = 600.0
"""Seconds after which a temporary file is left over, even one of another machine's process."""
_MOST_RECENT = 32
"""Sessions attached last that are remembered."""
_LARGEST_NOTE = 64 << 10
"""Bytes of the file of the sessions attached last."""
_MOST_LINKS = 40
"""Links on the way to a file, as of Linux: path_resolution(7)."""
_own_groups: dict[int, bool] = {}
"""The results of `_is_alone_in`, by group."""
TOO_MANY_FILES = (errno.EMFILE, errno.ENFILE)
"""The errors of a process, and of a machine, that can open nothing more."""


def home() -> str:
    """The user's home directory: `HOME`, else, if that is empty or no whole path, the one of passwd(5)."""
    named = os.environ.get("HOME", "")
    if os.path.isabs(named):
        return named.rstrip("/") or "/"
    import pwd

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


def ready_directory() -> str:
    """The directory of the sessions, made with mode 0700 if it is missing. Raises Refused as `trusted` does."""
    path = directory()
    try:
        make_private(path)
    except OSError as error:
        raise Refused(f"cannot create {path}: {error.strerror}; set SESH_DIR to a directory of yours") from error
    return path


def make_private(path: str, variable: str = "SESH_DIR") -> None:
    """Makes a directory of mode 0700 if it is not there, and those above it that are missing.

    Raises OSError, and Refused as `trusted` does: no directory is made that would not be safe.
    """
    if trusted(path, variable):
        return
    check_safe_path(os.path.dirname(path), variable)
    missing = [path]
    while not os.path.lexists(parent := os.path.dirname(missing[-1])):
        missing.append(parent)
    for folder in reversed(missing):
        try:
            os.mkdir(folder, PRIVATE)
            os.chmod(folder, PRIVATE)  # the umask may have taken more than it should
        except FileExistsError:
            continue
    if not trusted(path, variable):
        raise Refused(f"{path} was just removed; try again")


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
        fix = f"run: chmod 700 {path}" if _is_unshared(path, mode) else f"set {variable} to a directory of its own"
        raise Refused(f"{path} is accessible to other users (mode {mode:04o}); {fix}")
    if mode & PRIVATE != PRIVATE:
        raise Refused(f"you have no access to {path} (mode {mode:04o}); run: chmod 700 {path}")
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
    elsewhere = f"set {variable} to a directory of yours"
    if status.st_uid not in (0, os.geteuid()) and not is_unmapped(status.st_uid):
        raise Refused(f"{path} belongs to another user (uid {status.st_uid}), who may change it; {elsewhere}")
    mode = stat.S_IMODE(status.st_mode)
    if stat.S_ISLNK(status.st_mode) or (mode & stat.S_ISVTX and stat.S_ISDIR(status.st_mode)):
        return
    if mode & 0o002 or (mode & 0o020 and (not _is_alone_in(status.st_gid) or has_acl(path))):
        fix = f"run: chmod go-w {path}" if status.st_uid == os.geteuid() else elsewhere
        raise Refused(f"{path} is writable by other users (mode {mode:04o}); {fix}")


def _is_alone_in(group: int) -> bool:
    """Returns whether a group has members by group(5) and passwd(5), and all of them are the caller or root.

    It is so if each user has a group of their own and a umask of 002; sshd of Debian accepts the same.
    """
    if group not in _own_groups:
        import grp
        import pwd

        try:
            own = {"root", pwd.getpwuid(os.geteuid()).pw_name}
            members = {*grp.getgrgid(group).gr_mem}
        except KeyError:
            return False
        members |= {account.pw_name for account in pwd.getpwall() if account.pw_gid == group}
        _own_groups[group] = bool(members) and members <= own
    return _own_groups[group]


def _is_unshared(path: str, mode: int) -> bool:
    """Returns whether a directory may be closed to others: its content is closed to them already, and they can do
    without.

    They need directories in the root, the home directory, and any with the sticky bit, such as /tmp.
    """
    if mode & stat.S_ISVTX or os.path.dirname(path) == "/" or os.path.realpath(path) == os.path.realpath(home()):
        return False
    try:
        with os.scandir(path) as entries:
            inner = [entry.stat(follow_symlinks=False) for entry in entries]
    except OSError:
        return False
    return all(one.st_uid == os.geteuid() and (stat.S_ISLNK(one.st_mode) or not one.st_mode & 0o077) for one in inner)


def check_file(path: str, kind: int) -> os.stat_result | None:
    """The status of a socket (`stat.S_IFSOCK`) or file (`stat.S_IFREG`) of sesh's own, None if it is not there.

    Raises Refused, with the fix, if something is there that is of another kind, not the caller's, or not 0600.
    """
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return None
    _check(path, status, kind)
    return status


def _check(path: str, status: os.stat_result, kind: int = stat.S_IFREG) -> None:
    if stat.S_IFMT(status.st_mode) != kind:
        expected = {stat.S_IFSOCK: "a socket", stat.S_IFREG: "a file"}[kind]
        raise Refused(f"{path} is not {expected} created by sesh; check it and move it away")
    if status.st_uid != os.geteuid():
        raise Refused(f"{path} belongs to another user (uid {status.st_uid}); move it away")
    if stat.S_IMODE(status.st_mode) != OWN:
        raise Refused(f"{path} has mode {stat.S_IMODE(status.st_mode):04o}; run: chmod 600 {path}")


def read_own(path: str, largest: int, *, whole: bool = True, start: int = 0) -> bytes | None:
    """The content of a file of sesh's own; None if it is not there. Follows no link, waits for nothing.

    `largest`: bytes from `start` on; a larger file is cut to them if it need not be `whole`. Raises Refused, with the
    fix, as `check_file` does and for a file that cannot be read, and OSError if no descriptor is left.
    """
    try:
        return _content(path, largest, _check, links=False, whole=whole, start=start)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in TOO_MANY_FILES:
            raise
        raise damaged(path, str(error.strerror)) from error


def read_regular(path: str, largest: int) -> bytes:
    """The content of a file that the user may have put there, through links too.

    Raises OSError, also for a larger file, and for one that is not regular: a FIFO would block.
    """
    return _content(path, largest, _check_regular, links=True, whole=True)


def _check_regular(path: str, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "not a regular file", path)


def _content(
    path: str,
    largest: int,
    check: Callable[[str, os.stat_result], None],
    *,
    links: bool,
    whole: bool,
    start: int = 0,
) -> bytes:
    """The content of a file that passes a check, at most `largest` bytes from `start` on.

    Raises OSError, also if there are more and `whole` is wanted.
    """
    check(path, os.stat(path, follow_symlinks=links))  # before it is opened, which may make a device act
    descriptor = os.open(path, _TO_READ if links else _TO_READ | os.O_NOFOLLOW)
    try:
        check(path, os.fstat(descriptor))  # another one may have taken its place
        if start:
            os.lseek(descriptor, start, os.SEEK_SET)
        content = bytearray()
        while len(content) <= largest and (data := os.read(descriptor, min(_BLOCK, largest + 1 - len(content)))):
            content += data
    finally:
        os.close(descriptor)
    if whole and len(content) > largest:
        raise OSError(errno.EFBIG, f"larger than {largest} bytes")
    return bytes(content[:largest])


def damaged(path: str, why: str) -> Refused:
    """The error for a file of sesh's own whose content cannot be used."""
    return Refused(f"{path} is damaged ({why}); check it and move it away")


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


def cache_directory() -> str:
    """The directory of what was fetched: `sesh` in `XDG_CACHE_HOME`, if that is absolute, else in `~/.cache`."""
    return _own_directory("XDG_CACHE_HOME", ".cache")


def _own_directory(variable: str, below_home: str) -> str:
    named = os.environ.get(variable, "")
    return os.path.join(named if os.path.isabs(named) else os.path.join(home(), below_home), "sesh")


def recent_path() -> str:
    """The file with the names of the sessions attached last, the newest first, one a line."""
    return os.path.join(directory(), _RECENT)


def zygote_directory() -> str:
    """The directory in which the zygote listens, the process that forks daemons."""
    return os.path.join(directory(), ".zygote")


def names() -> list[str]:
    """The names that have a record or a socket, sorted; none if the directory is missing. Raises Refused.

    A file whose name cannot be a session name is not a session.
    """
    path = directory()
    if not trusted(path):
        return []
    sessions = set()
    for entry in os.listdir(path):
        name, suffix = os.path.splitext(entry)
        if suffix in (SOCKET, RECORD) and is_name(name):
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
            raise  # the whole directory is gone, and the files with it: most callers have nothing left to do
        except OSError as error:
            message = f"cannot lock {self._path}: {error.strerror}"
            hint = remedy(error)
            if not hint or (error.errno == errno.EACCES and os.path.lexists(self._path)):
                hint = "check it and move it away"
            raise Refused(message, hint=hint) from error
        try:
            os.fchmod(self._descriptor, OWN)  # the umask may have taken more than it should
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        except OSError:
            self.__exit__()
            raise

    def __exit__(self, *_: object) -> None:
        try:
            os.close(self._descriptor)
        except OSError:
            pass  # nothing was written to it, and the kernel has let go of the lock


def hold_package() -> None:
    """Holds a lock on the directory of this package while the process lives: `--sweep` leaves a locked version alone.

    A daemon loads some modules late, and its command line does not show their directory.
    """
    import fcntl

    try:
        descriptor = os.open(os.path.dirname(os.path.abspath(__file__)), os.O_RDONLY | os.O_CLOEXEC)
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return  # the file system has no locks


def held(path: str) -> bool:
    """Returns whether a process holds a lock on a file or a directory; True if unknown."""
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


def remedy(error: OSError) -> str:
    """The hint for an error of writing to the directory of sessions; empty if the error is of another kind."""
    if error.errno == errno.EROFS:
        return "set SESH_DIR to a directory that you can write to"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"make {directory()} writable, or set SESH_DIR to a directory that you can write to"
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
        return "free some space there, or set SESH_DIR to another directory"
    return ""


class masked:  # noqa: N801
    """Holds a umask for the length of a block."""

    def __init__(self, mask: int) -> None:
        self._mask, self._before = mask, 0

    def __enter__(self) -> None:
        self._before = os.umask(self._mask)

    def __exit__(self, *_: object) -> None:
        os.umask(self._before)


def write_whole(path: str, data: bytes, *, durable: bool = False, mode: int = OWN) -> os.stat_result:
    """Puts a file in place in one step: readers see the old content or the new, never a part. Returns its status.

    `durable`: that holds after a loss of power too, and the new content stays; it waits for the disk.
    """
    temporary = os.path.join(os.path.dirname(path), f".{os.path.basename(path)}.{os.getpid()}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    descriptor = os.open(temporary, flags, OWN)
    try:
        try:
            os.fchmod(descriptor, mode)  # the umask may have taken more than it should
            write_all(descriptor, data)
            if durable:
                os.fsync(descriptor)
            status = os.fstat(descriptor)
        finally:
            os.close(descriptor)  # a file system on a network may find only now that it has no room
        os.replace(temporary, path)
    except OSError:
        os.unlink(temporary)
        raise
    if durable:
        sync(os.path.dirname(path))
    return status


def unnamed_file() -> int:
    """The descriptor of a new file in the directory of sessions that has no name any more: it goes with the process, or
    with `close`. Raises OSError."""
    path = os.path.join(directory(), f".unnamed.file.{os.getpid()}")
    if os.path.lexists(path):
        os.unlink(path)  # left by a process of this number that was killed right here
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, OWN)
    try:
        os.unlink(path)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def write_all(descriptor: int, data: bytes) -> None:
    """Writes all of `data` to a descriptor that blocks, or takes it whole. Raises OSError."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def append(path: str, data: bytes, largest: int | None = None, *, through_links: bool = False) -> None:
    """Adds to a file in a single write, so that processes may share it; it is made with mode 0600. Raises OSError.

    `largest`: nothing is added to a file of so many bytes, nor to one that is no regular file of the caller's.
    """
    # O_NONBLOCK: a FIFO that nobody reads must not block.
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
    descriptor = os.open(path, flags if through_links else flags | os.O_NOFOLLOW, OWN)
    try:
        status = os.fstat(descriptor)
        if largest is None or (_is_own_file(status) and status.st_size < largest):
            os.write(descriptor, data)
    finally:
        os.close(descriptor)


def extend(path: str, size: int, data: bytes) -> None:
    """Writes behind the first `size` bytes of a file of the caller's own, in place of what is there. It is made, with
    mode 0600, if it is to begin. Raises OSError; FileNotFoundError also if it has fewer bytes.
    """
    flags = os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
    descriptor = os.open(path, flags if size else flags | os.O_CREAT, OWN)
    try:
        status = os.fstat(descriptor)
        if not _is_own_file(status) or status.st_size < size:
            raise FileNotFoundError(errno.ENOENT, "not the file that was written", path)
        if not size:
            os.fchmod(descriptor, OWN)  # the umask may have taken more than it should
        os.ftruncate(descriptor, size)
        os.lseek(descriptor, size, os.SEEK_SET)
        write_all(descriptor, data)
    finally:
        os.close(descriptor)


def _is_own_file(status: os.stat_result) -> bool:
    return stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid()


def is_abandoned(path: str) -> bool:
    """Returns whether a file is the temporary one of a `write_whole` whose process was killed, some time ago."""
    target, _, pid = os.path.basename(path).rpartition(".")
    if not (target[:1] == "." and "." in target[1:] and pid.isdecimal()):
        return False
    try:
        age = time.time() - os.lstat(path).st_mtime
    except FileNotFoundError:
        return False
    return age > SETTLED and start_time(int(pid)) == ""


def sync(path: str) -> None:
    """Waits until a file's content, or a directory's names, are on the disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remember(name: str, host: str | None = None) -> None:
    """Notes the session attached last (`@HOST NAME` for one elsewhere); a full disk keeps nobody from attaching.

    Raises InvalidName, InvalidHost: a host may have answered with them.
    """
    check_name(name)
    if host is not None:
        check_host(host)
    entry = name if host is None else f"@{host} {name}"
    lines = [entry, *(other for other in recent() if other != entry)][:_MOST_RECENT]
    try:
        write_whole(recent_path(), "".join(f"{line}\n" for line in lines).encode())
    except OSError:
        return


def recent() -> list[str]:
    """The sessions attached last, the newest first; none if their file cannot be read."""
    try:
        return (read_own(recent_path(), _LARGEST_NOTE) or b"").decode().splitlines()[:_MOST_RECENT]
    except (Refused, OSError, UnicodeDecodeError):
        return []


def absent(name: str) -> NotFound:
    """The error for a session that is not there, with what to do."""
    return NotFound(f"no session {name}", hint=f"`$sesh` lists sessions, `$sesh {name}` creates it")


def taken(name: str) -> Exists:
    """The error for the name of a session that runs."""
    return Exists(f"{subject(name)} already runs", hint=f"attach with `$sesh {name}`, or choose another name")
