"""Listed paths as one tar archive, made without a tar here: the names travel in it, whatever they hold."""

from __future__ import annotations

import os
import stat
import tarfile

from sesh.remote import fingerprint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import IO

    from sesh.remote.fingerprint import Tree

BLOCK = 1 << 16


def pack(trees: Iterable[Tree], pipe: IO[bytes]) -> None:
    """Writes an archive with members relative to HOME, links as links.

    Raises BrokenPipeError where nobody takes it, OSError with the file's name for a file that cannot be read.
    """
    # GNU's format has no limit for names, and every tar of today reads it.
    with tarfile.open(
        mode="w|", fileobj=pipe, format=tarfile.GNU_FORMAT, encoding="utf-8", errors="surrogateescape", bufsize=BLOCK
    ) as archive:
        for tree in trees:
            _add(archive, tree.path, tree.source, os.stat(tree.source))
            for name, path, status in fingerprint.entries(tree):
                _add(archive, f"{tree.path}/{name}", path, status)


def _add(archive: tarfile.TarFile, name: str, path: str, status: os.stat_result) -> None:
    """Adds a file, directory or link; over there it belongs to whoever unpacks it. Of other kinds there is no copy."""
    member = tarfile.TarInfo(name)
    member.mode, member.mtime = stat.S_IMODE(status.st_mode), int(status.st_mtime)
    if stat.S_ISDIR(status.st_mode):
        member.type = tarfile.DIRTYPE
        archive.addfile(member)
    elif stat.S_ISLNK(status.st_mode):
        member.type, member.linkname = tarfile.SYMTYPE, os.readlink(path)
        archive.addfile(member)
    elif stat.S_ISREG(status.st_mode):
        with open(path, "rb") as file:
            member.size = os.fstat(file.fileno()).st_size
            archive.addfile(member, file)
