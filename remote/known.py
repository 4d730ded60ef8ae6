"""The remotes that are known: recorded by a deploy and by the first use that succeeds, found again by every lookup.

They lie in `sesh/remotes` of `XDG_STATE_HOME` (`~/.local/state`), 0700 with files of 0600. Each file has a hash for a
name: HASH.json of a destination's key is the record, HASH.synced what sync has pushed there; HASH.failed of a word as
it is typed says by its age when that host last failed, HASH.names which sessions it had, for completion.
"""

from __future__ import annotations

import os
import time

from sesh import lean, paths
from sesh.errors import InvalidHost
from sesh.lean import Lock
from sesh.names import check_host, is_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from sesh.remote.ssh.destination import Destination

PAUSE = 60.0
"""Seconds for which a host that failed is not asked again."""
MOST_NAMES = 1_000
"""Sessions of one remote that completion knows."""

_RECORD, _FAILED, _NAMES, SYNCED = ".json", ".failed", ".names", ".synced"
_writing = Lock()


class Known:
    """One remote.

    `word`: as it was last typed, without `@`. `key`: what ssh resolves it to. `user`, `hostname`, `port`: the same
    apart, empty for a host that another command reaches. `first_used`, `last_used`: RFC 3339, UTC. `version`: of sesh
    over there, empty where that is not known.
    """

    __slots__ = ("first_used", "hostname", "key", "last_used", "port", "user", "version", "word")

    def __init__(self, facts: Mapping[str, Any]) -> None:
        for field in self.__slots__:
            value = facts.get(field)
            setattr(self, field, value if isinstance(value, str) else "")
        self.word: str
        self.key: str
        self.user: str
        self.hostname: str
        self.port: str
        self.first_used: str
        self.last_used: str
        self.version: str

    def __repr__(self) -> str:
        return f"Known({self.word!r}, {self.key!r})"


def directory() -> str:
    """Where the records lie. It is neither made nor checked here."""
    named = os.environ.get("XDG_STATE_HOME", "")
    return os.path.join(named if os.path.isabs(named) else os.path.expanduser("~/.local/state"), "sesh", "remotes")


def file(key: str, suffix: str) -> str:
    """The path of a file about a key or a word."""
    import hashlib

    return os.path.join(directory(), hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()[:24] + suffix)


def record(destination: Destination, version: str | None = None) -> bool:
    """Notes that the destination was reached just now, by that word, and with which sesh where that is known.

    False where the file cannot be written: what was reached works without. Raises Refused for an unsafe directory.
    """
    path = file(destination.key, _RECORD)
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    before = read(path)
    facts = {
        "word": destination.word,
        "key": destination.key,
        "user": destination.setting("user"),
        "hostname": destination.setting("hostname"),
        "port": destination.setting("port"),
        "first_used": before.get("first_used") or now,
        "last_used": now,
        "version": version or before.get("version") or "",
    }
    written = write(path, facts)
    _forget(file(destination.word, _FAILED))
    for entry, other in _records():
        # The word leads elsewhere now, and nobody could reach the other one by it.
        if other.word == destination.word and other.key != destination.key:
            _forget(entry)
    return written


def all() -> list[Known]:  # noqa: A001 - known.all() is what a caller reads
    """The known remotes, the one used last first; of two with one word the newer. Raises Refused (unsafe directory)."""
    found: dict[str, Known] = {}
    for _, each in _records():
        found.setdefault(each.word, each)
    return list(found.values())


def forget(key: str) -> None:
    """Takes a remote, by its key, out of the records, with what sync remembers of it."""
    for suffix in (_RECORD, SYNCED):
        _forget(file(key, suffix))


def failed(word: str) -> bool:
    """Notes that a host did not answer; False where that cannot be written. Raises Refused for an unsafe directory."""
    return write(file(word, _FAILED), {"word": word})


def skipped(word: str) -> bool:
    """Whether a host failed less than PAUSE seconds ago, and is not worth another wait."""
    try:
        age = time.time() - os.lstat(file(word, _FAILED)).st_mtime
    except OSError:
        return False
    return -1 <= age < PAUSE  # from the future it is a clock that was set


def remember_names(word: str, summaries: Iterable[Mapping[str, Any]]) -> bool:
    """Keeps the names of a host's sessions with their state and directory, for completion.

    False where that cannot be written. Raises Refused for an unsafe directory.
    """
    rows = [{key: _plain(each.get(key)) for key in ("name", "state", "cwd")} for each in summaries]
    return write(file(word, _NAMES), {"word": word, "sessions": rows[:MOST_NAMES]})


def names(word: str) -> list[dict[str, str]]:
    """The sessions that a host had when it was last asked: name, state and directory of each."""
    rows = read(file(word, _NAMES)).get("sessions")
    found = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    shown = [{key: _plain(row.get(key)) for key in ("name", "state", "cwd")} for row in found]
    return [row for row in shown if is_name(row["name"])]


def read(path: str) -> dict[str, Any]:
    """What a file of ours says; nothing where it is missing, broken, or a link. Raises Refused."""
    paths.trusted(os.path.dirname(path), "XDG_STATE_HOME")
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(descriptor, encoding="utf-8") as content:
            facts = lean.parse_json(content.read())
    except (OSError, ValueError, RecursionError):
        return {}
    return facts if isinstance(facts, dict) else {}


def write(path: str, facts: Mapping[str, Any]) -> bool:
    """Puts a file of the directory in place, whole; False where that cannot be done.

    Raises Refused for an unsafe directory.
    """
    folder = os.path.dirname(path)
    try:
        os.makedirs(os.path.dirname(folder), exist_ok=True)
        try:
            os.mkdir(folder, paths.PRIVATE)
            os.chmod(folder, paths.PRIVATE)  # the umask may have taken more than it should
        except FileExistsError:
            paths.trusted(folder, "XDG_STATE_HOME")
        with _writing:
            paths.write_whole(path, lean.to_json(dict(facts), ascii_only=True).encode() + b"\n")
    except OSError:
        return False
    return True


def _records() -> list[tuple[str, Known]]:
    """(path, remote) of all that can be read, the one used last first."""
    folder = directory()
    if not paths.trusted(folder, "XDG_STATE_HOME"):
        return []
    found: list[tuple[str, int, str, Known]] = []
    for entry in os.listdir(folder):
        path = os.path.join(folder, entry)
        if not entry.endswith(_RECORD) or entry.startswith("."):
            continue
        one = Known(read(path))
        if one.key and _is_host(one.word) and path == file(one.key, _RECORD):
            found.append((one.last_used, _modified(path), path, one))
    found.sort(key=lambda row: row[:3], reverse=True)
    return [(path, one) for _, _, path, one in found]


def _modified(path: str) -> int:
    try:
        return os.lstat(path).st_mtime_ns
    except FileNotFoundError:
        return 0


def _forget(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        return  # it is not there, or the next time will do


def _is_host(word: str) -> bool:
    try:
        return check_host(word) == word
    except InvalidHost:
        return False


def _plain(value: object) -> str:
    """Text that another machine chose, without anything that a terminal could act upon."""
    return "".join(character for character in value if character.isprintable())[:4096] if isinstance(value, str) else ""
