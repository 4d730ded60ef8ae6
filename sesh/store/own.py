"""Recognize the files that sesh makes, by name, and if necessary by their first bytes.

All code that removes files checks with this module first, so that no other file is ever removed.
"""

from __future__ import annotations

import os
import re

from sesh.about import PROGRAM
from sesh.desktop.install import MARK, NAMES
from sesh.errors import Refused
from sesh.store import records, session_files
from sesh.system import files, paths, platforms

_NAME, _ID, _HASH = r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,63}", r"[0-9A-Za-z]{1,64}", r"[0-9a-f]{24}"
RUN = re.compile(
    rf"\.[0-9a-f]{{8}}(?:\.text|\.whole|\.hook)?\.run|{_NAME}\.sesh-run"
)  # files that a shell reads for `run`
SESSION = re.compile(rf"\.(?:entering|{'|'.join(records.FILES)})\.([0-9a-f]{{16}})")  # group 1: the session's id
FOLDER = re.compile(rf"\.{session_files.KIND}\.([0-9a-f]{{16}})")  # a directory; group 1: the id in `Record.files`
PROCESS = re.compile(r"\.terminal\.(\d+)")  # group 1: the pid
# Sockets of shared connections, also unfinished ones, lock files of logins, and unfinished symbolic links.
CONNECTION = re.compile(rf"{_HASH}(?:\.(?:start|\w{{16}}))?|sesh\.agent\.\d+")
HINTED = ".hinted"  # there once `history` has told of the shell integration
FORWARD = re.compile(rf"\.forward\.{_HASH}(\.start)?")  # the socket of what forwards a host's ports, or its lock
ZYGOTE = re.compile(r"\.zygote\.[0-9a-f]{16}")
# Files in the directory of sessions, except records and unfinished files.
SESSIONS = re.compile(
    rf"bin/(?:{'|'.join((MARK, *NAMES))})"
    rf"|{RUN.pattern}|{SESSION.pattern}|{ZYGOTE.pattern}|{FORWARD.pattern}|{PROCESS.pattern}|{_NAME}\.sock|\.(?:lock|starting|recent|hinted)"
    rf"|\.results/{_ID}\.json|\.control/(?:{CONNECTION.pattern}|sesh\.(?:agent|config))"
)
# Files in the state directory, except work logs and unfinished files.
STATE = re.compile(r"\.lock|events\.jsonl(?:\.1)?|remotes\.json|remotes/[^/]+\.synced")
_VERSION = re.compile(r".+-[0-9a-f]{12}")
_WORK_LOG = re.compile(rf"\d{{4}}-\d\d-\d\d-({_NAME})\.md")
_LAUNCHES = (f"{PROGRAM}.__main__".encode(), f"by {PROGRAM} --deploy".encode())  # as of pip, and of a deploy
_HEAD = 1 << 10  # bytes to read from the beginning of a file


def is_record(path: str) -> bool:
    """Return whether a file is a session's record, even a truncated or empty one."""
    name, suffix = os.path.splitext(os.path.basename(path))
    begin = _begin(path) if suffix == paths.RECORD else None
    return begin == b"" or (begin is not None and begin.startswith(f'{{"name":"{name}",'.encode()))


def is_work_log(path: str) -> bool:
    """Return whether a file is an agent's work log: HOST/DATE-NAME.md with NAME in its heading."""
    folder, entry = os.path.split(path)
    match = _WORK_LOG.fullmatch(entry)
    if match is None:
        return False
    headings = (f"# `{match[1]}`: ", f"# `{match[1]}` on `{os.path.basename(folder)}`: ")
    return (_begin(path) or b"").startswith(tuple(map(os.fsencode, headings)))


def is_version(path: str) -> bool:
    """Return whether a directory is a deployed version: VERSION-HASH with a start.py."""
    is_named = _VERSION.fullmatch(os.path.basename(path)) is not None
    return is_named and not os.path.islink(path) and os.path.isfile(os.path.join(path, "start.py"))


def is_program(path: str) -> bool:
    """Return whether a file starts a sesh of this project, as others have one too; a link looks for the same words."""
    head = platforms.content(path, _HEAD)
    return any(words in head for words in _LAUNCHES)


def _begin(path: str) -> bytes | None:
    """Return a file's first bytes; None unless it is the user's private file."""
    try:
        return files.read_own(path, _HEAD, whole=False)
    except (OSError, Refused):
        return None
