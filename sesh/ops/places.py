"""The name of a directory's session: that of its repository.

In a worktree of git it is `repo-branch`, outside of any repository the name of the directory itself.
"""

from __future__ import annotations

import os
import unicodedata

from sesh import paths, proc, reading
from sesh.errors import SeshError
from sesh.names import LONGEST_NAME, is_name
from sesh.ops import create
from sesh.reach import find
from sesh.reach.caller import Caller
from sesh.reach.op import op
from sesh.schema import SessionHere
from sesh.store import records

_MARKS = (".git", ".jj", ".hg")
_LATIN = str.maketrans({
    "ł": "l", "ø": "o", "đ": "d", "ß": "ss", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d", "ı": "i",
    "Ł": "L", "Ø": "O", "Đ": "D", "ẞ": "SS", "Æ": "AE", "Œ": "OE", "Þ": "Th", "Ð": "D",
})  # fmt: skip
"""The usual spelling of letters that are not one of ASCII with a mark."""
_ROOM = 6
"""Characters of a name that are left for a number that tells it from others: `-12345`."""
_LARGEST = 1 << 16
"""Bytes of a file that leads from a worktree to its repository."""


@op(reads=True)
def here(caller: Caller, directory: str) -> SessionHere:
    """Return the session of a directory: its `name`, the `directory`, and whether it is `there`, also if it has ended.

    A name that a session of another directory has is passed over: `name-2` and so on. Raises Refused if there is no
    such directory.
    """
    directory = create.checked_directory(caller, directory)
    root, repository_name = repository(directory)
    taken = set(paths.names())
    name, number = repository_name, 1
    while name in taken and not _stands_in(name, root):
        number += 1
        name = f"{repository_name}-{number}"
    return {"name": name, "directory": directory, "there": name in taken}


def _stands_in(name: str, root: str) -> bool:
    """Return whether a session began in that repository or directory, or is there now."""
    record = records.readable(name)
    if record is None:  # it is being made: its daemon answers once it has one
        try:
            if (connection := find.running(name)) is not None:
                connection.only("summary", timeout=find.PATIENCE)
        except SeshError:
            return False
        record = records.readable(name)
    if record is None or not records.here(record):
        return False
    now = proc.directory_of(record.get("pid") or 0) if records.alive(record) else ""
    return any(folder and repository(folder)[0] == root for folder in (record.get("cwd"), now))


def repository(directory: str) -> tuple[str, str]:
    """Return the root of the repository that a directory lies in, else the directory; and the name of its session.

    A repository in the home directory, as some have for their settings, is not that of all directories below.
    """
    folder = real = os.path.realpath(directory)
    home = os.path.realpath(paths.home())
    while folder == real or folder != home:
        if any(os.path.lexists(os.path.join(folder, mark)) for mark in _MARKS):
            return folder, valid(_repository_name(folder))
        if folder == os.path.dirname(folder):
            break
        folder = os.path.dirname(folder)
    return real, valid(os.path.basename(real) or "root")


def _repository_name(root: str) -> str:
    """Return the name of a repository; in a worktree the main one's, and the branch (gitrepository-layout(5))."""
    pointer = _first_line(os.path.join(root, ".git"))
    inner = os.path.normpath(os.path.join(root, pointer.partition("gitdir: ")[2].strip()))
    if not pointer.startswith("gitdir: ") or os.path.basename(os.path.dirname(inner)) != "worktrees":
        return os.path.basename(root)
    common = os.path.dirname(os.path.dirname(inner))
    repository = os.path.basename(common).removesuffix(".git")
    if repository[:1] in ("", "."):  # `.git`, or a bare one beside its worktrees, such as `.bare`
        repository = os.path.basename(os.path.dirname(common))
    head = _first_line(os.path.join(inner, "HEAD"))
    return f"{repository}-{head.removeprefix('ref: refs/heads/') if head[:5] == 'ref: ' else head[:7]}"


def _first_line(path: str) -> str:
    """Return the first line of a file, empty if it cannot be read."""
    try:
        content = reading.read_regular(path, _LARGEST)
    except OSError:
        return ""
    return os.fsdecode(content).partition("\n")[0].strip()


def valid(text: str) -> str:
    """Return a name as near to `text` as the rule of names allows."""
    plain = unicodedata.normalize("NFKD", text).translate(_LATIN).encode("ascii", "ignore").decode()
    words = "".join(letter if letter in "_.+" or letter.isalnum() else " " for letter in plain).split()
    name = "-".join(words).lstrip(".+-")[: LONGEST_NAME - _ROOM].rstrip(".+-")
    return name if is_name(name) else "session"
