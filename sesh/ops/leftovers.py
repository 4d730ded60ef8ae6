"""What sessions, links and deploys have left behind on this machine, each piece with its age and its way out.

Identity is never a name or a number alone: a process is its pid with the time of its start, looked at again before it
is signalled; a file is removed only by who has seen that nothing uses it. What another machine that shares the home
directory may still use is no litter.

Processes that nobody can find: daemons without a name, bridges without a link, connections without a socket.

Each is told by what the kernel says of it, and is looked at again, by its pid and the time of its start, before it is
signalled. Whoever this command line runs under is none.
"""

from __future__ import annotations

import os
import re
import signal
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
    pieces = [*_sessions(), *_files(), *daemons(), *bridges(), *connections(), *_versions()]
    return sorted(pieces, key=lambda piece: -piece.age)


def age_of(path: str) -> float:
    return time.time() - os.lstat(path).st_mtime


# -- sessions


def _sessions() -> Iterator[Piece]:
    """Those that have ended and are kept, and lost ones: not another machine's, nor the one that this is typed in."""
    from sesh.cli import tables

    for session in listing.summaries():
        kind = {"exited": "ended", "lost": "lost"}.get(session["state"])
        if kind is None or session.get("current") or "machine" in session:
            continue
        since = tables.seconds(session.get("last_activity")) or tables.seconds(session.get("created")) or time.time()
        yield Piece(kind, str(session["name"]), time.time() - since, partial(_ended, str(session["name"])))


def _ended(name: str) -> bool:
    from sesh.ops import sessions

    for error in sessions.end_all([name]).values():
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


_PATIENCE = 4.0
"""Seconds between SIGTERM and SIGKILL: a daemon gives what runs in its session two."""
_PARTING = 1.0
"""Seconds in which a bridge ends by itself when its link is closed."""
_LISTENER = re.compile(r"\.(\d+)\.sock")


def _above() -> set[int]:
    """The processes that this one runs under, itself among them."""
    parents = {pid: parent for pid, parent, _ in platform.own_processes()}
    above, pid = set(), os.getpid()
    while pid and pid not in above:
        above.add(pid)
        pid = parents.get(pid, 0)
    return above


class Stray(Piece):
    """A process that is left over; it is ended by SIGTERM, and after a while by SIGKILL."""

    __slots__ = ("_start",)

    def __init__(self, kind: str, what: str, pid: int) -> None:
        self._start = platform.start_time(pid)
        super().__init__(kind, what, _running(self._start), self._end, pid)

    def alive(self) -> bool:
        """Whether it is still the process that was found."""
        return self._start != "" and self.pid is not None and platform.start_time(self.pid) == self._start

    def _end(self) -> bool:
        for number, patience in ((signal.SIGTERM, _PATIENCE), (signal.SIGKILL, 1.0)):
            if self.pid is None or not self.alive():
                return True
            os.kill(self.pid, number)
            until = time.monotonic() + patience
            while self.alive() and time.monotonic() < until:
                time.sleep(0.02)  # it is no child of ours, and its end no event
        return not self.alive()


def _running(start: str) -> float:
    """Seconds since a process began, from its start as the kernel words it; 0 where that cannot be told."""
    if not (platform.LINUX and start):
        return 0.0
    return time.clock_gettime(time.CLOCK_BOOTTIME) - int(start) / os.sysconf("SC_CLK_TCK")


def daemons() -> Iterator[Piece]:
    """Daemons of this directory that no name leads to any more, told by the sockets on which they still listen."""
    folder = paths.directory()
    owners = _above() | {record.get("daemon_pid") for name in paths.names() if (record := record_of(name)) is not None}
    for descriptor, path in platform.listening().items():
        listener = _LISTENER.fullmatch(os.path.basename(path))
        if listener is None or os.path.dirname(path) != folder or int(listener[1]) in owners:
            continue
        pid = int(listener[1])
        if descriptor in _descriptors(pid):
            yield Stray("daemon", f"daemon {pid}, whose session nobody can find", pid)


def _descriptors(pid: int) -> set[str]:
    """What a process has open, as the kernel words it; nothing where that is not ours to know."""
    held = set()
    try:
        for number in os.listdir(f"/proc/{pid}/fd"):
            held.add(os.readlink(f"/proc/{pid}/fd/{number}"))
    except OSError:
        return held  # it ends, or closes something, just now
    return held


def _guardians(processes: list[tuple[int, int, list[str]]]) -> set[int]:
    """Who takes over processes whose parent has died: init, and a user's systemd."""
    return {1, *(pid for pid, _, words in processes if words and os.path.basename(words[0]) == "systemd")}


def bridges() -> Iterator[Piece]:
    """Far ends of links whose ssh server has died: a process of another one's has taken them over.

    A daemon that a bridge has made bears the bridge's words; it listens, and stands in the root directory.
    """
    above, listening, pieces = _above(), platform.listening(), []
    processes = platform.own_processes()
    guardians = _guardians(processes)
    for pid, parent, words in processes:
        if words[-1:] != ["--bridge"] or parent not in guardians or pid in above or not _is_sesh(words):
            continue
        if listening.keys().isdisjoint(_descriptors(pid)) and platform.directory_of(pid) != "/":
            pieces.append(Stray("bridge", "sesh --bridge, whose ssh has died", pid))
    until = time.monotonic() + _PARTING
    while pieces and time.monotonic() < until:
        time.sleep(0.02)  # a link that was closed just now: its bridge ends by itself
        pieces = [piece for piece in pieces if piece.alive()]
    yield from pieces


def _is_sesh(words: list[str]) -> bool:
    return any(os.path.basename(word) in ("sesh", "start.py") for word in words[:-1])


# -- shared connections


def _control() -> str | None:
    """Where the shared connections lie; None where no host was ever reached, or the place is not to be trusted."""
    from sesh.remote import known
    from sesh.remote.ssh import ssh

    try:
        return ssh.control_directory() if os.path.isdir(known.directory()) else None
    except Refused:
        return None


def _stale_sockets(folder: str) -> Iterator[str]:
    """Sockets of shared connections on which nobody listens, and their lock files that nobody holds."""
    if not os.path.isdir(folder) or not paths.trusted(folder, "SESH_CTRL_DIR"):
        return
    for entry in os.listdir(folder):
        path = os.path.join(folder, entry)
        try:
            mode = os.lstat(path).st_mode
        except FileNotFoundError:
            continue
        lock = entry.endswith(".lock") and entry[:1] != "." and stat.S_ISREG(mode)
        if (lock and age_of(path) > SETTLED and not paths.held(path)) or (
            stat.S_ISSOCK(mode) and age_of(path) > 1.0 and not _answers(path)
        ):
            yield path


def _answers(path: str) -> bool:
    from sesh.lean import socket

    opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        opened.connect(path)
    except ConnectionRefusedError:
        return False
    except OSError:
        return True  # it cannot be told
    finally:
        opened.close()
    return True


def connections() -> Iterator[Piece]:
    """Stale sockets of shared connections, and ssh processes that hold a connection which no socket leads to."""
    folder = _control()
    for path in _stale_sockets(paths.zygote_directory()):
        yield Piece("file", path, age_of(path), partial(unlinked, path))
    for path in _stale_sockets(folder) if folder is not None else ():
        yield Piece("connection", path, age_of(path), partial(unlinked, path))
    processes = platform.own_processes() if folder is not None else []
    guardians = _guardians(processes)
    for pid, parent, words in processes:
        path = _controls(words, folder) if parent in guardians else ""  # one that still logs in has its starter
        if path and _master(path) != pid:
            yield Stray("connection", f"ssh {pid}, a shared connection that nobody can find", pid)


def _controls(words: list[str], folder: str | None) -> str:
    """The socket in `folder` of a process that is a shared connection, by the words that it bears; empty for others."""
    title = " ".join(words)
    if title.startswith(f"ssh: {folder}/") and title.endswith(" [mux]"):
        return title.removeprefix("ssh: ").removesuffix(" [mux]")
    if not {"ControlMaster=yes", "-N"} <= set(words):
        return ""
    named = f"ControlPath={folder}/"
    return next((word.removeprefix("ControlPath=") for word in words if word.startswith(named)), "")


def _master(path: str) -> int | None:
    """The process behind a shared connection's socket, as ssh itself says; None where there is none."""
    import subprocess

    words = ["ssh", "-O", "check", "-o", f"ControlPath={path}", "-F", "none", "sesh"]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=5, check=False, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return None
    told = re.search(r"pid=(\d+)", done.stderr + done.stdout)
    return int(told[1]) if told else None
