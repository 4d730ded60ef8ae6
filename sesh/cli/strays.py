"""Processes that nobody can find: daemons without a name, bridges without a link, connections without a socket.

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

from sesh import paths, platform
from sesh.cli.litter import SETTLED, Piece, age_of, record_of, unlinked
from sesh.errors import Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

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
        return ssh.directory() if os.path.isdir(known.directory()) else None
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
    for path in _stale_sockets(os.path.join(paths.directory(), ".nest")):
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
