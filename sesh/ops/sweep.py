"""Leftovers of sessions, links and deploys on this machine: found, and cleared.

Files that nothing uses, and orphans: processes that nothing leads to (daemons without a name, bridges without a link,
ssh connections without a socket). Nothing is identified by a name or a number alone. A process is its pid with the time
of its start, and is checked again before it is signalled; a file is checked again before it is removed. Files that
another machine that shares the home directory may still use are not leftovers, nor is a process that this one runs
under.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from functools import cache, partial

from sesh import identity, moments, paths, platform, proc, programs, reading, system, writing
from sesh.about import DISTRIBUTION, PROGRAM
from sesh.errors import NotFound, Refused, SeshError
from sesh.names import is_name
from sesh.ops import end
from sesh.reach import find
from sesh.reach.caller import Caller
from sesh.reach.op import op
from sesh.remote.ssh import ssh
from sesh.remote.ssh.mark import SUFFIX, Mark
from sesh.schema import LeftoverFacts
from sesh.store import listing, own, records, results

_TERM_TIMEOUT = 4.0
"""Seconds between SIGTERM and SIGKILL: a daemon gives the programs of its session two."""
_CLOSING_TIME = 1.0
"""Seconds in which a bridge ends by itself when its link is closed."""


class Leftover:
    """One leftover.

    `kind`: ended, lost, file, daemon, bridge, connection, version. `what`: the session, the path, or the command.
    `age`: seconds since it was used. `clear` removes it, and returns whether it is gone; it raises SeshError or OSError
    with the reason. `pid`: of a process that lives. `settled`: seconds for which it has been a leftover, at least; None
    if that is its age.
    """

    def __init__(
        self,
        kind: str,
        what: str,
        age: float,
        clear: Callable[[], bool],
        pid: int | None = None,
        settled: float | None = None,
    ) -> None:
        self.kind, self.what, self.age, self.clear = kind, what, age, clear
        self.pid, self.settled = pid, settled

    def facts(self) -> LeftoverFacts:
        """The leftover as JSON shows it."""
        return {"kind": self.kind, "what": self.what, "age": max(0, int(self.age)), "pid": self.pid}


@op("leftovers.find", reads=True)
def leftovers(caller: Caller, older: float = 0.0, surely: bool = False) -> list[LeftoverFacts]:
    """The leftovers here that are older than `older` seconds, the oldest first: a row each, see `Leftover`.

    `surely`: for clearing without a question, so a session counts from its end, or from when it was first found lost:
    how long it had been idle before says nothing. Raises Refused if the directory of sessions is not trusted; session
    files that are not trusted are noted.
    """
    find.note_damage(caller)
    rows = []
    for leftover in sorted(_all(), key=lambda leftover: leftover.age, reverse=True):
        age = leftover.settled if surely and leftover.settled is not None else leftover.age
        if max(0.0, age) >= older:
            rows.append(leftover.facts())
    return rows


@op("leftovers.clear")
def clear(
    _caller: Caller, wanted: Sequence[LeftoverFacts], ends: bool = False, forgets: bool = True
) -> list[LeftoverFacts]:
    """Clears rows of `leftovers`; `ends`: also processes that live; `forgets`: also sessions, which can be read.

    Returns the rows with `cleared`, and if it is not: `left`, the reason for leaving it, or `error`, as
    `SeshError.facts` gives it. Leftovers that have gone meanwhile count as cleared.
    """
    present = {(leftover.kind, leftover.what, leftover.pid): leftover for leftover in _all()}
    rows: list[LeftoverFacts] = []
    for row in wanted:
        leftover = present.get((row["kind"], row["what"], row["pid"]))
        outcome: LeftoverFacts = {**row, "cleared": False}
        try:
            if leftover is None:
                outcome["cleared"] = True
            elif leftover.pid is not None and not ends:
                outcome["left"] = "it still runs"
            elif leftover.kind in ("lost", "ended") and not forgets:
                outcome["left"] = "it can still be read"
            elif leftover.clear():
                outcome["cleared"] = True
            else:
                outcome["left"] = "it is in use again"
        except SeshError as error:
            outcome["error"] = error.facts()
        except OSError as error:
            outcome["error"] = Refused(f"{error.strerror}").facts()
        rows.append(outcome)
    return rows


def _all() -> list[Leftover]:
    return [*_sessions(), *_files(), *daemons(), *bridges(), *connections(), *_versions()]


# -- sessions


def _sessions() -> Iterator[Leftover]:
    """Sessions that have ended and are kept, and lost ones; not another machine's, nor the one that this runs in."""
    ancestors = _ancestors()
    for session in listing.summaries():
        kind = {"exited": "ended", "lost": "lost"}.get(session["state"])
        if kind is None or session.get("current") or "machine" in session or session.get("pid") in ancestors:
            continue
        name = str(session["name"])
        record = records.readable(name)
        if record is None or (kind == "lost" and records.alive(record)):
            continue  # it was started again, or forgotten, just now
        now = time.time()
        since = moments.seconds(session.get("last_activity")) or moments.seconds(session.get("created")) or now
        forget = partial(_forget, name, str(record.get("id")))
        yield Leftover(kind, name, now - since, forget, settled=_settled_for(name, kind))


def _settled_for(name: str, kind: str) -> float:
    """Seconds since a session ended, or was first found lost, which is noted in its record then; 0 if unknown."""
    try:
        with writing.locked(paths.directory()):
            record = records.readable(name)
            if record is None or (kind == "lost" and records.alive(record)):
                return 0.0
            if kind == "lost" and not record.get("found_lost"):
                records.write({**record, "found_lost": True, "marked": records.moment_of_writing(identity.boot_id())})
                return 0.0
            return records.age(record)
    except (OSError, Refused):
        return 0.0


def _forget(name: str, session_id: str) -> bool:
    """Forgets a session; False if another one has its name by now."""
    try:
        end.end_this(name, session_id)
    except NotFound:
        return name not in paths.names()
    return True


# -- files


def _age(path: str) -> float:
    return time.time() - os.lstat(path).st_mtime


def _files() -> Iterator[Leftover]:
    """Files that nothing uses any more, and unfinished ones of killed processes."""
    _ids.cache_clear()
    for folder, kind, is_left in (
        (paths.directory(), "file", _is_unused),
        (results.directory(), "file", results.is_left),
        (paths.remotes_directory(), "file", writing.is_abandoned),
        (_control_directory(), "connection", _is_stale),
    ):
        if folder is None or not paths.trusted(folder):
            continue
        for entry in os.listdir(folder):
            path = os.path.join(folder, entry)
            try:
                if is_left(path):
                    yield Leftover(kind, path, _age(path), partial(_remove, path, is_left))
            except FileNotFoundError:
                continue  # it was in use, and is gone


def _remove(path: str, is_left: Callable[[str], bool]) -> bool:
    try:
        with writing.locked(writing.ready_directory()):
            _ids.cache_clear()
            if not is_left(path):
                return False
            os.unlink(path)
    except FileNotFoundError:
        pass  # another process has cleared it
    return True


@cache  # cleared before each search and each removal
def _ids() -> set[str] | None:
    """The ids of all sessions; None if a record is not trusted, so that its session's files are unknown."""
    try:
        return {str(record.get("id")) for name in paths.names() if (record := records.read(name)) is not None}
    except Refused:
        return None


def _is_unused(path: str) -> bool:
    """Returns whether a file of the directory of sessions is left over. Links are never followed."""
    entry, status = os.path.basename(path), os.lstat(path)
    young = time.time() - status.st_mtime < writing.SETTLED
    if status.st_uid != os.geteuid() or stat.S_ISDIR(status.st_mode) or young:
        return False
    if session := own.SESSION.fullmatch(entry):
        ids = _ids()
        return ids is not None and session[1] not in ids
    if own.RUN.fullmatch(entry):
        return stat.S_ISREG(status.st_mode)
    # Neither processes nor listeners of another machine that shares the directory are seen here.
    return _has_no_user(path, status.st_mode) and not system.network_filesystem(paths.directory())


def _has_no_user(path: str, mode: int) -> bool:
    entry = os.path.basename(path)
    if process := own.PROCESS.fullmatch(entry) or writing.UNFINISHED.fullmatch(entry):
        return identity.start_time(int(process[process.lastindex or 0])) == ""
    if own.ZYGOTE.fullmatch(entry):
        return _listener(path) is None
    name, suffix = os.path.splitext(entry)
    is_own = stat.S_ISSOCK(mode) if suffix == paths.SOCKET else own.is_record(path)
    return is_own and is_name(name) and records.readable(name) is None and _listener(paths.socket_path(name)) is None


def _is_stale(path: str) -> bool:
    """Returns whether a socket has no listener, or the mark of a login is old."""
    mode, age, entry = os.lstat(path).st_mode, _age(path), os.path.basename(path)
    if not own.CONNECTION.fullmatch(entry):
        return False
    if stat.S_ISSOCK(mode):
        return age > 1.0 and _listener(path) is None
    return age > writing.SETTLED


def _listener(path: str) -> int | None:
    """The process that began to listen at a socket; None if nobody does, 0 if that is unknown."""
    opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    opened.setblocking(False)
    try:
        with paths.reachable(*os.path.split(path)) as address:
            opened.connect(address)
        return proc.peer_pid(opened)
    except (ConnectionRefusedError, FileNotFoundError):
        return None
    except OSError:  # too many wait already, or it is not ours
        return 0
    finally:
        opened.close()


# -- versions that were deployed


def _versions() -> Iterator[Leftover]:
    """Versions that `--deploy` put here, which nothing runs from and ~/.local/bin/sesh does not lead to."""
    home = paths.home()
    folder = os.path.join(home, ".local", "share", "sesh", "versions")
    every = [record for name in paths.names() if (record := records.readable(name)) is not None]
    if not os.path.isdir(folder) or system.network_filesystem(folder) or not all(map(records.here, every)):
        return  # another machine that shares the home directory may run from any of them
    try:
        launcher = os.fsdecode(reading.read_regular(os.path.join(home, ".local", "bin", PROGRAM), 1 << 20))
    except OSError:
        return  # which one is in use is unknown
    in_use = launcher + os.path.realpath(__file__)
    for entry in sorted(os.listdir(folder)):
        path = os.path.join(folder, entry)
        if not own.is_version(path) or _version_part(path) in in_use or _is_run(path):
            continue
        try:
            age = _age(path)
        except FileNotFoundError:
            continue  # another process has removed it
        if age > writing.SETTLED:  # one that was just put there the deploy may be about to put into use
            yield Leftover("version", path, age, partial(_remove_version, path))


def _version_part(path: str) -> str:
    return os.path.join("versions", os.path.basename(path), "")


def _is_run(path: str) -> bool:
    """Returns whether a process runs from a version, also for another directory of sessions: `writing.hold_package`."""
    package = os.path.join(path, "lib", "sesh")
    if os.path.isdir(package) and writing.held(package):
        return True
    return any(_version_part(path) in " ".join(words) for _, _, words in proc.own_processes())


def _remove_version(path: str) -> bool:
    if _is_run(path):
        return False
    # Renamed first: nothing may start from one that is half gone.
    doomed = os.path.join(os.path.dirname(path), f".tmp-{os.path.basename(path)}")
    os.rename(path, doomed)
    shutil.rmtree(doomed, ignore_errors=True)
    return not os.path.lexists(doomed)


# -- processes


def _orphan(kind: str, what: str, pid: int) -> Leftover:
    start, age = identity.start_time(pid), 0.0
    if platform.LINUX and start:
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - int(start) / os.sysconf("SC_CLK_TCK")
    return Leftover(kind, what, age, partial(_end, pid, start), pid)


def _end(pid: int, start: str) -> bool:
    """Ends a process by SIGTERM, after a while by SIGKILL; returns whether it has ended.

    `start`: the time of its start, which tells it from a later one with its pid.
    """

    def lives() -> bool:
        return start != "" and identity.start_time(pid) == start

    for number, timeout in ((signal.SIGTERM, _TERM_TIMEOUT), (signal.SIGKILL, 1.0)):
        if not lives():
            return True
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return True  # it has ended since that look
        until = time.monotonic() + timeout
        while lives() and time.monotonic() < until:
            time.sleep(0.02)  # it is not a child of ours, and no event tells of its end
    return not lives()


def _ancestors() -> set[int]:
    """The processes that this one runs under, itself among them."""
    ancestors, pid = set(), os.getpid()
    while pid and pid not in ancestors:
        ancestors.add(pid)
        pid = identity.parent_of(pid)
    return ancestors


def _adopted() -> dict[int, list[str]]:
    """The command lines, by pid, of processes that init or a user's systemd has adopted, as their parent has died."""
    own, ancestors = proc.own_processes(), _ancestors()
    reapers = {1, *(pid for pid, _, words in own if words and os.path.basename(words[0]) == "systemd")}
    return {pid: words for pid, parent, words in own if parent in reapers and pid not in ancestors}


def daemons() -> Iterator[Leftover]:
    """Daemons of this directory that no name leads to any more, found by the sockets on which they still listen."""
    folder = paths.directory()
    spared = _ancestors()
    for name in paths.names():
        record = records.readable(name)
        pid = _listener(paths.socket_path(name)) if record is None else record.get("daemon_pid")
        spared.add(pid or 0)
    sockets = {
        link
        for link, path in proc.listening().items()
        if os.path.dirname(path) == folder and path.endswith(paths.SOCKET)
    }
    for pid, _, words in proc.own_processes() if sockets else ():
        is_daemon = words and words[0].startswith(f"{PROGRAM}: ")
        if is_daemon and pid not in spared and not sockets.isdisjoint(proc.open_paths(pid)):
            yield _orphan("daemon", f"daemon {pid}, without a session", pid)


def bridges() -> Iterator[Leftover]:
    """Bridges whose ssh server has died, and that do not end by themselves."""
    until = time.monotonic() + _CLOSING_TIME
    while (pids := _orphaned_bridges()) and time.monotonic() < until:
        time.sleep(0.05)
    for pid in pids:
        yield _orphan("bridge", f"{PROGRAM} --bridge, without its ssh", pid)


def _orphaned_bridges() -> list[int]:
    own = {PROGRAM, DISTRIBUTION, "start.py"}
    return [
        pid
        for pid, words in _adopted().items()
        if words[-1:] == ["--bridge"]
        and own.intersection(map(os.path.basename, words[:-1]))
        and proc.directory_of(pid) != "/"  # a daemon that a bridge has forked may have its command line
    ]


# -- shared connections


def _control_directory() -> str | None:
    """The directory of the control sockets; None if no host was ever reached, or it is not trusted."""
    try:
        return ssh.control_directory() if paths.knows_remotes() else None
    except Refused:
        return None


def connections() -> Iterator[Leftover]:
    """Ssh processes whose connection no socket leads to."""
    folder = _control_directory()
    if folder is None:
        return
    for pid, words in _adopted().items():  # while it logs in it still has its parent
        path = _control_path(words, folder)
        check = ("ssh", "-O", "check", "-o", f"ControlPath={path}", "-F", "none", "sesh")
        if path and not _logs_in(path, pid) and f"(pid={pid})" not in (programs.printed(*check, timeout=5.0) or ""):
            yield _orphan("connection", f"ssh {pid}, a shared connection without a socket", pid)


def _logs_in(path: str, pid: int) -> bool:  # it goes on without who began it
    with Mark.find(path + SUFFIX) or nullcontext() as mark:
        return mark is not None and mark.pid == pid and not mark.old


def _control_path(words: list[str], folder: str) -> str:
    """The socket in `folder` of an ssh that is a shared connection, by its command line; empty for other processes."""
    title = " ".join(words)
    if title.startswith(f"ssh: {folder}/") and title.endswith(" [mux]"):
        return title.removeprefix("ssh: ").removesuffix(" [mux]")
    if not {"ControlMaster=yes", "-N"} <= set(words):
        return ""
    option = f"ControlPath={folder}/"
    return next((word.removeprefix("ControlPath=") for word in words if word.startswith(option)), "")
