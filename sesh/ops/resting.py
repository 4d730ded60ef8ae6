"""Sessions of a list that need not be asked again: nothing has happened in them since their daemons were asked.

A session whose events are followed tells most changes. What no event tells is read here, from the system: whether the
program has printed or read something (the times of its terminal), its directory, what runs in the foreground, and
whether a quiet program has run since: it may compute now, or read keys. The kernel notes the time of a terminal only
once in eight seconds, so one that was used about when its daemon was asked is asked again. Where the system does not
tell, each session is asked.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection

from sesh import identity, moments, platform, proc
from sesh.schema import Summary
from sesh.store import records

Signs = tuple[str, str, list[str]]
"""The directory, the foreground process group, and the words of its command."""

_STEP = 8
"""Seconds in which the kernel notes the time of a terminal only once."""
_TRUSTED_FOR = 120.0
"""Seconds after which all are asked in any case: of a daemon that hangs, or of what others of its group do for a quiet
program, nothing else tells."""
_PASSES = ("output",)
"""Reasons of a standing that cease to hold without a sign."""


class Quiet:
    """The signs of each session, as they were when its daemon was asked last."""

    def __init__(self) -> None:
        self._asked_all = 0.0
        """The moment when all were asked last (monotonic)."""
        self._asked: dict[str, tuple[float, tuple[Signs, bytes]]] = {}
        """The moment (by the clock) and the signs when a session was asked last, by name."""
        self._terminals: dict[str, str] = {}
        """The paths of the terminals, empty for one that is not to be seen from here."""

    def forget(self, names: Collection[str]) -> None:
        """Forgets sessions: something has happened in them, or there is another one of the name."""
        for name in names:
            self._asked.pop(name, None)
            self._terminals.pop(name, None)

    def rows(self, sessions: list[Summary], followed: Collection[str], moment: float) -> list[Summary]:
        """The sessions that need not be asked now (monotonic), of those that are listed and followed; the others are
        asked next."""
        due, now = moment - self._asked_all >= _TRUSTED_FOR, time.time()
        if due:
            self._asked_all = moment
        before, self._asked, resting = self._asked, {}, []
        for session in sessions:
            name = session["name"]
            silent = session["state"] != "running" or session.get("responding") is False
            activity = session.get("activity")
            why = activity.get("why") if activity else None
            if silent or why in _PASSES or name not in followed or session.get("attached"):
                continue  # who is attached may type what the program does not read
            standing = _signs(session.get("pid"))
            if standing is None:
                continue
            signs = standing, _ran(standing[1]) if why == "quiet" else b""
            asked_at, as_asked = before.get(name, (0.0, None))
            if due or signs != as_asked or self._used(session) >= asked_at // _STEP:
                asked_at = now
            else:
                resting.append(session)
            self._asked[name] = asked_at, signs
        return resting

    def _used(self, session: Summary) -> float:
        """The step in which a session's terminal was used last; infinite if that is not known."""
        name = session["name"]
        if name not in self._terminals:
            self._terminals[name] = _terminal(name)
        try:
            status = os.stat(self._terminals[name])
        except OSError:
            return float("inf")
        used = max(status.st_mtime, status.st_atime) // _STEP
        reported = (moments.seconds(session.get("last_activity")) or 0.0) // _STEP
        return used if used >= reported else float("inf")  # these times are not kept


def _terminal(name: str) -> str:
    """The path of a session's terminal; empty if another one, of another container, may have this path here."""
    record = records.readable(name) or {}
    path, file_system = record.get("tty") or "", identity.terminal_filesystem()
    try:
        status = os.stat(path)
    except OSError:
        return ""
    same = identity.device_number(status.st_rdev) == record.get("tty_number") and status.st_dev == file_system
    return path if same and record.get("terminals") == file_system else ""


def _ran(pid: str) -> bytes:
    """The time of a process on the processors as the kernel counts it; empty where it does not say."""
    try:
        with open(f"/proc/{pid}/schedstat", "rb") as file:
            return file.read()
    except OSError:
        return b""


def _signs(pid: int | None) -> Signs | None:
    """The signs of a session's program; None where they are not known."""
    if not platform.LINUX or not pid:
        return None
    fields = identity.stat_of(pid)
    if len(fields) < 6 or not fields[5].isdecimal() or fields[5] == "0":
        return None  # no terminal, or nobody in front of it
    words = proc.command_of(int(fields[5]))
    directory = proc.directory_of(pid)
    return (directory, fields[5], words) if words and directory else None
