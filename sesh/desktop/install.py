"""The shims in the directory of sessions: one place for all versions, as programs keep PATH and BROWSER for weeks."""

from __future__ import annotations

import os
import re
import shlex
from contextlib import suppress

from sesh.about import __version__
from sesh.system import files, paths

BROWSERS = ("xdg-open", "x-www-browser", "www-browser", "sensible-browser", "sesh-browser")
CLIPBOARDS = ("xclip", "xsel", "wl-copy", "wl-paste", "lemonade", "pbcopy", "pbpaste")
OF_MACOS = ("pbcopy", "pbpaste")
"""Shims only where the host has no such program."""
NAMES = (*BROWSERS, *CLIPBOARDS)
_SOURCE = os.path.join(os.path.dirname(__file__), "shims", "shim.sh")
MARK = ".sesh"
"""The file by which one shim knows a directory of shims."""
_HEAD = b"# A shim of sesh %s: "
_BY_VERSION = re.compile(_HEAD % rb"(\d+(?:\.\d+)*)[^:\n]*")
_LARGEST = 64 << 10  # bytes of a file that are read


def folder() -> str:
    """Return the directory of the shims, for PATH."""
    return os.path.join(paths.directory(), "bin")


def is_there() -> bool:
    """Return whether the shims were installed."""
    return os.path.lexists(os.path.join(folder(), MARK))


def install(launcher: str) -> None:
    """Write the shims, unless those of a newer version are there. Raises OSError, Refused.

    `launcher`: the path of this version's command. No file is written that is as it should be.
    """
    path = folder()
    with suppress(FileExistsError):
        os.mkdir(path, paths.PRIVATE)
        os.chmod(path, paths.PRIVATE)  # the umask may have removed the owner's bits
    paths.check_directory(path)
    if _version(_content(os.path.join(path, NAMES[0]))) > _version(_HEAD % __version__.encode()):
        return
    source = _content(_SOURCE).replace(b"@VERSION@", __version__.encode())
    source = source.replace(b"@SESH@", shlex.quote(launcher).encode("utf-8", "surrogateescape"))
    for name in NAMES:
        shim, content = os.path.join(path, name), source.replace(b"@NAME@", name.encode())
        if _content(shim) != content or not os.access(shim, os.X_OK):
            with files.replacing(shim, mode=paths.PRIVATE) as descriptor:
                files.write_all(descriptor, content)
    if not os.path.lexists(os.path.join(path, MARK)):
        files.write_whole(os.path.join(path, MARK), b"")


def _content(path: str) -> bytes:
    """Return a file's content; nothing if it is none, or a link."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            return file.read(_LARGEST)
    except OSError:
        return b""


def _version(shim: bytes) -> tuple[int, ...]:
    """Return the version that wrote a shim; nothing if it is none."""
    found = _BY_VERSION.search(shim)
    return tuple(map(int, found[1].split(b"."))) if found is not None else ()
