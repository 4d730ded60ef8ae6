"""Finds out which foreground process waits for a key, and how sure that is.

A thread that sleeps in read(2) on the terminal waits for it, and so does one whose select, poll or epoll_wait has
nothing else to wait for. The kernel tells the descriptors of an epoll_wait, and of a select only the highest one;
a poll may wait for all that its process has.

A process that passes keys on to others (ssh, `docker exec -t`, script) waits for them too, while the work goes on at
the other end of a socket, pipe or terminal. It looks the same as one that talks to others for its own use.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from enum import Enum, IntEnum
from operator import itemgetter
from typing import NamedTuple

from sesh.daemon.pty import syscalls
from sesh.daemon.pty.pty import Pty
from sesh.daemon.pty.syscalls import Call
from sesh.system import platforms, processes

_PTMX = platforms.device_number(os.makedev(5, 2))
_STOPPED = {"T", "t"}  # states of proc(5)
_STANDARD = 2  # the last descriptor of the standard streams
_MAX_DESCRIPTORS = 256  # descriptors of a process that are examined
_WATCHED = re.compile(rb"^tfd:\s*(\d+)", re.MULTILINE)
"""A descriptor that an epoll instance waits for, in /proc/PID/fdinfo/FD (proc_pid_fdinfo(5))."""


class Sureness(IntEnum):
    """How sure it is that a process waits for a key; `<` compares that."""

    NOT = 0
    PERHAPS = 1  # it may wait for something else, or pass keys on; or what it waits for cannot be seen
    CERTAIN = 2


def key_reader(pty: Pty, leader: int, left_out: int) -> tuple[Sureness, int]:
    """Return how sure it is that a process of the foreground waits for a key, and which.

    Nobody waits for a key if the terminal is in canonical mode, has keys that are not read, or if a thread of the
    foreground runs. `leader`: of the session. `left_out`: a process that does not count.
    """
    group = pty.foreground()
    if group <= 1 or not pty.raw() or pty.unread():
        return Sureness.NOT, 0
    if not syscalls.KNOWN:
        return (Sureness.PERHAPS, group) if group != left_out else (Sureness.NOT, 0)
    inherited = _files(leader, pty.device)
    found = Sureness.NOT, 0
    for pid in syscalls.members(group, leader):
        threads = [f"{pid}/task/{thread}" for thread in syscalls.threads(pid)]
        states = {state for thread in threads for state in processes.stat_of(thread)[:1]}
        if "R" in states:
            return Sureness.NOT, 0
        if pid != left_out and not states & _STOPPED:
            found = max(
                found,
                (_sureness(pid, threads, pty.device, inherited if pid != leader else {}), pid),
                key=itemgetter(0),
            )
    return found


def _sureness(pid: int, threads: list[str], device: int, inherited: dict[int, _File]) -> Sureness:
    """Return how sure it is that a process with these threads waits for a key."""
    calls = [syscalls.call_of(f"/proc/{thread}")[:2] for thread in threads]
    if any(call == Call.UNKNOWN for call, _ in calls):  # another user's program
        return Sureness.PERHAPS
    files = {
        number: file
        for number, file in _files(pid, device).items()
        if file.kind == _Kind.TERMINAL or inherited.get(number) != file
    }
    found = Sureness.NOT
    for call, first in calls:
        kinds = {files[number].kind for number in _waited(pid, call, first, files) if files[number].reads}
        if _Kind.TERMINAL in kinds:
            alone = kinds.isdisjoint((_Kind.PIPE, _Kind.LINK)) and not _passes_on(files)
            found = max(found, Sureness.CERTAIN if alone else Sureness.PERHAPS)
    return found


def _waited(pid: int, call: Call, first: int, files: dict[int, _File]) -> set[int]:
    """Return those of a process's descriptors for which a thread in this call may wait."""
    if call == Call.READ:
        return {first} & files.keys()
    if call == Call.SELECT:
        return {number for number in files if number < first}
    if call == Call.EPOLL:
        watched = _WATCHED.findall(platforms.content(f"/proc/{pid}/fdinfo/{first}"))
        return {*map(int, watched)} & files.keys()
    return {*files} if call == Call.POLL else set()


class _Kind(Enum):
    TERMINAL = "terminal"  # that of the session
    PIPE = "pipe"
    LINK = "link"  # a socket, or the master of another terminal
    OTHER = "other"  # what no other process writes to: a file, a timer


class _File(NamedTuple):
    """What a descriptor leads to."""

    kind: _Kind
    identity: tuple[int, int]
    reads: bool
    writes: bool


def _passes_on(files: dict[int, _File]) -> bool:
    """Return whether a process with these descriptors may pass keys on to another one."""
    return any(
        file.kind == _Kind.LINK or (file.kind == _Kind.PIPE and file.writes and number > _STANDARD)
        for number, file in files.items()
    )


def _files(pid: int, device: int) -> dict[int, _File]:
    """Return the open files of a process by descriptor, without pipes to itself; empty if they cannot be seen."""
    files = dict(_opened(pid, device))
    pipes = [file for file in files.values() if file.kind == _Kind.PIPE]
    own = {file.identity for file in pipes if file.reads} & {file.identity for file in pipes if file.writes}
    return {number: file for number, file in files.items() if file.kind != _Kind.PIPE or file.identity not in own}


def _opened(pid: int, device: int) -> Iterator[tuple[int, _File]]:
    try:
        numbers = os.listdir(f"/proc/{pid}/fd")[:_MAX_DESCRIPTORS]
    except OSError:
        return
    for number in numbers:
        path = f"/proc/{pid}/fd/{number}"
        try:
            mode, status = os.lstat(path).st_mode, os.stat(path)
        except OSError:
            continue  # it was closed
        identity = (status.st_dev, status.st_ino)
        yield int(number), _File(_kind(status, device), identity, bool(mode & stat.S_IRUSR), bool(mode & stat.S_IWUSR))


def _kind(status: os.stat_result, device: int) -> _Kind:
    if stat.S_ISFIFO(status.st_mode):
        return _Kind.PIPE
    number = platforms.device_number(status.st_rdev) if stat.S_ISCHR(status.st_mode) else 0
    if number in (device, syscalls.CONTROLLING):
        return _Kind.TERMINAL
    return _Kind.LINK if number == _PTMX or stat.S_ISSOCK(status.st_mode) else _Kind.OTHER
