"""Leftovers of sessions, links and deploys on this machine: found, and cleared.

A process is identified by its pid and the time of its start, and each leftover is looked at again before it is cleared.
Files that another machine with the same home directory may still use are no leftovers, nor is a process that this one
runs under.
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
from enum import Enum
from functools import partial

from sesh import files, machine, paths, processes
from sesh.about import DISTRIBUTION, PROGRAM
from sesh.errors import NotFound, Refused, SeshError
from sesh.names import is_name
from sesh.ops import sessions
from sesh.outcomes import LeftoverFacts
from sesh.reach import find
from sesh.reach.caller import Caller
from sesh.reach.op import op
from sesh.store import listing, own, records

_TERM_TIMEOUT, _KILL_TIMEOUT = 4.0, 1.0
"""Seconds until SIGKILL, as a daemon gives the programs of its session two; and for that to have its effect."""


class Kind(str, Enum):
    ENDED = "ended"
    LOST = "lost"
    FILE = "file"
    DAEMON = "daemon"
    BRIDGE = "bridge"
    VERSION = "version"


@dataclass(frozen=True)
class Leftover:
    """One leftover.

    `what`: the session, the path, or the command. `age`: seconds since a session's end, a file's last change, a
    process's start. `clear` looks again, and returns False if it is in use; it raises SeshError or OSError. `pid`: of a
    process.
    """

    kind: Kind
    what: str
    age: float
    clear: Callable[[], bool]
    pid: int | None = None

    def facts(self) -> LeftoverFacts:
        return {"kind": self.kind.value, "what": self.what, "age": max(0, int(self.age)), "pid": self.pid}


@op(reads=True)
def leftovers(caller: Caller, older: float = 0.0) -> list[LeftoverFacts]:
    """Return the leftovers that are older than so many seconds, the oldest first.

    Raises Refused if the directory of sessions is not trusted; session files that are not trusted are noted.
    """
    find.note_damage(caller)
    found = sorted(_all(), key=lambda leftover: leftover.age, reverse=True)
    return [leftover.facts() for leftover in found if max(0.0, leftover.age) >= older]


@op()
def clear(_caller: Caller, wanted: Sequence[LeftoverFacts], ends: bool = False) -> list[LeftoverFacts]:
    """Clear rows of `leftovers`, living processes only if it `ends` them.

    Returns the rows with `cleared`, and if it is not: `left`, the reason for leaving it, or `error`, as
    `SeshError.facts` gives it. Leftovers that have gone meanwhile count as cleared.
    """
    present = {(leftover.kind.value, leftover.what, leftover.pid): leftover for leftover in _all()}
    rows: list[LeftoverFacts] = []
    for row in wanted:
        leftover = present.get((row["kind"], str(row["what"]), row["pid"]))
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
    return rows


def _all() -> list[Leftover]:
    return [*_sessions(), *_files(), *daemons(), *bridges(), *_versions()]


# -- sessions


def _sessions() -> Iterator[Leftover]:
    """Sessions that have ended and are kept, and lost ones; not another machine's, nor the one that this runs in."""
    ancestors = _ancestors()
    for session in listing.summaries():
        kind = {"exited": Kind.ENDED, "lost": Kind.LOST}.get(session["state"])
        if kind is None or session.get("current") or "machine" in session or session.get("pid") in ancestors:
            continue
        name = session["name"]
        record = records.readable(name)
        if record is not None and not (kind is Kind.LOST and records.alive(record)):  # else it is back, or gone
            yield Leftover(kind, name, _age_of(name, kind), partial(_forget, name, str(record.get("id"))))


def _age_of(name: str, kind: Kind) -> float:
    """Return the seconds since a session ended, or was first found lost, as its record notes then; 0 if unknown.

    Its last activity says nothing: a session that idled for a year may be lost since a minute.
    """
    with suppress(OSError, Refused), files.locked(paths.directory()):
        record = records.readable(name)
        if record is None or (kind is Kind.LOST and records.alive(record)):
            return 0.0
        if kind is Kind.ENDED or record.get("found_lost"):
            return records.age(record)
        records.write({**record, "found_lost": True})
    return 0.0  # it is not cleared where nobody is asked


def _forget(name: str, session_id: str) -> bool:
    """Forget a session; return False if another one has its name."""
    try:
        sessions.end(name, session_id)
    except NotFound:
        return name not in paths.names()
    return True


# -- files


def _files() -> Iterator[Leftover]:
    """Files of the directory of sessions that nothing uses any more, and unfinished ones of killed processes."""
    folder, ids = paths.directory(), _ids()
    for entry in os.listdir(folder) if paths.trusted(folder) else ():
        path = os.path.join(folder, entry)
        with suppress(FileNotFoundError):  # it was in use, and is gone
            if _is_left(path, ids):
                yield Leftover(Kind.FILE, path, _age(path), partial(_remove, path))


def _remove(path: str) -> bool:
    with suppress(FileNotFoundError), files.locked(files.ready_directory()):  # another process may clear it
        if not _is_left(path, _ids()):
            return False
        os.unlink(path)
    return True


def _age(path: str) -> float:
    return time.time() - os.lstat(path).st_mtime


def _is_left(path: str, ids: set[str] | None) -> bool:
    """Return whether a file is one of sesh's that nothing uses. Links are never followed. Raises FileNotFoundError."""
    entry, status = os.path.basename(path), os.lstat(path)
    if status.st_uid != os.geteuid() or stat.S_ISDIR(status.st_mode) or _age(path) < files.ABANDONED_AFTER:
        return False
    if session := own.SESSION.fullmatch(entry):
        return ids is not None and session[1] not in ids
    if own.RUN.fullmatch(entry):
        return stat.S_ISREG(status.st_mode)
    if machine.network_filesystem(paths.directory()):
        return False  # processes and listeners of another machine that shares the directory are not seen here
    if process := own.PROCESS.fullmatch(entry) or files.UNFINISHED.fullmatch(entry):
        return processes.start_time(int(process[process.lastindex or 0])) == ""
    if own.ZYGOTE.fullmatch(entry):
        return _listener(path) is None
    name, suffix = os.path.splitext(entry)
    is_own = stat.S_ISSOCK(status.st_mode) if suffix == paths.SOCKET else own.is_record(path)
    return is_own and is_name(name) and records.readable(name) is None and _listener(paths.socket_path(name)) is None


def _ids() -> set[str] | None:
    """Return the ids of all sessions; None if a record is not trusted, so that its session's files are unknown."""
    try:
        return {str(record.get("id")) for name in paths.names() if (record := records.read(name)) is not None}
    except Refused:
        return None


def _listener(path: str) -> int | None:
    """Return the process that began to listen at a socket; None if nobody does, 0 if that is unknown."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as opened:
        opened.setblocking(False)
        try:
            with paths.reachable(*os.path.split(path)) as address:
                opened.connect(address)
            return processes.peer_pid(opened)
        except (ConnectionRefusedError, FileNotFoundError):
            return None
        except OSError:  # too many wait already, or it is not ours
            return 0


# -- versions that were deployed


def _versions() -> Iterator[Leftover]:
    """Deployed versions that no process runs from and ~/.local/bin/sesh does not start."""
    home = paths.home()
    folder = os.path.join(home, ".local", "share", "sesh", "versions")
    every = [record for name in paths.names() if (record := records.readable(name)) is not None]
    if not os.path.isdir(folder) or machine.network_filesystem(folder) or not all(map(records.here, every)):
        return  # another machine that shares the home directory may run from any of them
    try:
        launcher = os.fsdecode(files.read_regular(os.path.join(home, ".local", "bin", PROGRAM), 1 << 20))
    except OSError:
        return  # which one is in use is unknown
    for entry in sorted(os.listdir(folder)):
        path, part = os.path.join(folder, entry), os.path.join("versions", entry, "")
        if not own.is_version(path) or part in launcher + os.path.realpath(__file__) or _is_run(path):
            continue
        if (age := _age(path)) > files.ABANDONED_AFTER:  # the deploy may be about to put a younger one into use
            yield Leftover(Kind.VERSION, path, age, partial(_remove_version, path))


def _is_run(path: str) -> bool:
    """Return whether a process runs from a version, also for another directory of sessions: `writing.hold_package`."""
    package = os.path.join(path, "lib", "sesh")
    if os.path.isdir(package) and files.is_locked(package):
        return True
    part = os.path.join("versions", os.path.basename(path), "")
    return any(part in " ".join(words) for _, _, words in processes.own_processes())


def _remove_version(path: str) -> bool:
    # Renamed first: nothing may start from one that is half gone.
    doomed = os.path.join(os.path.dirname(path), f".tmp-{os.path.basename(path)}")
    os.rename(path, doomed)
    shutil.rmtree(doomed, ignore_errors=True)
    return not os.path.lexists(doomed)


# -- processes


def _end(pid: int, start: str) -> bool:
    """End a process by SIGTERM, after a while by SIGKILL; return whether it has ended.

    `start`: the time of its start, which tells it from a later one with its pid.
    """
    for number, timeout in ((signal.SIGTERM, _TERM_TIMEOUT), (signal.SIGKILL, _KILL_TIMEOUT)):
        until = time.monotonic() + timeout
        try:
            if start == processes.start_time(pid) != "":
                os.kill(pid, number)
        except ProcessLookupError:
            return True  # it has ended since that look
        while start == processes.start_time(pid) != "":
            if time.monotonic() > until:
                break
            time.sleep(0.02)  # it is not a child of ours, and no event tells of its end
        else:
            return True
    return False


def _orphan(kind: Kind, what: str, pid: int) -> Leftover:
    start, age = processes.start_time(pid), 0.0
    if machine.LINUX and start:
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - int(start) / os.sysconf("SC_CLK_TCK")
    return Leftover(kind, what, age, partial(_end, pid, start), pid)


def _ancestors() -> set[int]:
    """Return the processes that this one runs under, itself among them."""
    ancestors, pid = set(), os.getpid()
    while pid and pid not in ancestors:
        ancestors.add(pid)
        pid = processes.parent_of(pid)
    return ancestors


def daemons() -> Iterator[Leftover]:
    """Daemons of this directory without a name, found by the sockets on which they still listen."""
    folder = paths.directory()
    spared = _ancestors()
    for name in paths.names():
        record = records.readable(name)
        pid = _listener(paths.socket_path(name)) if record is None else record.get("daemon_pid")
        spared.add(pid or 0)
    listening = processes.listening().items()
    sockets = {link for link, path in listening if (os.path.dirname(path), path[-5:]) == (folder, paths.SOCKET)}
    for pid, _, words in processes.own_processes() if sockets else ():
        is_daemon = words and words[0].startswith(f"{PROGRAM}: ")
        if is_daemon and pid not in spared and not sockets.isdisjoint(processes.open_paths(pid)):
            yield _orphan(Kind.DAEMON, f"daemon {pid}, without a session", pid)


def bridges() -> Iterator[Leftover]:
    """Bridges that init, or a user's systemd, has adopted, as their ssh server has died."""
    every, spared = processes.own_processes(), _ancestors()
    reapers = {1, *(pid for pid, _, words in every if words and os.path.basename(words[0]) == "systemd")}
    programs = {PROGRAM, DISTRIBUTION, "start.py"}
    for pid, parent, words in every:
        is_bridge = words[-1:] == ["--bridge"] and programs.intersection(map(os.path.basename, words[:-1]))
        # A daemon that a bridge has forked may have its command line, but it is in no directory.
        if is_bridge and parent in reapers and pid not in spared and processes.directory_of(pid) != "/":
            yield _orphan(Kind.BRIDGE, f"{PROGRAM} --bridge, without its ssh", pid)
