"""The positions up to which this terminal was shown sessions: its scrollback never gets the same line twice.

A terminal is known by its tty together with the pid and the start time of its session leader: the shell in it, or the
program that was started in place of one. It has a file in the directory of sessions, `.terminal.PID`.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress

from sesh import files, measures, paths, processes
from sesh.check import fits
from sesh.errors import Refused
from sesh.names import is_id
from sesh.schema import Time

_PREFIX = ".terminal."
_LARGEST = 64 << 10
_HERE = "-"
"""This machine in the file, in the place of a host."""
MAX_SESSIONS, MAX_TERMINALS = 32, 64
"""Sessions that are remembered of a terminal, and terminals: those that were left last."""


class Shown:
    """The sessions that this terminal has left: by host and id, the position in the output, and the time of leaving.

    A host never learns of the sessions of another one, and none can change what is remembered of them.

    `tty`: the terminal's path, empty if it has none.
    """

    def __init__(self, tty: str) -> None:
        leader = os.getsid(0)
        began = processes.start_time(leader) if tty and leader > 0 else ""
        self._terminal = f"{tty}\t{began}" if began else ""
        self._entry = f"{_PREFIX}{leader}"
        self._sessions: dict[tuple[str, str], tuple[int, int]] = self._read() if began else {}

    def positions(self, host: str | None) -> dict[str, int]:
        """Return by id, for each session of a host (None: this machine), the position of the first byte not shown."""
        sessions = self._sessions.items()
        return {session: position for (its_host, session), (position, _) in sessions if its_host == (host or _HERE)}

    def since(self, host: str | None, session: str) -> str:
        """Return the time of leaving the session, as on a clock if today, else with the date; empty if not shown."""
        _, left_at = self._sessions.get((host or _HERE, session), (0, 0))
        return measures.time_of_day(left_at) if left_at else ""

    def leave(self, host: str | None, session: str, position: int | None) -> None:
        """Remember that the terminal leaves a session, shown up to `position`; forget it if it has ended (None)."""
        before = self._sessions.pop((host or _HERE, session), None)
        if position is not None and is_id(session):
            self._sessions[host or _HERE, session] = (position, int(time.time()))
        elif before is None:
            return
        if self._terminal:
            self._write()

    def _read(self) -> dict[tuple[str, str], tuple[int, int]]:
        """Return the content of the file; nothing if it is of an earlier terminal, or damaged."""
        sessions = {}
        try:
            content = files.read_own(os.path.join(paths.directory(), self._entry), _LARGEST) or b""
            first, *rest = content.decode().splitlines() or [""]
            for line in rest if first == self._terminal else ():
                session, position, seconds, host = line.split()
                if not (is_id(session) and fits(int, int(position)) and fits(Time, int(seconds))):
                    return {}
                sessions[host, session] = (int(position), int(seconds))
            return sessions
        except (Refused, OSError, ValueError):
            return {}

    def _write(self) -> None:
        """Write the file. If that fails, lines are shown again, which keeps nobody from leaving."""
        latest = list(self._sessions.items())[-MAX_SESSIONS:]
        lines = [f"{session} {position} {seconds} {host}" for (host, session), (position, seconds) in latest]
        with suppress(Refused, OSError):
            folder = files.ready_directory()
            path = os.path.join(folder, self._entry)
            first = not os.path.lexists(path)
            files.write_whole(path, "".join(f"{line}\n" for line in [self._terminal, *lines]).encode())
            if first:
                _make_room(folder)


def _make_room(folder: str) -> None:
    """Remove the files of terminals that are gone, and of those that were left longest ago if there are too many."""
    living = []
    for entry in os.listdir(folder):
        pid = entry.removeprefix(_PREFIX)
        if entry != pid and pid.isdecimal():
            path = os.path.join(folder, entry)
            if processes.start_time(int(pid)):
                living.append(path)
            else:
                os.unlink(path)
    for path in sorted(living, key=os.path.getmtime)[:-MAX_TERMINALS]:
        os.unlink(path)
