"""What sessions, links and deploys have left behind on this machine, each piece with its age and its way out.

Identity is never a name or a number alone: a process is its pid with the time of its start, looked at again before it
is signalled; a file is removed only by who has seen that nothing uses it. What another machine that shares the home
directory may still use is no litter.
"""

from __future__ import annotations

import os
import re
import stat
import time
from functools import partial

from sesh import paths, platform, wire
from sesh.errors import Refused, SeshError
from sesh.store import listing, records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

SETTLED = 600.0
"""Seconds after which a file that is made for a moment is left over."""
_TEMPORARY = re.compile(r"\..+\.(\d+)(?:\.sock)?|\.(\d+)\.sock|.*\.tmp")
_FOR_A_RUN = re.compile(r"\.[0-9a-f]{8}\.run|[A-Za-z0-9_][A-Za-z0-9._+-]{0,63}\.cmd")
_OF_A_SESSION = re.compile(r"\.(?:agent|checkpoint|env)\.([0-9a-f]+)(?:\.\d+)?")


class Piece:
    """One thing that is left over.

    `kind`: ended, lost, file, daemon, bridge, connection, version. `what`: the session, the path, or the command.
    `age`: seconds. `pid`: of what lives; a living one is ended only where that was wanted. `clear` removes it, and
    returns whether it is gone; it raises SeshError or OSError with the reason.
    """

    __slots__ = ("age", "clear", "kind", "pid", "what")

    def __init__(self, kind: str, what: str, age: float, clear: Callable[[], bool], pid: int | None = None) -> None:
        self.kind, self.what, self.age, self.clear, self.pid = kind, what, max(0.0, age), clear, pid

    def facts(self) -> dict[str, Any]:
        """The piece as JSON shows it."""
        return {"kind": self.kind, "what": self.what, "age": int(self.age), "pid": self.pid}


def found() -> list[Piece]:
    """All that is left over, the oldest first. Raises Refused where the directory of sessions is not to be trusted."""
    from sesh.cli import strays

    pieces = [*_sessions(), *_files(), *strays.daemons(), *strays.bridges(), *strays.connections(), *_versions()]
    return sorted(pieces, key=lambda piece: -piece.age)


def age_of(path: str) -> float:
    return time.time() - os.lstat(path).st_mtime


# -- sessions


def _sessions() -> Iterator[Piece]:
    """Those that have ended and are kept, and lost ones: not another machine's, nor the one that this is typed in."""
    from sesh.cli import table

    for session in listing.summaries():
        kind = {"exited": "ended", "lost": "lost"}.get(session["state"])
        if kind is None or session.get("current") or "machine" in session:
            continue
        since = table.seconds(session.get("last_activity")) or table.seconds(session.get("created")) or time.time()
        yield Piece(kind, str(session["name"]), time.time() - since, partial(_ended, str(session["name"])))


def _ended(name: str) -> bool:
    from sesh.cli import end

    for error in end.end_all([name]).values():
        raise error
    return True


# -- files


def _files() -> Iterator[Piece]:
    """Files in the directory of sessions that belong to nobody any more."""
    folder = paths.directory()
    if not paths.trusted(folder):
        return
    ids = {str(record.get("id")) for name in paths.names() if (record := record_of(name)) is not None}
    shared = bool(platform.network_filesystem(folder))
    for entry in os.listdir(folder):
        path = os.path.join(folder, entry)
        try:
            age = age_of(path)
            if _is_left(entry, path, age, ids, shared=shared):
                yield Piece("file", path, age, partial(_removed, path, entry))
        except FileNotFoundError:
            continue  # it was in use, and is gone


def record_of(name: str) -> records.Record | None:
    try:
        return records.read(name)
    except Refused:
        return None


def _is_left(entry: str, path: str, age: float, ids: set[str], *, shared: bool) -> bool:
    """Whether a file of the directory is litter. A link is never followed, only itself looked at."""
    mode = os.lstat(path).st_mode
    if os.lstat(path).st_uid != os.geteuid() or stat.S_ISDIR(mode):
        return False
    if owner := _OF_A_SESSION.fullmatch(entry):
        return owner[1] not in ids and age > SETTLED
    if _FOR_A_RUN.fullmatch(entry):
        return stat.S_ISREG(mode) and age > SETTLED
    if temporary := _TEMPORARY.fullmatch(entry):
        pid = temporary[1] or temporary[2]
        return age > SETTLED and not shared and not (pid and platform.start_time(int(pid)))
    name, suffix = os.path.splitext(entry)
    if name not in paths.names() or shared or age < SETTLED:
        return False
    if suffix == paths.SOCKET:
        return stat.S_ISSOCK(mode) and record_of(name) is None and not _heard(name)
    return suffix == paths.RECORD and stat.S_ISREG(mode) and record_of(name) is None and not _heard(name)


def _heard(name: str) -> bool:
    """Whether somebody listens at a session's socket; what cannot be told counts as yes."""
    try:
        opened = wire.begin(name)
    except SeshError:
        return True
    if opened is not None:
        opened.close()
    return opened is not None


def _removed(path: str, entry: str) -> bool:
    """Removes a file of the directory, where it still is what it was when it was found."""
    folder = os.path.dirname(path)
    with paths.locked(folder):
        ids = {str(record.get("id")) for name in paths.names() if (record := record_of(name)) is not None}
        try:
            if not _is_left(entry, path, age_of(path), ids, shared=False):
                return False
        except FileNotFoundError:
            return True
        return unlinked(path)


def unlinked(path: str) -> bool:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass  # somebody else has tidied up
    return True


# -- versions that were deployed


def _versions() -> Iterator[Piece]:
    """Versions that `--deploy` put here, which nothing runs from and ~/.local/bin/sesh does not lead to."""
    home = os.path.expanduser("~")
    folder = os.path.join(home, ".local", "share", "sesh", "versions")
    if not os.path.isdir(folder) or platform.network_filesystem(folder) or _elsewhere():
        return  # on a home directory that is shared, another machine may run from any of them
    try:
        with open(os.path.join(home, ".local", "bin", "sesh"), encoding="utf-8", errors="replace") as launcher:
            leads = launcher.read(1 << 16)
    except OSError:
        return  # which one is in service cannot be told
    own = os.path.realpath(__file__)
    used = [leads, own, *(" ".join(words) for _, _, words in platform.own_processes())]
    for entry in sorted(os.listdir(folder)):
        path = os.path.join(folder, entry)
        part = os.path.join("versions", entry, "")
        if entry[:1] == "." or not os.path.isdir(path) or os.path.islink(path) or any(part in text for text in used):
            continue
        if age_of(path) > SETTLED:  # a deploy may be about to put it into service
            yield Piece("version", path, age_of(path), partial(_unused, path, part))


def _elsewhere() -> bool:
    """Whether another machine has sessions in this directory."""
    return any((record := record_of(name)) is not None and not records.here(record) for name in paths.names())


def _unused(path: str, part: str) -> bool:
    import shutil

    if any(part in " ".join(words) for _, _, words in platform.own_processes()):
        return False
    # Renamed first: nobody may start from one that is half gone.
    doomed = os.path.join(os.path.dirname(path), f".tmp-{os.path.basename(path)}")
    os.rename(path, doomed)
    shutil.rmtree(doomed, ignore_errors=True)
    return not os.path.lexists(doomed)
