"""`sweep`: find and clear leftovers of sessions, links and deploys on this machine.

A pid with its start time identifies a process. Each leftover is checked again before it is cleared. Files that another
machine with the same home directory may use are no leftovers, nor are ancestors of this process.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from sesh.about import DISTRIBUTION, PROGRAM
from sesh.errors import NotFound, Refused, SeshError, TimedOut
from sesh.names import is_name
from sesh.ops import sessions
from sesh.reach import find
from sesh.reach.caller import Caller
from sesh.reach.op import op
from sesh.schema.outcomes import LeftoverFacts
from sesh.store import listing, own, records, session_files
from sesh.system import files, paths, platforms, processes

_TERM_TIMEOUT = 4.0  # seconds from SIGTERM to SIGKILL; a daemon gives its session's programs two
_KILL_TIMEOUT = 1.0  # seconds to wait for a process's death after SIGKILL


@dataclass(frozen=True)
class Leftover:
    """A leftover. `clear` returns False if the leftover is in use again; raises SeshError, OSError."""

    kind: str  # ended, lost, file, daemon, bridge or version
    what: str  # the session, the path, or the command
    age: float  # seconds since a session's end, a file's last change, or a process's start
    clear: Callable[[], bool]
    pid: int | None = None
    session_id: str = ""  # of a session, whose name another one may take

    def facts(self) -> LeftoverFacts:
        facts: LeftoverFacts = {
            "kind": self.kind, "what": self.what, "age": max(0, int(self.age)), "pid": self.pid,
        }  # fmt: skip
        return {**facts, "id": self.session_id} if self.session_id else facts


@op(reads=True)
def leftovers(caller: Caller, older: float = 0.0) -> list[LeftoverFacts]:
    """Return leftovers of at least this age (seconds), the oldest first; note untrusted files.

    Lost sessions get a mark, from which their age counts. Raises Refused for an untrusted directory of sessions.
    """
    find.note_damage(caller)
    found = sorted(_find_all(), key=lambda leftover: leftover.age, reverse=True)
    return [leftover.facts() for leftover in found if max(0.0, leftover.age) >= older]


@op()
def clear(caller: Caller, wanted: Sequence[LeftoverFacts], ends: bool = False) -> list[LeftoverFacts]:
    """Clear leftovers, given as rows of `leftovers`; return the rows with their outcome.

    Processes are ended only with `ends`. A row is `cleared`, also if the leftover was gone already. Otherwise it has a
    reason in `left`, or an `error`.
    """
    present = {(leftover.kind, leftover.what, leftover.pid): leftover for leftover in _find_all()}
    rows: list[LeftoverFacts] = []
    for row in wanted:
        leftover = present.get((row["kind"], str(row["what"]), row["pid"]))
        if leftover is not None and row.get("id", leftover.session_id) != leftover.session_id:
            leftover = None  # another session has taken its name
        outcome: LeftoverFacts = {**row, "cleared": False}
        try:
            if leftover is not None and leftover.pid is not None and not ends:
                outcome["left"] = "it still runs"
            elif leftover is None or leftover.clear():
                outcome["cleared"] = True
            else:
                outcome["left"] = "it is in use again"
        except (SeshError, OSError) as error:
            outcome["error"] = (error if isinstance(error, SeshError) else Refused(f"{error.strerror}")).facts()
        rows.append(outcome)
        caller.progress()
    return rows


def _find_all() -> list[Leftover]:
    return [*_sessions(), *_files(), *daemons(), *bridges(), *_versions()]


def _sessions() -> Iterator[Leftover]:
    """Find ended and lost sessions, except another machine's and the caller's own."""
    ancestors = _ancestors()
    for session in listing.summaries():
        name = session["name"]
        phase = session["state"]
        if session.get("current") or "machine" in session or session.get("pid") in ancestors:
            continue
        record = records.readable(name) if phase in ("exited", "lost") else None
        if record is None or (phase == "lost" and records.alive(record)):
            continue
        session_id = str(record.get("id") or "")
        forget = partial(_forget, name, session_id)
        if phase == "exited":
            with suppress(FileNotFoundError):  # another command has just removed it
                yield Leftover("ended", name, records.age(record), forget, session_id=session_id)
        else:
            yield Leftover("lost", name, _note_lost(name), forget, session_id=session_id)


def _note_lost(name: str) -> float:
    """Mark a lost session; return the seconds since its first mark.

    The last activity is no measure: a session that was idle for a year may have been lost a minute ago. An unattended
    sweep, which has a minimum age, so keeps a session that it finds first.
    """
    with suppress(OSError, Refused, TimedOut), files.locked(paths.directory(), timeout=files.PATIENCE):
        record = records.readable(name)
        if record is not None and record.get("found_lost"):
            return records.age(record)
        if record is not None and not records.alive(record):
            records.write({**record, "found_lost": True})
    return 0.0


def _forget(name: str, session_id: str) -> bool:
    """Forget a session; return False if another session has its name now."""
    try:
        sessions.end(name, session_id)
    except NotFound:
        return name not in paths.names()
    return True


def _files() -> Iterator[Leftover]:
    folder = paths.directory()
    if not paths.check_directory(folder):
        return
    ids = _ids()
    for entry in os.listdir(folder):
        path = os.path.join(folder, entry)
        with suppress(FileNotFoundError):  # its owner has just removed it
            if _is_leftover(path, ids):
                yield Leftover("file", path, _age(path), partial(_remove, path))


def _remove(path: str) -> bool:
    folder = files.ready_directory()
    with suppress(FileNotFoundError), files.locked(folder, timeout=files.PATIENCE):  # another sweep may be faster
        if not _is_leftover(path, _ids()):
            return False
        if own.FOLDER.fullmatch(os.path.basename(path)):
            session_files.remove(path)
        else:
            os.unlink(path)
    return True


def _age(path: str) -> float:
    return time.time() - os.lstat(path).st_mtime


def _is_leftover(path: str, ids: set[str] | None) -> bool:
    """Return whether a file is sesh's and unused; never follow symbolic links. Raises FileNotFoundError."""
    entry = os.path.basename(path)
    status = os.lstat(path)
    if status.st_uid != os.geteuid() or _age(path) < files.ABANDONED_AFTER:
        return False
    if stat.S_ISDIR(status.st_mode):
        folder = own.FOLDER.fullmatch(entry)
        return folder is not None and ids is not None and folder[1] not in ids and session_files.has_own(path)
    if session := own.SESSION.fullmatch(entry):
        return ids is not None and session[1] not in ids
    if own.RUN.fullmatch(entry):
        return stat.S_ISREG(status.st_mode)
    if platforms.network_filesystem(paths.directory()):
        return False  # another machine may use it, and its processes are not visible from this one
    if process := own.PROCESS.fullmatch(entry) or files.UNFINISHED.fullmatch(entry):
        return processes.start_time(int(process[process.lastindex or 0])) == ""
    if own.ZYGOTE.fullmatch(entry) or own.FORWARD.fullmatch(entry):
        return _listener(path) is None
    name, suffix = os.path.splitext(entry)
    is_own = stat.S_ISSOCK(status.st_mode) if suffix == paths.SOCKET else own.is_record(path)
    return is_own and is_name(name) and records.readable(name) is None and _listener(paths.socket_path(name)) is None


def _ids() -> set[str] | None:
    """Return the ids of all sessions, and of their directories of files; None if a record is not trusted."""
    try:
        every = [record for name in paths.names() if (record := records.read(name)) is not None]
        return {each for record in every for each in (record.get("id", ""), records.files_of(record))}
    except Refused:
        return None


def _listener(path: str) -> int | None:
    """Return the pid of a socket's listener; None without a listener, 0 if unknown."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as opened:
        opened.setblocking(False)
        try:
            with paths.socket_address(*os.path.split(path)) as address:
                opened.connect(address)
            return platforms.peer_pid(opened)
        except (ConnectionRefusedError, FileNotFoundError):
            return None
        except OSError:  # its backlog is full, or it belongs to another user
            return 0


def _versions() -> Iterator[Leftover]:
    """Find deployed versions that no process runs from and ~/.local/bin/sesh does not start."""
    home = paths.home()
    folder = os.path.join(home, ".local", "share", "sesh", "versions")
    every = [record for name in paths.names() if (record := records.readable(name)) is not None]
    if not os.path.isdir(folder) or platforms.network_filesystem(folder) or not all(map(records.here, every)):
        return  # another machine with the same home directory may run from any version
    try:
        launcher = os.fsdecode(files.read_regular(os.path.join(home, ".local", "bin", PROGRAM), 1 << 20))
    except OSError:
        return  # the version in use is unknown
    for entry in sorted(os.listdir(folder)):
        path = os.path.join(folder, entry)
        part = os.path.join("versions", entry, "")
        if not own.is_version(path) or part in launcher + os.path.realpath(__file__) or _is_running(path):
            continue
        if (age := _age(path)) > files.ABANDONED_AFTER:  # a deploy may be about to activate a recent one
            yield Leftover("version", path, age, partial(_remove_version, path))


def _is_running(path: str) -> bool:
    """Return whether a bridge or a verb runs from a version; daemons need no file."""
    part = os.path.join("versions", os.path.basename(path), "")
    return any(part in " ".join(words) for _, _, words in processes.own_processes())


def _remove_version(path: str) -> bool:
    # Rename first, so that nothing starts from a half-removed version.
    doomed = os.path.join(os.path.dirname(path), f".tmp-{os.path.basename(path)}")
    os.rename(path, doomed)
    shutil.rmtree(doomed, ignore_errors=True)
    return not os.path.lexists(doomed)


def _end(pid: int, start: str) -> bool:
    """Send SIGTERM, and SIGKILL after a timeout; return whether the process has ended."""

    def is_alive() -> bool:
        return start == processes.start_time(pid) != ""

    try:
        for number, timeout in ((signal.SIGTERM, _TERM_TIMEOUT), (signal.SIGKILL, _KILL_TIMEOUT)):
            if is_alive():
                os.kill(pid, number)
            if sessions.await_end(is_alive, time.monotonic() + timeout):
                return True
    except ProcessLookupError:
        return True  # it ended after the check
    return False


def _end_daemon(pid: int, start: str) -> bool:
    """End a daemon without files, and forget the session that it stores at SIGTERM."""
    if not _end(pid, start):
        return False
    for name in paths.names():
        record = records.readable(name)
        if record is not None and record.get("daemon_pid") == pid:
            _forget(name, str(record.get("id")))
    return True


def _orphan(kind: str, what: str, pid: int, end: Callable[[int, str], bool]) -> Leftover:
    start = processes.start_time(pid)
    return Leftover(kind, what, processes.running_time(start), partial(end, pid, start), pid)


def _ancestors() -> set[int]:
    ancestors = set()
    pid = os.getpid()
    while pid and pid not in ancestors:
        ancestors.add(pid)
        pid = processes.parent_of(pid)
    return ancestors


def daemons() -> Iterator[Leftover]:
    """Find daemons of this SESH_DIR without files, by the sockets that they listen on."""
    folder = paths.directory()
    spared = _ancestors()
    for name in paths.names():
        record = records.readable(name)
        pid = _listener(paths.socket_path(name)) if record is None else record.get("daemon_pid")
        spared.add(pid or 0)
    listening = processes.listening().items()
    sockets = {link for link, path in listening if os.path.dirname(path) == folder and path.endswith(paths.SOCKET)}
    if not sockets:
        return
    for pid, _, words in processes.own_processes():
        is_daemon = words and words[0].startswith(f"{PROGRAM}: ")
        if is_daemon and pid not in spared and not sockets.isdisjoint(processes.open_paths(pid)):
            yield _orphan("daemon", f"daemon {pid}, without a session", pid, _end_daemon)


def bridges() -> Iterator[Leftover]:
    """Find bridges that init or a user's systemd adopted, because their ssh server died."""
    every = processes.own_processes()
    spared = _ancestors()
    reapers = {1, *(pid for pid, _, words in every if words and os.path.basename(words[0]) == "systemd")}
    programs = {PROGRAM, DISTRIBUTION, "start.py"}
    for pid, parent, words in every:
        is_bridge = words[-1:] == ["--bridge"] and programs.intersection(map(os.path.basename, words[:-1]))
        # A daemon forked by a bridge may still show the bridge's command line, but its directory is `/`.
        if is_bridge and parent in reapers and pid not in spared and processes.directory_of(pid) != "/":
            yield _orphan("bridge", f"{PROGRAM} --bridge, without its ssh", pid, _end)
