"""Record up to which position this terminal has shown each session.

So no line enters the terminal's scrollback twice. A terminal is identified by its tty, and by pid and start time of
the process that leads its Unix session (getsid), as a rule the shell; a file is named by them.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress

from sesh.errors import Malformed, Refused, SeshError
from sesh.names import is_id
from sesh.schema import codec
from sesh.schema.check import checked_here
from sesh.system import files, paths, processes

_PREFIX = ".terminal."
_MAX_BYTES = 64 << 10  # a larger file is ignored
MAX_SESSIONS = 32  # sessions of one terminal that are recorded: those left last
MAX_TERMINALS = 64  # terminals that are recorded: those that left last


class SeenPositions:
    """The sessions that this terminal has left, the latest last.

    A host gets and changes only the entries of its own sessions. `tty`: the terminal's path, empty if unknown.
    """

    def __init__(self, tty: str) -> None:
        leader = os.getsid(0)
        started = processes.start_time(leader) if tty and leader > 0 else ""
        self._entry = f"{_PREFIX}{leader}-{started}{tty}".replace("/", "-") if started else ""
        self._left = self._read() if started else {}  # the position of each session, by its host and id

    def positions(self, host: str | None) -> dict[str, int]:
        """Return the position of the first byte not shown, by session id."""
        left = ((key.removeprefix(f"{host or ''}/"), position) for key, position in self._left.items())
        return {session: position for session, position in left if is_id(session)}

    def record_leave(self, host: str | None, session: str, position: int | None) -> None:
        """Record that the terminal leaves a session at `position`; None: the session has ended."""
        key = f"{host or ''}/{session}"
        self._left.pop(key, None)
        if position is not None and is_id(session):
            self._left[key] = position
        if self._entry:
            self._write()

    def _read(self) -> dict[str, int]:
        """Return the file's sessions; none if the file is missing or damaged."""
        try:
            data = files.read_own(os.path.join(paths.directory(), self._entry), _MAX_BYTES) or b"{}"
            left: dict[str, int] = checked_here(dict[str, int], codec.value(data))
        except (SeshError, Malformed, OSError):
            return {}
        return left

    def _write(self) -> None:
        """Write the file; ignore a failure, after which lines may appear twice."""
        content = json.dumps(dict([*self._left.items()][-MAX_SESSIONS:])).encode()
        with suppress(Refused, OSError):
            folder = files.ready_directory()
            files.write_whole(os.path.join(folder, self._entry), content)
            found = [os.path.join(folder, entry) for entry in os.listdir(folder) if entry.startswith(_PREFIX)]
            for path in sorted(found, key=os.path.getmtime)[:-MAX_TERMINALS]:
                os.unlink(path)
