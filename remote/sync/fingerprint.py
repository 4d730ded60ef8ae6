"""The fingerprint of a path in HOME, which tells whether there is anything to push.

It covers names, kinds, sizes, modes, link targets, mtime and ctime of every file. A changed content has another ctime,
even if size and mtime were kept, so contents are not read. Another change within the same tick of the clock would not
show: nothing is sent until its files are older than that (`Tree.settles`).
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Iterator, Mapping
from typing import TypedDict

from sesh.about import CALLED
from sesh.errors import NotFound, Refused
from sesh.remote.sync import credentials

Entry = tuple[str, str, os.stat_result]


class Seal(TypedDict):
    """A fingerprint as it is stored."""

    digest: str


OWN = (
    ".sesh",
    ".config/sesh/config.toml",
    ".config/sesh/sync",
    ".local/bin/sesh",
    ".local/share/sesh",
    ".local/state/sesh",
)
"""Paths in HOME that belong to sesh: neither sent nor deleted."""

_FORMAT = b"1"
_SECOND = 1_000_000_000
_TICK, _COARSE_TICK = _SECOND // 20, 2 * _SECOND
"""File times advance at least every 10 ms; on file systems without fractions of a second every 2 s."""


class Tree:
    """One listed path, as it was when it was scanned.

    `path`: relative to HOME. `source`: its real, absolute path; `linked`: whether a symbolic link leads there.
    `directory`: whether it is one. `bytes`: of all files. `excluded`: paths of sesh's own and of credentials, by
    their names relative to the path in lower case (besides those that `credentials.at_end` finds at any depth);
    `left_out`: those that are there, by their names. `digest`:
    the fingerprint. `settles`: the time (monotonic) from which on each further change shows.
    """

    def __init__(
        self, path: str, source: str, status: os.stat_result, *, linked: bool, excluded: Mapping[str, str]
    ) -> None:
        self.path, self.source, self.linked = path, source, linked
        self.bytes = 0
        self.excluded, self.left_out = excluded, dict[str, str]()
        self.directory = stat.S_ISDIR(status.st_mode)
        self.digest = self._digest(status)

    def _digest(self, own_status: os.stat_result) -> str:
        now, wait = time.time_ns(), 0
        total = hashlib.sha256(_FORMAT)
        for name, path, status in [("", self.source, own_status), *entries(self)]:
            kind, mode = stat.S_IFMT(status.st_mode), stat.S_IMODE(status.st_mode)
            facts = f"{kind:o}"
            if kind == stat.S_IFREG:
                self.bytes += status.st_size
                facts += f" {mode:o} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"
                tick = _TICK if status.st_ctime_ns % _SECOND else _COARSE_TICK
                # A time in the future is one of another clock.
                wait = max(wait, min(tick, status.st_ctime_ns + tick - now))
            elif kind == stat.S_IFDIR:
                facts += f" {mode:o}"
            else:
                facts += f" {_target(path)}"
            total.update(os.fsencode(f"{name}\0{facts}\0"))
        self.settles = time.monotonic() + wait / _SECOND
        return total.hexdigest()

    def seal(self) -> Seal:
        """Return the seal that `matches` needs the next time."""
        return {"digest": self.digest}

    def matches(self, sealed: object) -> bool:
        """Return whether nothing has changed since `seal`."""
        return sealed == self.seal()


class HomeDirectory:
    """A home directory, in which the lines of the list are looked up. `top`: its real path."""

    def __init__(self, home: str) -> None:
        self.top = os.path.realpath(home)
        self._inside = f"{self.top.rstrip('/')}/"
        self._protected = {**{own: own for own in OWN}, **credentials.places(self.top)}

    def tree(self, line: str) -> Tree:
        """The path that a line of the list names, scanned. Symbolic links are followed as long as they stay in HOME.

        Raises Refused for a path that leaves HOME, belongs to sesh or holds credentials; NotFound for one that is not
        there.
        """
        path = _relative(line)
        self._check(path)
        real = os.path.realpath(self._inside + path)
        if not real.startswith(self._inside):
            raise Refused("a symbolic link in it points outside HOME")
        inside = real[len(self._inside) :]
        self._check(inside)
        try:
            status = os.stat(real)
            if stat.S_IFMT(status.st_mode) not in (stat.S_IFREG, stat.S_IFDIR):
                raise Refused("not a file or directory")
            excluded = credentials.below(path, self._protected) | credentials.below(inside, self._protected)
            return Tree(path, real, status, linked=inside != path, excluded=excluded)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise NotFound("does not exist") from error
        except OSError as error:
            raise Refused(f"it cannot be read: {error.strerror}") from error

    def _check(self, path: str) -> None:
        """Raise Refused for a path in HOME that is never synced."""
        holder = credentials.holder(path, self._protected)
        if holder in OWN:
            raise Refused("belongs to sesh", hint=f"`{CALLED} --deploy` installs sesh there")
        if holder:
            raise Refused(f"{holder} holds credentials, which are never copied")


def _relative(line: str) -> str:
    """The path that a line names, relative to HOME. Raises Refused if it is not one."""
    path = line.removeprefix("~/")
    if path.startswith("/"):
        raise Refused("absolute; write it relative to HOME")
    if path.startswith(("$HOME/", "${HOME}/")):
        raise Refused("variables are not read; write it relative to HOME")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts or "\0" in path:
        raise Refused("outside HOME; write it relative to HOME, without ..")
    if not parts:
        raise Refused("it is HOME itself; name what to sync in it")
    return "/".join(parts)


def entries(tree: Tree) -> Iterator[Entry]:
    """(name relative to the path, whole path, status) of all that a directory holds, always in the same order.

    Links are not followed. What is excluded is left out, and noted; so is what vanishes or cannot be read (pushing it
    will report that).
    """
    if not tree.directory:
        return
    waiting = [("", tree.source)]
    while waiting:
        prefix, folder = waiting.pop()
        try:
            with os.scandir(folder) as scan:
                listed = sorted(scan, key=lambda entry: entry.name)
        except OSError:
            continue
        for entry in listed:
            name = prefix + entry.name
            folded = name.casefold()
            if holder := tree.excluded.get(folded) or credentials.at_end(folded):
                tree.left_out[name] = holder
                continue
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            yield name, entry.path, status
            if stat.S_ISDIR(status.st_mode):
                waiting.append((f"{name}/", entry.path))


def _target(path: str) -> str:
    """The target of a link; empty for anything else."""
    try:
        return os.readlink(path)
    except OSError:
        return ""
