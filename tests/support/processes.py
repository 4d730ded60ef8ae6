"""Which processes belong to a test: those that carry its mark in the environment they were started with."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress

LINUX = sys.platform.startswith("linux")
_BLOCK = 64 << 10


def listed() -> set[str]:
    """The pids of all processes, where /proc lists them: in a tenth of the time that their environments take."""
    return {entry for entry in os.listdir("/proc") if entry.isdigit()} if LINUX else set()


def _environments(but: Collection[str]) -> Iterable[tuple[int, bytes]]:
    """(pid, environment) of each process whose environment may be read; zombies have none. `but`: pids left out."""
    if not LINUX:
        listing = subprocess.run(["ps", "-axEww", "-o", "pid=,command="], capture_output=True, check=False).stdout
        for line in listing.splitlines():
            pid, _, rest = line.strip().partition(b" ")
            yield int(pid), b"\0" + rest.replace(b" ", b"\0") + b"\0"
        return
    for entry in os.listdir("/proc"):
        if entry.isdigit() and entry not in but:
            try:
                yield int(entry), b"\0" + _read(f"/proc/{entry}/environ") + b"\0"
            except OSError:
                continue


def _read(path: str) -> bytes:
    """What a file has, in half the time of `open`: a test that ends asks for those of all processes."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        data = b""
        while part := os.read(descriptor, _BLOCK):  # of what has lines the kernel gives a page at a time
            data += part
        return data
    finally:
        os.close(descriptor)


def marked(name: str, value: str, but: Collection[str] = (), mapped: str = "") -> list[int]:
    """Pids, other than this process's and `but`, that were started with NAME=VALUE, or have mapped a file."""
    mark = os.fsencode(f"\0{name}={value}\0")
    own = _place("self") if mapped and LINUX else ""
    found = []
    for pid, environment in _environments(but):
        # What maps takes long to read; a fork of this process has its environment in the same place.
        if pid != os.getpid() and (mark in environment or (own and own == _place(str(pid)) and _maps(pid, mapped))):
            found.append(pid)
    return found


def _place(pid: str) -> str:
    """Where a process has its environment in its memory (proc_pid_stat(5)): by chance for each program that starts."""
    try:
        return _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()[47].decode()  # env_start
    except OSError:
        return ""


def _maps(pid: int, path: str) -> bool:
    """Tell whether a process has mapped a file (proc_pid_maps(5))."""
    try:
        return os.fsencode(path) in _read(f"/proc/{pid}/maps")
    except OSError:
        return False


def of_user(uid: int) -> list[int]:
    """Pids of all that runs with this real user id, zombies left out. Linux alone."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                status = _read(f"/proc/{entry}/status")
            except OSError:
                continue
            if b"\nUid:\t%d\t" % uid in status and b"\nState:\tZ" not in status:
                found.append(int(entry))
    return found


def descendants(pid: int) -> list[int]:
    """Pids of the children of a process, and of theirs."""
    listed = os.path.exists(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    children = _children if listed else _listed_children()
    found: list[int] = []
    waiting = [pid]
    while waiting:
        mine = children(waiting.pop())
        found += mine
        waiting += mine
    return found


def _children(pid: int) -> list[int]:
    """The children of all threads of a process, as Linux lists them."""
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children", encoding="ascii") as file:
                found += map(int, file.read().split())
    except OSError:
        pass  # it has gone, and its children are others' now
    return found


def _listed_children() -> Callable[[int], list[int]]:
    listing = subprocess.run(["ps", "-axo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    children: dict[int, list[int]] = {}
    for line in listing.splitlines():
        child, parent = map(int, line.split())
        children.setdefault(parent, []).append(child)
    return lambda pid: children.get(pid, [])


def describe(pid: int) -> str:
    """One line for a person: the pid and its command line."""
    command = subprocess.run(["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return f"{pid} {command.stdout.strip() or '(gone)'}"


def kill(pids: Iterable[int]) -> None:
    """SIGKILL to each that still lives."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def reap(pid: int, seconds: float) -> int | None:
    """The wait status of a child that ends within `seconds`; None where it does not. A reaped child gives 0."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            done, status = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            return 0
        if done:
            return status
        if time.monotonic() >= deadline:
            return None
        time.sleep(0.005)


def exists(pid: int) -> bool:
    """Whether there is such a process of the caller's own, be it dead and not waited for."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def called(pid: int) -> str:
    """The name of a process as the kernel has it; "" once it has gone."""
    if not LINUX:
        words = ["ps", "-o", "comm=", "-p", str(pid)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        return os.path.basename(done.stdout.strip())
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""


def zygotes(pids: Iterable[int]) -> list[int]:
    """Return those of these processes that daemons are forked from."""
    return [pid for pid in pids if called(pid) == "sesh: zygote"]


def has_terminal(pid: int) -> bool:
    """Whether a process has a controlling terminal, as what runs in a session has. Only Linux tells; else False."""
    return _status(pid)[4:5] not in ([], ["0"])


def stopped(pid: int) -> bool:
    """Tell whether a process has been stopped by a signal. Only Linux tells."""
    return _status(pid)[:1] == ["T"]


def _status(pid: int) -> list[str]:
    """Of proc_pid_stat(5) the fields from the third on: state, parent, group, session, terminal, …"""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(") ")[2].split()
    except OSError:
        return []


def rested(pids: Iterable[int], seconds: float = 0.05) -> bool:
    """Whether these processes (or threads) slept all the while: none ran, and none waits for a processor or a disk.

    What is busy on a machine that is busier still does not look asleep. Only Linux tells; elsewhere time has to do.
    """
    watched = list(pids)
    before = [_ran(pid) for pid in watched]
    time.sleep(seconds)
    return all(state in ("S", "Z", "") for state, _ in before) and before == [_ran(pid) for pid in watched]


def _ran(pid: int) -> tuple[str, str]:
    """The state of a process as ps has it, and the nanoseconds for which it has run; two blanks once it has gone."""
    try:
        with open(f"/proc/{pid}/schedstat", encoding="ascii") as file:
            return "".join(_status(pid)[:1]), file.read().split()[0]
    except OSError:
        return "", ""


def connections(daemon: int) -> int:
    """How many are connected to the session whose daemon has this pid. Linux alone tells."""
    own = set()
    for number in os.listdir(f"/proc/{daemon}/fd"):
        with suppress(FileNotFoundError):  # closed meanwhile
            own.add(os.readlink(f"/proc/{daemon}/fd/{number}"))
    with open("/proc/net/unix", encoding="utf-8") as file:
        rows = [line.split() for line in file if line.rstrip().endswith(".sock")]
    return sum(row[5] == "03" and f"socket:[{row[6]}]" in own for row in rows)


def connected(pid: int) -> bool:
    """Whether a process has a socket open, as once it has reached a daemon; descriptors may be closed meanwhile."""
    for number in os.listdir(f"/proc/{pid}/fd"):
        try:
            if os.readlink(f"/proc/{pid}/fd/{number}").startswith("socket:"):
                return True
        except FileNotFoundError:
            continue
    return False
