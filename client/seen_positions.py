"""Record up to which position this terminal has shown each session.

So no line enters the terminal's scrollback twice. A terminal is identified by its tty, and by pid and start time of
the process that leads its Unix session (getsid), as a rule the shell; a file is named by them.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import Union

from sesh.client.reports import Answers
from sesh.client.terminal_queue import Given
from sesh.errors import Malformed, Refused, SeshError
from sesh.names import is_id
from sesh.schema import codec
from sesh.schema.check import checked_here
from sesh.system import files, paths, processes
from sesh.wire.messages import Hello

_PREFIX = ".terminal."
_ANSWERS = {each.value: each for each in (Answers.YES, Answers.NO)}  # in the place of a session
_MAX_BYTES = 64 << 10  # a larger file is ignored
MAX_SESSIONS = 32  # sessions of one terminal that are recorded: those left last
MAX_TERMINALS = 64  # terminals that are recorded: those that left last


class SeenPositions:
    """The sessions that this terminal has left, the latest last.

    A host gets and changes only the entries of its own sessions. `tty`: the terminal's path, empty if unknown.
    `answers`: whether the terminal tells that it has processed a reset; it is recorded with the next leave.
    """

    def __init__(self, tty: str) -> None:
        leader = os.getsid(0)
        started = processes.start_time(leader) if tty and leader > 0 else ""
        self._entry = f"{_PREFIX}{leader}-{started}{tty}".replace("/", "-") if started else ""
        self._left = self._read() if started else {}  # what it has of each session, by its host and id
        told = [_ANSWERS[each] for each in _ANSWERS if self._left.pop(each, None) is not None]
        self.answers = told[0] if told else Answers.UNTRIED

    def told(self, host: str | None) -> Hello:
        """Return what HELLO says to a host, or to this machine, of its sessions."""
        left = {key.removeprefix(f"{host or ''}/"): given for key, given in self._left.items()}
        seen = {session: given.position for session, given in left.items() if is_id(session)}
        return {"seen": seen, "begun": {session: left[session][1:] for session in seen if left[session].size}}

    def record_leave(self, host: str | None, session: str, given: Given | None) -> None:
        """Record what the terminal has of a session that it leaves; None: the session has ended."""
        key = f"{host or ''}/{session}"
        self._left.pop(key, None)
        if given is not None and is_id(session):
            self._left[key] = given
        if self._entry:
            self._write()

    def _read(self) -> dict[str, Given]:
        """Return the file's sessions; none if the file is missing or damaged."""
        try:
            data = files.read_own(os.path.join(paths.directory(), self._entry), _MAX_BYTES) or b"{}"
            left: dict[str, Union[int, Given]] = checked_here(dict[str, Union[int, Given]], codec.value(data))
        except (SeshError, Malformed, OSError):
            return {}
        return {key: Given(given) if isinstance(given, int) else given for key, given in left.items()}

    def _write(self) -> None:
        """Write the file; ignore a failure, after which lines may appear twice."""
        latest = [*self._left.items()][-MAX_SESSIONS:]
        left = {key: given if given.size else given.position for key, given in latest}
        content = json.dumps({**left, **({self.answers.value: 1} if self.answers.value in _ANSWERS else {})}).encode()
        with suppress(Refused, OSError):
            folder = files.ready_directory()
            files.write_whole(os.path.join(folder, self._entry), content)
            found = [os.path.join(folder, entry) for entry in os.listdir(folder) if entry.startswith(_PREFIX)]
            for path in sorted(found, key=os.path.getmtime)[:-MAX_TERMINALS]:
                os.unlink(path)
