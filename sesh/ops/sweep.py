"""What sessions, links and deploys have left behind on this machine: found, and cleared.

Files that nothing uses, and orphans: processes that nothing leads to (daemons without a name, bridges without a link,
ssh connections without a socket). Nothing is identified by a name or a number alone. A process is its pid with the time
of its start, and is checked again before it is signalled; a file is checked again before it is removed. What another
machine that shares the home directory may still use is not a leftover, nor is a process that this one runs under.
"""

from __future__ import annotations

import os
import re
import signal
import stat
import time
from functools import partial

from sesh import moments, paths, platform, programs, wire
from sesh.about import DISTRIBUTION, PROGRAM
from sesh.errors import NotFound, Refused, SeshError
from sesh.lean import socket
from sesh.reach.op import op
from sesh.store import listing, records, results

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sesh.reach.caller import Caller
    from sesh.schema import LeftoverFacts

_TERM_TIMEOUT = 4.0
"""Seconds between SIGTERM and SIGKILL: a daemon gives what runs in its session two."""
_CLOSING_TIME = 1.0
"""Seconds in which a bridge ends by itself when its link is closed."""
_LISTENER = re.compile(r"\.(\d+)\.sock")
_TEMPORARY = re.compile(r"\..+\.(\d+)(?:\.sock)?|\.(\d+)\.sock|.*\.tmp")
_FOR_A_RUN = re.compile(r"\.[0-9a-f]{8}\.run|[A-Za-z0-9_][A-Za-z0-9._+-]{0,63}\.cmd")
_OF_A_SESSION = re.compile(r"\.(?:agent|checkpoint|env)\.([0-9a-f]+)")


@op("leftovers.find")
def find(caller: Caller, older: float = 0.0, surely: bool = False) -> list[LeftoverFacts]:
    """What is left over here and is older than so many seconds, the oldest first: a row each, see `Leftover.facts`.

    `surely`: nobody is asked before it is cleared, so a session counts from when it ended, and from when it was first
    found lost: how long it had been idle before says nothing. Raises Refused if the directory of sessions is not to be
    trusted; files of sessions that are not are noted.
    """
    from sesh.reach.find import note_damage

    note_damage(caller)
    return [each.facts() for each in _all() if (each.sure if surely else each.age) >= older]


@op("leftovers.clear")
def clear(
    _caller: Caller, wanted: Sequence[LeftoverFacts], ends: bool = False, forgets: bool = True
) -> list[LeftoverFacts]:
    """Clears what `find` found; `ends`: also processes that live; `forgets`: also sessions, which can be read.

    The rows again, with `cleared`, and if it is not: `left`, the reason for leaving it, or `error`, as
    `SeshError.facts` gives it. What has gone meanwhile is cleared.
    """
    found = {each.key: each for each in _all()}
    rows: list[LeftoverFacts] = []
    for row in wanted:
        leftover = found.get((row["kind"], row["what"], row["pid"]))
        if leftover is not None:
            rows.append(leftover.cleared(row, ends=ends, forgets=forgets))
        else:
            rows.append({**row, "cleared": True})
    return rows


class Leftover:
    """One thing that is left over.

    `kind`: ended, lost, file, daemon, bridge, connection, version. `what`: the session, the path, or the command.
    `age`: seconds since it was used. `sure`: seconds for which it has been left over at least. `pid`: of a process that
    lives. `clear` removes it, and returns whether it is gone; it raises SeshError or OSError with the reason.
    """

    __slots__ = ("age", "clear", "kind", "pid", "sure", "what")

    def __init__(
        self,
        kind: str,
        what: str,
        age: float,
        clear: Callable[[], bool],
        pid: int | None = None,
        sure: float | None = None,
    ) -> None:
        self.kind, self.what, self.age, self.clear, self.pid = kind, what, max(0.0, age), clear, pid
        self.sure = self.age if sure is None else sure

    @property
    def key(self) -> tuple[str, str, int | None]:
        """What tells it from all others."""
        return self.kind, self.what, self.pid

    def facts(self) -> LeftoverFacts:
        """The leftover as JSON shows it."""
        return {"kind": self.kind, "what": self.what, "age": int(self.age), "pid": self.pid}

    def cleared(self, row: LeftoverFacts, *, ends: bool, forgets: bool) -> LeftoverFacts:
        """Clears it, unless it is to be left; its row, with what became of it."""
        if self.pid is not None and not ends:
            return {**row, "cleared": False, "left": "it still runs"}
        if self.kind in ("lost", "ended") and not forgets:
            return {**row, "cleared": False, "left": "it can still be read"}
        try:
            if self.clear():
                return {**row, "cleared": True}
            return {**row, "cleared": False, "left": "it is in use again"}
        except SeshError as error:
            return {**row, "cleared": False, "error": error.facts()}
        except OSError as error:
            return {**row, "cleared": False, "error": Refused(f"{error.strerror}").facts()}


class Orphan(Leftover):
    """A process that is left over; SIGTERM ends it, and after a while SIGKILL."""

    __slots__ = ("_start",)

    def __init__(self, kind: str, what: str, pid: int) -> None:
        self._start = platform.start_time(pid)
        super().__init__(kind, what, _running_for(self._start), self._end, pid)

    def alive(self) -> bool:
        """Whether it is still the process that was found."""
        return self._start != "" and self.pid is not None and platform.start_time(self.pid) == self._start

    def _end(self) -> bool:
        for number, timeout in ((signal.SIGTERM, _TERM_TIMEOUT), (signal.SIGKILL, 1.0)):
            if self.pid is None or not self.alive():
                return True
            os.kill(self.pid, number)
            until = time.monotonic() + timeout
            while self.alive() and time.monotonic() < until:
                time.sleep(0.02)  # it is not a child of ours, and no event tells of its end
        return not self.alive()


def _all() -> list[Leftover]:
    """All that is left over, the oldest first."""
    found = [*_sessions(), *_files(), *daemons(), *bridges(), *connections(), *_versions()]
    return sorted(found, key=lambda each: -each.age)


def _age(path: str) -> float:
    return time.time() - os.lstat(path).st_mtime


def _running_for(start: str) -> float:
    """Seconds since a process began, from its start as the kernel words it; 0 if that is unknown."""
    if not (platform.LINUX and start):
        return 0.0
    return time.clock_gettime(time.CLOCK_BOOTTIME) - int(start) / os.sysconf("SC_CLK_TCK")


# -- sessions


def _sessions() -> Iterator[Leftover]:
    """Those that have ended and are kept, and lost ones; not another machine's, nor the one that this runs in."""
    ancestors = _ancestors()
    for session in listing.summaries():
        kind = {"exited": "ended", "lost": "lost"}.get(session["state"])
        if kind is None or session.get("current") or "machine" in session or session.get("pid") in ancestors:
            continue
        name = str(session["name"])
        record = records.readable(name)
        if record is None or (kind == "lost" and records.alive(record)):
            continue  # it was started again, or forgotten, just now
        since = moments.seconds(session.get("last_activity")) or moments.seconds(session.get("created")) or time.time()
        yield Leftover(
            kind,
            name,
            time.time() - since,
            partial(_forget, name, str(record.get("id"))),
            sure=_settled_for(name, kind),
        )


def _settled_for(name: str, kind: str) -> float:
    """Seconds since a session ended, or was first found lost, which its record notes then; 0 if that is unknown."""
    try:
        with paths.locked(paths.directory()):
            record = records.readable(name)
            if record is None or (kind == "lost" and records.alive(record)):
                return 0.0
            if kind == "lost" and not record.get("found_lost"):
                records.write({**record, "found_lost": True})
            return max(0.0, _age(paths.record_path(name)))  # it was written then, and not since
    except (OSError, Refused):
        return 0.0


def _forget(name: str, number: str) -> bool:
    """Forgets the session `number` (its id); False where another one has its name by now."""
    from sesh.ops import end

    try:
        end.end_this(name, number)
    except NotFound:
        return name not in paths.names()
    return True


# -- files


def _files() -> Iterator[Leftover]:
    """Files in the directory of sessions that nothing uses any more."""
    folder = paths.directory()
    if not paths.trusted(folder):
        return
    ids = _ids()
    shared = bool(platform.network_filesystem(folder))
    for entry in os.listdir(folder):
        path = os.path.join(folder, entry)
        try:
            age = _age(path)
            if _is_left(entry, path, age, ids, shared=shared):
                yield Leftover("file", path, age, partial(_remove, path, entry))
        except FileNotFoundError:
            continue  # it was in use, and is gone
    from sesh.remote import known

    for other in (results.directory(), known.directory()):
        for entry in os.listdir(other) if os.path.isdir(other) and paths.trusted(other) else ():
            if paths.is_abandoned(path := os.path.join(other, entry)):
                yield Leftover("file", path, _age(path), partial(_unlink, path))


def _ids() -> set[str] | None:
    """The ids of all sessions; None if a record is not to be believed, and with it which files are its session's."""
    found = set()
    for name in paths.names():
        try:
            record = records.read(name)
        except Refused:
            return None
        if record is not None:
            found.add(str(record.get("id")))
    return found


def _is_left(entry: str, path: str, age: float, ids: set[str] | None, *, shared: bool) -> bool:
    """Whether a file of the directory is left over. Links are never followed."""
    mode = os.lstat(path).st_mode
    if os.lstat(path).st_uid != os.geteuid() or stat.S_ISDIR(mode):
        return False
    if owner := _OF_A_SESSION.fullmatch(entry):
        return ids is not None and owner[1] not in ids and age > paths.SETTLED
    if _FOR_A_RUN.fullmatch(entry):
        return stat.S_ISREG(mode) and age > paths.SETTLED
    if temporary := _TEMPORARY.fullmatch(entry):
        pid = temporary[1] or temporary[2]
        return age > paths.SETTLED and not shared and not (pid and platform.start_time(int(pid)))
    name, suffix = os.path.splitext(entry)
    if name not in paths.names() or shared or age < paths.SETTLED:
        return False
    if suffix == paths.SOCKET:
        return stat.S_ISSOCK(mode) and records.readable(name) is None and not _has_listener(name)
    return suffix == paths.RECORD and stat.S_ISREG(mode) and records.readable(name) is None and not _has_listener(name)


def _has_listener(name: str) -> bool:
    """Whether a process listens at a session's socket; yes if that is unknown."""
    try:
        opened = wire.begin(name)
    except SeshError:
        return True
    if opened is not None:
        opened.close()
    return opened is not None


def _remove(path: str, entry: str) -> bool:
    """Removes a file of the directory if it still is what it was when it was found."""
    folder = os.path.dirname(path)
    with paths.locked(folder):
        ids = _ids()
        try:
            if not _is_left(entry, path, _age(path), ids, shared=False):
                return False
        except FileNotFoundError:
            return True
        return _unlink(path)


def _unlink(path: str) -> bool:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass  # another process has cleared it
    return True


# -- versions that were deployed


def _versions() -> Iterator[Leftover]:
    """Versions that `--deploy` put here, which nothing runs from and ~/.local/bin/sesh does not lead to."""
    home = paths.home()
    folder = os.path.join(home, ".local", "share", "sesh", "versions")
    if not os.path.isdir(folder) or platform.network_filesystem(folder) or _is_shared():
        return  # another machine that shares the home directory may run from any of them
    try:
        launcher_text = os.fsdecode(paths.read_regular(os.path.join(home, ".local", "bin", PROGRAM), 1 << 20))
    except OSError:
        return  # which one is in use is unknown
    own = os.path.realpath(__file__)
    used = [launcher_text, own, *(" ".join(words) for _, _, words in platform.own_processes())]
    for entry in sorted(os.listdir(folder)):
        path = os.path.join(folder, entry)
        part = os.path.join("versions", entry, "")
        if entry[:1] == "." or not os.path.isdir(path) or os.path.islink(path) or any(part in text for text in used):
            continue
        if _has_daemon(path):
            continue
        if _age(path) > paths.SETTLED:  # a deploy may be about to put it into use
            yield Leftover("version", path, _age(path), partial(_remove_version, path, part))


def _has_daemon(path: str) -> bool:
    """Whether a daemon, of whatever directory of sessions, runs from a version: see `paths.hold_package`."""
    package = os.path.join(path, "lib", "sesh")
    return os.path.isdir(package) and paths.held(package)


def _is_shared() -> bool:
    """Whether another machine has sessions in this directory."""
    return any((record := records.readable(name)) is not None and not records.here(record) for name in paths.names())


def _remove_version(path: str, part: str) -> bool:
    import shutil

    if _has_daemon(path) or any(part in " ".join(words) for _, _, words in platform.own_processes()):
        return False
    # Renamed first: nothing may start from one that is half gone.
    doomed = os.path.join(os.path.dirname(path), f".tmp-{os.path.basename(path)}")
    os.rename(path, doomed)
    shutil.rmtree(doomed, ignore_errors=True)
    return not os.path.lexists(doomed)


# -- processes


def _ancestors() -> set[int]:
    """The processes that this one runs under, itself among them."""
    parents = {pid: parent for pid, parent, _ in platform.own_processes()}
    found, pid = set(), os.getpid()
    while pid and pid not in found:
        found.add(pid)
        pid = parents.get(pid, 0)
    return found


def daemons() -> Iterator[Leftover]:
    """Daemons of this directory that no name leads to any more, known by the sockets on which they still listen."""
    folder = paths.directory()
    owners = _ancestors() | {_daemon(name) for name in paths.names()}
    for descriptor, path in platform.listening().items():
        listener = _LISTENER.fullmatch(os.path.basename(path))
        if listener is None or os.path.dirname(path) != folder or int(listener[1]) in owners:
            continue
        pid = int(listener[1])
        if descriptor in _descriptors(pid):
            yield Orphan("daemon", f"daemon {pid}, without a session", pid)


def _daemon(name: str) -> int | None:
    """The process behind a name: by its record, else the one that listens at its socket."""
    record = records.readable(name)
    if record is not None:
        return record.get("daemon_pid")
    try:
        opened = wire.begin(name)
    except SeshError:
        return None
    if opened is None:
        return None
    try:
        return platform.peer_pid(opened)
    except OSError:
        return None
    finally:
        opened.close()


def _descriptors(pid: int) -> set[str]:
    """What a process has open, as the kernel words it; empty if that cannot be read."""
    held = set()
    try:
        for number in os.listdir(f"/proc/{pid}/fd"):
            held.add(os.readlink(f"/proc/{pid}/fd/{number}"))
    except OSError:
        return held  # it ended, or closed something, meanwhile
    return held


def _reapers(processes: list[tuple[int, int, list[str]]]) -> set[int]:
    """The processes that adopt orphans: init, and a user's systemd."""
    return {1, *(pid for pid, _, words in processes if words and os.path.basename(words[0]) == "systemd")}


def bridges() -> Iterator[Leftover]:
    """Bridges whose ssh server has died, so that they were adopted.

    A daemon that a bridge has forked has the bridge's command line; it listens, and its directory is the root.
    """
    ancestors, listening, found = _ancestors(), platform.listening(), []
    processes = platform.own_processes()
    reapers = _reapers(processes)
    for pid, parent, words in processes:
        if words[-1:] != ["--bridge"] or parent not in reapers or pid in ancestors or not _is_sesh(words):
            continue
        if listening.keys().isdisjoint(_descriptors(pid)) and platform.directory_of(pid) != "/":
            found.append(Orphan("bridge", f"{PROGRAM} --bridge, without its ssh", pid))
    until = time.monotonic() + _CLOSING_TIME
    while found and time.monotonic() < until:
        time.sleep(0.02)
        found = [each for each in found if each.alive()]
    yield from found


def _is_sesh(words: list[str]) -> bool:
    return any(os.path.basename(word) in (PROGRAM, DISTRIBUTION, "start.py") for word in words[:-1])


# -- shared connections


def _control_directory() -> str | None:
    """Where the sockets of shared connections are; None if no host was ever reached, or it is not to be trusted."""
    from sesh.remote import known
    from sesh.remote.ssh import ssh

    try:
        return ssh.control_directory() if known.exist() else None
    except Refused:
        return None


def _stale_sockets(folder: str) -> Iterator[str]:
    """Sockets in a directory on which nothing listens, lock files that nothing holds, and notes of refused logins."""
    if not os.path.isdir(folder) or not paths.trusted(folder, "SESH_CTRL_DIR"):
        return
    for entry in os.listdir(folder):
        path = os.path.join(folder, entry)
        try:
            mode = os.lstat(path).st_mode
        except FileNotFoundError:
            continue
        lock = entry.endswith((".lock", ".refused")) and entry[:1] != "." and stat.S_ISREG(mode)
        if (lock and _age(path) > paths.SETTLED and not paths.held(path)) or (
            stat.S_ISSOCK(mode) and _age(path) > 1.0 and not _answers(path)
        ):
            yield path


def _answers(path: str) -> bool:
    opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        opened.connect(path)
    except ConnectionRefusedError:
        return False
    except OSError:
        return True  # unknown
    finally:
        opened.close()
    return True


def connections() -> Iterator[Leftover]:
    """Stale sockets of shared connections, and ssh processes whose connection no socket leads to."""
    folder = _control_directory()
    for path in _stale_sockets(paths.zygote_directory()):
        yield Leftover("file", path, _age(path), partial(_unlink, path))
    for path in _stale_sockets(folder) if folder is not None else ():
        yield Leftover("connection", path, _age(path), partial(_unlink, path))
    processes = platform.own_processes() if folder is not None else []
    reapers = _reapers(processes)
    for pid, parent, words in processes:
        path = _control_path(words, folder) if parent in reapers else ""  # while it logs in it still has its parent
        if path and _master(path) != pid:
            yield Orphan("connection", f"ssh {pid}, a shared connection without a socket", pid)


def _control_path(words: list[str], folder: str | None) -> str:
    """The socket in `folder` of an ssh that is a shared connection, by its command line; empty for other processes."""
    title = " ".join(words)
    if title.startswith(f"ssh: {folder}/") and title.endswith(" [mux]"):
        return title.removeprefix("ssh: ").removesuffix(" [mux]")
    if not {"ControlMaster=yes", "-N"} <= set(words):
        return ""
    named = f"ControlPath={folder}/"
    return next((word.removeprefix("ControlPath=") for word in words if word.startswith(named)), "")


def _master(path: str) -> int | None:
    """The process behind a shared connection's socket, as ssh says; None if there is none."""
    import subprocess

    words = ["ssh", "-O", "check", "-o", f"ControlPath={path}", "-F", "none", "sesh"]
    try:
        done = subprocess.run(
            words,
            capture_output=True,
            text=True,
            env=programs.environment(),
            timeout=5,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"pid=(\d+)", done.stderr + done.stdout)
    return int(found[1]) if found else None
