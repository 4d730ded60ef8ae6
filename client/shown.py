"""Record up to which position this terminal has shown each session.

So no line enters the terminal's scrollback twice. A terminal is identified by its tty, and by pid and start time of
the process that leads its Unix session (getsid), as a rule the shell.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress

from sesh import files, machine, measures, paths
from sesh.check import fits
from sesh.errors import Refused
from sesh.names import is_id
from sesh.schema import Time

_PREFIX = ".terminal."
_MAX_BYTES = 64 << 10  # a larger file is ignored
_LOCAL = "-"  # stands for this machine in the file
MAX_SESSIONS = 32  # sessions of one terminal that are recorded: those left last
MAX_TERMINALS = 64  # terminals that are recorded: those that left last


class Shown:
    """The sessions that this terminal has left: position and time, by host and id.

    A host gets and changes only the entries of its own sessions. `tty`: the terminal's path, empty if unknown.
    """

    def __init__(self, tty: str) -> None:
        leader = os.getsid(0)
        started = machine.start_time(leader) if tty and leader > 0 else ""
        self._terminal = f"{tty}\t{started}" if started else ""
        self._entry = f"{_PREFIX}{leader}"
        self._sessions: dict[tuple[str, str], tuple[int, int]] = self._read() if started else {}

    def positions(self, host: str | None) -> dict[str, int]:
        """Return the position of the first byte not shown, by session id."""
        sessions = self._sessions.items()
        return {session: position for (its_host, session), (position, _) in sessions if its_host == (host or _LOCAL)}

    def left_time(self, host: str | None, session: str) -> str:
        """Return when the terminal left the session, as text; empty for a new session."""
        _, left_at = self._sessions.get((host or _LOCAL, session), (0, 0))
        return measures.time_of_day(left_at) if left_at else ""

    def record_leave(self, host: str | None, session: str, position: int | None) -> None:
        """Record that the terminal leaves a session at `position`; None: the session has ended."""
        before = self._sessions.pop((host or _LOCAL, session), None)
        if position is not None and is_id(session):
            self._sessions[host or _LOCAL, session] = (position, int(time.time()))
        elif before is None:
            return
        if self._terminal:
            self._write()

    def _read(self) -> dict[tuple[str, str], tuple[int, int]]:
        """Return the file's sessions; none if the file is damaged, or of an earlier terminal."""
        sessions = {}
        try:
            content = files.read_own(os.path.join(paths.directory(), self._entry), _MAX_BYTES) or b""
            terminal, *lines = content.decode().splitlines() or [""]
            if terminal != self._terminal:
                return {}
            for line in lines:
                session, position, seconds, host = line.split()
                if not (is_id(session) and fits(int, int(position)) and fits(Time, int(seconds))):
                    return {}
                sessions[host, session] = (int(position), int(seconds))
            return sessions
        except (Refused, OSError, ValueError):
            return {}

    def _write(self) -> None:
        """Write the file; ignore a failure, after which lines may appear twice."""
        latest = list(self._sessions.items())[-MAX_SESSIONS:]
        lines = [f"{session} {position} {seconds} {host}" for (host, session), (position, seconds) in latest]
        with suppress(Refused, OSError):
            folder = files.ready_directory()
            path = os.path.join(folder, self._entry)
            is_new = not os.path.lexists(path)
            files.write_whole(path, "".join(f"{line}\n" for line in [self._terminal, *lines]).encode())
            if is_new:
                _remove_old_files(folder)


def _remove_old_files(folder: str) -> None:
    """Remove the files of terminals that no longer exist, then the oldest ones beyond MAX_TERMINALS."""
    existing = []
    for entry in os.listdir(folder):
        pid = entry.removeprefix(_PREFIX)
        if entry != pid and pid.isdecimal():
            path = os.path.join(folder, entry)
            if machine.start_time(int(pid)):
                existing.append(path)
            else:
                os.unlink(path)
    for path in sorted(existing, key=os.path.getmtime)[:-MAX_TERMINALS]:
        os.unlink(path)
