"""Tell the files that sesh makes by their names, and where that is not enough, by how they begin.

Whatever removes a file asks here first: no other file is ever removed.
"""

from __future__ import annotations

import os
import re

from sesh import files, paths
from sesh.errors import Refused

_NAME, _ID, _HASH = r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,63}", r"[0-9A-Za-z]{1,64}", r"[0-9a-f]{24}"
RUN = re.compile(rf"\.[0-9a-f]{{8}}\.run|{_NAME}\.sesh-run")
"""Files that a shell reads for `--run`."""
SESSION = re.compile(r"\.(?:agent|checkpoint|entering|env|scrollback[01])\.([0-9a-f]{16})")
"""Files of a session, by its id."""
PROCESS = re.compile(r"\.(?:terminal|crash)\.(\d+)")
"""Files of a process, by its pid."""
CONNECTION = re.compile(rf"{_HASH}(?:\.(?:start(?:\.\d+)?|\w{{16}}))?|sesh\.agent\.\d+")
"""Sockets of shared connections, those that ssh has not finished, marks of logins, and unfinished links."""
ZYGOTE = re.compile(r"\.zygote\.[0-9a-f]{16}")
"""The socket of a zygote."""
SESSIONS = re.compile(
    rf"{RUN.pattern}|{SESSION.pattern}|{ZYGOTE.pattern}|{PROCESS.pattern}|{_NAME}\.sock|\.(?:lock|starting|told|recent)"
    rf"|\.results/{_ID}\.(?:json|out)|\.control/(?:{CONNECTION.pattern}|sesh\.(?:agent|config))"
)
"""The files below the directory of sessions, but for records and unfinished ones."""
STATE = re.compile(r"\.lock|events\.jsonl(?:\.1)?|remotes\.json|remotes/[^/]+\.synced")
"""The files below the directory of sesh's state, but for logs of work and unfinished ones."""
_VERSION = re.compile(r".+-[0-9a-f]{12}")
_WORK_LOG = re.compile(rf"\d{{4}}-\d\d-\d\d-({_NAME})\.md")
_HEAD = 1 << 10
"""Bytes of a file that tell what it is."""


def is_record(path: str) -> bool:
    """Return whether a file is a session's record, whole or torn: it is empty, or begins with the session's name."""
    name, suffix = os.path.splitext(os.path.basename(path))
    begin = _begin(path) if suffix == paths.RECORD else None
    return begin == b"" or (begin is not None and begin.startswith(f'{{"name":"{name}",'.encode()))


def is_work_log(path: str) -> bool:
    """Return whether a file is the log of an agent's work in a session: HOST/DATE-NAME.md, headed by NAME."""
    folder, entry = os.path.split(path)
    match = _WORK_LOG.fullmatch(entry)
    if match is None:
        return False
    headings = (f"# `{match[1]}`: ", f"# `{match[1]}` on `{os.path.basename(folder)}`: ")
    return (_begin(path) or b"").startswith(tuple(map(os.fsencode, headings)))


def is_version(path: str) -> bool:
    """Return whether a directory is a version that a deploy made: VERSION-HASH, with a list of its files."""
    named = _VERSION.fullmatch(os.path.basename(path)) is not None
    return named and not os.path.islink(path) and os.path.isfile(os.path.join(path, "MANIFEST"))


def _begin(path: str) -> bytes | None:
    """Return the first bytes of a private file of the user; None if there is no such file."""
    try:
        return files.read_own(path, _HEAD, whole=False)
    except (OSError, Refused):
        return None
