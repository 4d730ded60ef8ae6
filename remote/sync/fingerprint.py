"""What lies under a path of HOME, in a few characters: the same as last time, or something to push.

Names, kinds, sizes, modes, link targets and both times of every file go into it. A content that changed has another
ctime, also where its size and mtime were kept, so contents need not be read; only those of files so young that a
change within the same tick of the clock would not show are.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time

from sesh.errors import NotFound, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    Entry = tuple[str, str, os.stat_result]

OWN = (".sesh", ".local/bin/sesh", ".local/share/sesh", ".local/state/sesh")
"""What is sesh's own in a home: neither sent nor deleted over there."""

_FORM = b"1"
_SECOND = 1_000_000_000
_TICK, _COARSE_TICK = _SECOND // 20, 2 * _SECOND
"""The clock of files moves every 10 ms at most; that of file systems without fractions of a second every 2 s."""


class Tree:
    """One listed path as it was when it was looked at.

    `path`: relative to HOME. `source`: where it really lies, absolute; `linked`: whether a symbolic link leads there.
    `directory`: whether it is one. `bytes`: of all files. `plain`: whether it holds nothing but files and directories,
    none of them sesh's own. `kept`: what is sesh's own, relative to the path. `digest`: the fingerprint. `young`: names
    of files whose content counts too.
    """

    __slots__ = ("bytes", "digest", "directory", "kept", "linked", "path", "plain", "source", "young")

    def __init__(self, path: str, source: str, status: os.stat_result, *, linked: bool = False) -> None:
        self.path, self.source, self.linked = path, source, linked
        self.bytes, self.plain = 0, True
        self.young: list[str] = []
        self.kept = [own[len(path) + 1 :] for own in OWN if own.startswith(f"{path}/")]
        self.directory = stat.S_ISDIR(status.st_mode)
        self.digest = self._digest(status)

    def _digest(self, found: os.stat_result) -> str:
        now = time.time_ns()
        total = hashlib.sha256(_FORM)
        for name, path, status in [("", self.source, found), *entries(self)]:
            kind, mode = stat.S_IFMT(status.st_mode), stat.S_IMODE(status.st_mode)
            facts = f"{kind:o}"
            if kind == stat.S_IFREG:
                self.bytes += status.st_size
                facts += f" {mode:o} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"
                tick = _TICK if status.st_ctime_ns % _SECOND else _COARSE_TICK
                if status.st_ctime_ns > now - tick:
                    self.young.append(name)
            elif kind == stat.S_IFDIR:
                facts += f" {mode:o}"
            else:
                self.plain = False
                facts += f" {_target(path)}"
            total.update(os.fsencode(f"{name}\0{facts}\0"))
        self.plain = self.plain and not any(os.path.lexists(os.path.join(self.source, own)) for own in self.kept)
        return total.hexdigest()

    def seal(self) -> dict[str, Any]:
        """What to keep, so that `matches` can tell next time."""
        return {"digest": self.digest, "young": self.young, "content": self._content(self.young)}

    def matches(self, sealed: object) -> bool:
        """Whether nothing has changed since it was sealed."""
        if not isinstance(sealed, dict) or sealed.get("digest") != self.digest:
            return False
        young = sealed.get("young")
        return isinstance(young, list) and sealed.get("content") == self._content([str(name) for name in young])

    def _content(self, names: list[str]) -> str:
        """A hash of the content of files, empty for none of them."""
        total = hashlib.sha256()
        for name in names:
            try:
                with open(os.path.join(self.source, name) if name else self.source, "rb") as file:
                    while block := file.read(1 << 20):
                        total.update(block)
            except OSError as error:
                total.update(str(error.errno).encode())
            total.update(b"\0")
        return total.hexdigest() if names else ""


class Place:
    """A home, in which lines of the list are looked up."""

    def __init__(self, home: str) -> None:
        self.top = os.path.realpath(home)
        self._inside = f"{self.top.rstrip('/')}/"
        self._folders = {"": self.top}  # where each directory really lies

    def tree(self, line: str) -> Tree:
        """What a line of the list names. Symbolic links on the way are followed as long as they stay in HOME.

        Raises Refused for a path that leaves HOME, or is sesh's own; NotFound for one that is not there.
        """
        path = _relative(line)
        folder, _, name = path.rpartition("/")
        if folder not in self._folders:
            self._folders[folder] = os.path.realpath(self._inside + folder)
        real = os.path.join(self._folders[folder], name)
        try:
            status = os.lstat(real)
            if stat.S_ISLNK(status.st_mode):
                real = os.path.realpath(real)
                status = os.stat(self._checked(real))
            if stat.S_IFMT(status.st_mode) not in (stat.S_IFREG, stat.S_IFDIR):
                raise Refused("it is neither a file nor a directory")
            return Tree(path, self._checked(real), status, linked=real != self._inside + path)
        except (FileNotFoundError, NotADirectoryError) as error:
            self._checked(real)
            raise NotFound("it is not there") from error
        except OSError as error:
            raise Refused(f"it cannot be looked at: {error.strerror}") from error

    def _checked(self, real: str) -> str:
        if not real.startswith(self._inside):
            raise Refused("a symbolic link in it leads out of HOME")
        return real


def _relative(line: str) -> str:
    """The path that a line names. Raises Refused for one that no place in HOME has."""
    word = line.removeprefix("~/")
    if word.startswith("/"):
        raise Refused("it is absolute; write it relative to HOME")
    parts = [part for part in word.split("/") if part not in ("", ".")]
    if ".." in parts or "\0" in word:
        raise Refused("it leaves HOME; write it relative to HOME, without ..")
    if not parts:
        raise Refused("it is HOME itself; name what is to be there")
    path = "/".join(parts)
    if any(path == own or path.startswith(f"{own}/") for own in OWN):
        raise Refused("it is sesh's own", hint="`sesh --deploy` brings sesh there")
    return path


def entries(tree: Tree) -> Iterator[Entry]:
    """(name relative to the path, whole path, status) of all that a directory holds, always in the same order.

    Links are not followed; what is sesh's own is left out, and so is what vanishes or cannot be read meanwhile (who
    pushes it will say so).
    """
    if not tree.directory:
        return
    waiting = [("", tree.source)]
    while waiting:
        prefix, folder = waiting.pop()
        try:
            with os.scandir(folder) as found:
                listed = sorted(found, key=lambda entry: entry.name)
        except OSError:
            continue
        for entry in listed:
            name = prefix + entry.name
            if name in tree.kept:
                continue
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            yield name, entry.path, status
            if stat.S_ISDIR(status.st_mode):
                waiting.append((f"{name}/", entry.path))


def _target(path: str) -> str:
    """Where a link leads; nothing for what is none."""
    try:
        return os.readlink(path)
    except OSError:
        return ""
