"""The paths of sesh's files, and the checks before a file is trusted."""

from __future__ import annotations

import grp
import os
import pwd
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from sesh.about import ON_HOST, PROGRAM, SESH
from sesh.errors import Exists, NotFound, Refused, cannot
from sesh.names import check_name, is_name, subject
from sesh.system import platforms

PRIVATE = 0o700
OWN = 0o600
SOCKET, RECORD = ".sock", ".json"
_ENCODED = re.compile(rb"[^A-Za-z0-9_.+@\\:\[\]-]")  # bytes of a word that are encoded in a file's name
_MAX_FILE_NAME = 200  # bytes; most file systems have 255, and a file may get a suffix


def home() -> str:
    """Return the user's home directory: `HOME` if absolute, else that of passwd(5)."""
    named = os.environ.get("HOME", "")
    if os.path.isabs(named):
        return named.rstrip("/") or "/"
    try:
        return pwd.getpwuid(os.geteuid()).pw_dir
    except KeyError:
        return "/"


def current_directory() -> str:
    """Return the current directory by the name that `PWD` gives it, else by the kernel's. Raises OSError.

    PWD counts if it is an absolute path of this directory without the components `.` and `..` (POSIX, `pwd -L`).
    """
    named = os.environ.get("PWD", "")
    if os.path.isabs(named) and not {".", ".."} & {*named.split("/")} and same_directory(named, "."):
        return named
    return os.getcwd()


def same_directory(one: str, other: str) -> bool:
    """Return whether two paths name one directory; False if one names none."""
    try:
        return os.path.samestat(os.stat(one), os.stat(other))
    except (OSError, ValueError):  # ValueError: a NUL
        return False


def directory() -> str:
    """Return the absolute path of the directory of sessions, unchecked: `SESH_DIR`, else `~/.sesh`."""
    # abspath drops a slash at the end, with which lstat would follow a link.
    return os.path.abspath(os.environ.get("SESH_DIR") or os.path.join(home(), ".sesh"))


def check_directory(path: str, variable: str = "SESH_DIR") -> bool:
    """Refuse an existing directory that is not safe; return whether it exists.

    A safe directory is no link, belongs to the caller, is private, and cannot be replaced by another user. `variable`:
    the environment variable that names the directory. Raises Refused, with the fix.
    """
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise cannot(f"access {path}", error, _elsewhere(variable)) from error
    mode = stat.S_IMODE(status.st_mode)
    if not stat.S_ISDIR(status.st_mode):
        what = "a symbolic link" if stat.S_ISLNK(status.st_mode) else "not a directory"
        raise Refused(f"{path} is {what}; {_elsewhere(variable)}")
    if status.st_uid != os.geteuid():
        raise Refused(f"{path} belongs to another user (uid {status.st_uid}); {_elsewhere(variable)}")
    if mode & 0o777 != PRIVATE:
        fix = f"if only {PROGRAM} uses it, make it 0700; else {_elsewhere(variable)}"
        if path.startswith(f"{home()}/"):  # never advise chmod of /tmp or of the home
            fix = f"run: {ON_HOST}chmod 700 {path}"
        raise Refused(f"{path} is accessible to other users, or not to you (mode {mode:04o}); {fix}")
    check_safe_path(os.path.dirname(path), variable)
    return True


def _elsewhere(variable: str) -> str:
    return f"set {variable} to a directory of yours"


def check_safe_path(path: str, variable: str) -> None:
    """Raise Refused, with the fix, if another user can replace a file or directory.

    From the root on, each directory, each link and its target, and `path` itself must belong to root or to the caller,
    and must not be writable by others. The order matters: once a part is safe, no other user can change the next.
    A missing part passes. `variable`: the environment variable that names the path.
    """
    try:
        for step in _steps(path):
            _check_writers(step, os.lstat(step), _elsewhere(variable))
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise cannot(f"access {path}", error, _elsewhere(variable)) from error


def _steps(path: str) -> Iterator[str]:
    """Yield each directory and link on a path, then the path itself. Raises OSError."""
    reached = "/"
    for entry in ("", *filter(None, path.split("/"))):
        reached = os.path.dirname(os.path.realpath(reached)) if entry == ".." else os.path.join(reached, entry)
        yield reached
        if os.path.islink(reached):
            os.stat(reached)  # raises for a cycle of links
            yield from _steps(os.path.join(os.path.dirname(reached), os.readlink(reached)))


def _check_writers(path: str, status: os.stat_result, elsewhere: str) -> None:
    """Raise Refused if a user besides root and the caller may write to a path.

    A directory with the sticky bit passes: users cannot replace each other's files in it.
    """
    if status.st_uid not in (0, os.geteuid()) and not is_unmapped(status.st_uid):
        raise Refused(f"{path} belongs to another user (uid {status.st_uid}), who may change it; {elsewhere}")
    mode = stat.S_IMODE(status.st_mode)
    if stat.S_ISLNK(status.st_mode) or (mode & stat.S_ISVTX and stat.S_ISDIR(status.st_mode)):
        return
    if mode & 0o002 or (mode & 0o020 and (not _is_own_group(status.st_gid) or platforms.has_acl(path))):
        fix = f"run: {ON_HOST}chmod go-w {path}" if status.st_uid == os.geteuid() else elsewhere
        raise Refused(f"{path} is writable by other users (mode {mode:04o}); {fix}")


def is_unmapped(uid: int) -> bool:
    """Return whether a uid stands for users outside the user namespace, as in containers.

    These users all appear with the overflow uid (user_namespaces(7)), unless the namespace maps that uid. Linux only.
    """
    if platforms.content("/proc/sys/kernel/overflowuid").strip() != str(uid).encode():
        return False
    ranges = [[int(number) for number in line.split()] for line in platforms.content("/proc/self/uid_map").splitlines()]
    return bool(ranges) and not any(first <= uid < first + count for first, _, count in ranges)


def _is_own_group(group: int) -> bool:
    """Return whether a group has the caller's name and no other members.

    Accounts that have it as primary group are not searched, because a directory server takes seconds to list them.
    """
    try:
        name = pwd.getpwuid(os.geteuid()).pw_name
        own = grp.getgrgid(group)
    except KeyError:
        return False
    return own.gr_name == name and {*own.gr_mem} <= {name}


def check_socket(path: str) -> bool:
    """Return whether one of sesh's sockets exists. Raises Refused if it is unsafe."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return False
    check_status(path, status, stat.S_IFSOCK, "a socket")
    return True


def check_status(path: str, status: os.stat_result, kind: int = stat.S_IFREG, words: str = "a file") -> None:
    """Raise Refused unless a file is the caller's, private, and of this kind."""
    if stat.S_IFMT(status.st_mode) != kind or status.st_uid != os.geteuid():
        raise Refused(f"{path} is not {words} created by sesh; check it and move it away")
    if stat.S_IMODE(status.st_mode) != OWN:
        raise Refused(f"{path} has mode {stat.S_IMODE(status.st_mode):04o}; run: {ON_HOST}chmod 600 {path}")


def socket_path(name: str) -> str:
    """Return the path of a session's Unix socket. Raises UsageError."""
    return os.path.join(directory(), check_name(name) + SOCKET)


def record_path(name: str) -> str:
    """Return the path of a session's record. Raises UsageError."""
    return os.path.join(directory(), check_name(name) + RECORD)


def settings_file() -> str:
    """Return the path of the settings: `sesh/config.toml` in `XDG_CONFIG_HOME`, if absolute, else in `~/.config`."""
    return os.path.join(_own_directory("XDG_CONFIG_HOME", ".config"), "config.toml")


def state_directory() -> str:
    """Return the directory of sesh's state: `sesh` in `XDG_STATE_HOME`, if absolute, else in `~/.local/state`."""
    return _own_directory("XDG_STATE_HOME", ".local/state")


def knows_remotes() -> bool:
    return os.path.lexists(remotes_file())


def remotes_file() -> str:
    return os.path.join(state_directory(), "remotes.json")


def synced_file(host: str) -> str:
    """Return the path of the record of the files pushed to a host."""
    return os.path.join(state_directory(), "remotes", f"{file_name(host)}.synced")


def file_name(word: str) -> str:
    """Return a word as part of a file's name: other bytes than those of usual hosts are percent-encoded.

    A long one is named by its hash.
    """
    name = _ENCODED.sub(lambda byte: b"%%%02X" % byte[0][0], word.encode("utf-8", "surrogateescape")).decode()
    if len(name) <= _MAX_FILE_NAME:
        return name
    import hashlib  # noqa: PLC0415 - hardly any name is so long

    return hashlib.sha256(word.encode("utf-8", "surrogateescape")).hexdigest()


def _own_directory(variable: str, below_home: str) -> str:
    named = os.environ.get(variable, "")
    return os.path.join(named if os.path.isabs(named) else os.path.join(home(), below_home), "sesh")


def names() -> list[str]:
    """Return the sorted valid names that have a record or a socket. Raises Refused."""
    path = directory()
    entries = os.listdir(path) if check_directory(path) else ()
    return sorted({entry[:-5] for entry in entries if entry[-5:] in (SOCKET, RECORD) and is_name(entry[:-5])})


@contextmanager
def socket_address(folder: str, entry: str) -> Iterator[str]:
    """Yield an address for a socket in `folder`, even if its path is too long."""
    path = os.path.join(folder, entry)
    if len(os.fsencode(path)) <= platforms.MAX_SOCKET_PATH:
        yield path
        return
    if not os.path.isdir("/proc/self/fd"):
        raise Refused(f"{path} is too long for a socket; set SESH_DIR to a shorter directory")
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{entry}"
    finally:
        os.close(descriptor)


def absent(name: str) -> NotFound:
    return NotFound(f"no session {name}", hint=f"`{SESH}` lists them")


def taken(name: str) -> Exists:
    return Exists(f"{subject(name)} already runs", hint=f"attach with `{SESH} {name}`, or choose another name")
