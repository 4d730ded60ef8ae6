"""Scan the listed paths in HOME, leave out protected files, and digest the rest.

Credentials and sesh's own files are neither sent nor deleted: a private key copied to each host is a leak that the user
does not notice, and a mirrored `.ssh` locks the user out.
"""

from __future__ import annotations

import hashlib
import os
import stat
from contextlib import suppress
from dataclasses import dataclass, field

from sesh.errors import Refused
from sesh.system.protected import Protected

_COPIED = (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK)


@dataclass
class Tree:
    """A listed path, and all files below it except the protected ones."""

    path: str  # relative to HOME
    source: str  # the real path
    entries: list[tuple[str, str]] = field(default_factory=list)  # what is sent: the real path, and that in HOME
    left_out: list[str] = field(default_factory=list)  # protected files, relative to HOME
    bytes: int = 0
    digest: str = ""  # of paths, modes, sizes and times: new contents always change the ctime


class HomeDirectory:
    """A home directory, to resolve listed paths in. `top`: its real path."""

    def __init__(self, home: str) -> None:
        self.top = os.path.realpath(home)
        self._protected = Protected(home)

    def tree(self, line: str) -> Tree:
        """Scan a listed path; follow no symbolic links below it. Raises Refused."""
        tree = self._resolved(line)
        digest = hashlib.sha256()
        names = [""]
        while names:
            name = names.pop()
            path = f"{tree.path}{name}"
            real = f"{tree.source}{name}"
            if self._is_protected(path, real):
                tree.left_out.append(path)
                continue
            with suppress(OSError):  # the file has just vanished; an unreadable file fails in the push
                status = os.lstat(real)
                kind = stat.S_IFMT(status.st_mode)
                if kind not in _COPIED:
                    continue
                facts = f"{path}\0{status.st_mode:o}"
                if kind != stat.S_IFDIR:
                    facts += f" {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"
                if kind == stat.S_IFREG:
                    tree.bytes += status.st_size
                tree.entries.append((real, path))
                digest.update(os.fsencode(f"{facts}\0"))
                if kind == stat.S_IFDIR:
                    names += [f"{name}/{entry}" for entry in sorted(os.listdir(real), reverse=True)]
        tree.digest = digest.hexdigest()
        return tree

    def _resolved(self, line: str) -> Tree:
        path = self._relative(os.path.abspath(os.path.join(self.top, line.removeprefix("~/"))))
        try:
            source = os.path.realpath(os.path.join(self.top, path))
            if not (path and self._relative(source)):
                raise Refused("it is no path below HOME, or a symbolic link in it leads out of HOME")
            if self._is_protected(path, source):
                raise Refused("it is never copied: it holds credentials, or belongs to sesh")
            if not (os.path.isfile(source) or stat.S_ISDIR(os.stat(source).st_mode)):
                raise Refused("not a file or directory")
        except (OSError, ValueError) as error:  # ValueError: a NUL in the path
            raise Refused(f"cannot be read: {getattr(error, 'strerror', error)}") from error
        return Tree(path, source)

    def _relative(self, path: str) -> str:
        """Return a path relative to HOME; empty if it does not lie below HOME."""
        inside = f"{self.top.rstrip('/')}/"
        return path[len(inside) :] if path.startswith(inside) else ""

    def _is_protected(self, path: str, real: str) -> bool:
        return any(self._protected.has(os.path.join(self.top, each)) for each in (path, real))
