"""Find a test's processes by a mark in their first environment, and tell their state."""

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
    """Return the pids of all processes from /proc, much faster than with their environments."""
    return {entry for entry in os.listdir("/proc") if entry.isdigit()} if LINUX else set()


def _environments(but: Collection[str]) -> Iterable[tuple[int, bytes]]:
    """Yield (pid, environment) of each readable process except the pids in `but`."""
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
    """Read a file twice as fast as `open`, because each test reads very many."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        data = b""
        while part := os.read(descriptor, _BLOCK):  # the kernel gives a file of lines a page at a time
            data += part
        return data
    finally:
        os.close(descriptor)


def marked(name: str, value: str, but: Collection[str] = (), mapped: str = "") -> list[int]:
    """Return other processes' pids that started with NAME=VALUE or map the file `mapped`."""
    mark = os.fsencode(f"\0{name}={value}\0")
    own = _place("self") if mapped and LINUX else ""
    found = []
    for pid, environment in _environments(but):
        # Maps take long to read, so read only those of forks of this process: they have its environment's address.
        if pid != os.getpid() and (mark in environment or (own and own == _place(str(pid)) and _maps(pid, mapped))):
            found.append(pid)
    return found


def _place(pid: str) -> str:
    """Return the address of a process's environment (proc_pid_stat(5)), which is random for each program start."""
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
    """Return the pids of a user's processes, without zombies; only on Linux."""
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
    """Return the children of all threads of a process, as Linux lists them."""
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children", encoding="ascii") as file:
                found += map(int, file.read().split())
    except OSError:
        pass  # it has ended, and its children have another parent
    return found


def _listed_children() -> Callable[[int], list[int]]:
    listing = subprocess.run(["ps", "-axo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    children: dict[int, list[int]] = {}
    for line in listing.splitlines():
        child, parent = map(int, line.split())
        children.setdefault(parent, []).append(child)
    return lambda pid: children.get(pid, [])


def describe(pid: int) -> str:
    """Return one line for a person: the pid and its command line."""
    command = subprocess.run(["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return f"{pid} {command.stdout.strip() or '(gone)'}"


def kill(pids: Iterable[int]) -> None:
    """Send SIGKILL to each process that still lives."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def reap(pid: int, seconds: float) -> int | None:
    """Return a child's wait status, 0 if already waited for, None after `seconds`."""
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
    """Tell whether the caller's user has a process with this pid, even a zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def called(pid: int) -> str:
    """Return a process's name in the kernel; "" after its end."""
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
    return [pid for pid in pids if called(pid) == "sesh: zygote"]


def has_terminal(pid: int) -> bool:
    """Tell whether a process has a controlling terminal; False except on Linux."""
    return _status(pid)[4:5] not in ([], ["0"])


def stopped(pid: int) -> bool:
    """Tell whether a process has been stopped by a signal. False except on Linux."""
    return _status(pid)[:1] == ["T"]


def _status(pid: int) -> list[str]:
    """Return the fields of proc_pid_stat(5) from the third on: state, parent, group, session, terminal, …"""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(") ")[2].split()
    except OSError:
        return []


def rested(pids: Iterable[int], seconds: float = 0.05) -> bool:
    """Tell whether these processes or threads slept for so long, and none could run.

    So a process that has work does not look asleep, even on a busy machine. Outside of Linux this only waits.
    """
    watched = list(pids)
    before = [_ran(pid) for pid in watched]
    time.sleep(seconds)
    return all(state in ("S", "Z", "") for state, _ in before) and before == [_ran(pid) for pid in watched]


def _ran(pid: int) -> tuple[str, str]:
    """Return a process's state and its nanoseconds of running; empty strings after its end."""
    try:
        with open(f"/proc/{pid}/schedstat", encoding="ascii") as file:
            return "".join(_status(pid)[:1]), file.read().split()[0]
    except OSError:
        return "", ""


def connections(daemon: int) -> int:
    """Count the connections to the session whose daemon has this pid; only on Linux."""
    own = set()
    for number in os.listdir(f"/proc/{daemon}/fd"):
        with suppress(FileNotFoundError):  # closed meanwhile
            own.add(os.readlink(f"/proc/{daemon}/fd/{number}"))
    with open("/proc/net/unix", encoding="utf-8") as file:
        rows = [line.split() for line in file if line.rstrip().endswith(".sock")]
    return sum(row[5] == "03" and f"socket:[{row[6]}]" in own for row in rows)


def connected(pid: int) -> bool:
    """Tell whether a process has an open socket, as it has at a daemon."""
    for number in os.listdir(f"/proc/{pid}/fd"):
        try:
            if os.readlink(f"/proc/{pid}/fd/{number}").startswith("socket:"):
                return True
        except FileNotFoundError:
            continue
    return False
