"""The sessions that a server was asked about, their standing, and the log of the work in them.

The log is a file for each session: the commands, when they were run, their exit codes, and the ends of their output.
The files are Markdown, `~/.local/state/sesh/work/HOST/DATE-NAME.md` (`local` for this machine), readable by their owner
alone. `SESH_WORK_LOG` names another directory, or is `none`. Of text that is sent only the length is kept, since it may
be a password. A file ends at 8 MiB; one that nothing was added to for 30 days is removed when a server starts.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from glob import escape, glob
from threading import Lock

from sesh import files, measures, paths, wording
from sesh.api import Session
from sesh.errors import NotFound, Refused, SeshError
from sesh.schema import Summary
from sesh.store import own

IDLE = 300.0  # seconds without activity after which a session counts as idle
_MOST_SESSIONS = 500  # sessions that are remembered


@dataclass(eq=False)
class UsedSession:
    """A session. `ours`: its id if this server created it. `calls`: those under way. `reached`: it has answered."""

    session: Session
    log: str | None
    ours: str | None = None
    calls: int = 0
    reached: bool = False

    def created(self) -> None:
        """Note that this server has created it; one that somebody makes under that name later has another id."""
        try:
            self.ours = str(self.session.status().get("id") or "") or None
        except NotFound:
            self.ours = None  # it has ended already

    def close(self) -> None:
        """End it. Raises NotFound if it is not the one any more that this server created."""
        if self.ours is None or self.session.status().get("id") != self.ours:
            raise NotFound(f"{self.session.name} has ended")
        self.session.kill()

    def standing(self, answer: Summary | SeshError) -> str:
        """Return the state of the session, by its facts or the error in their place.

        `connecting`: the first call has not answered yet. `connected`; `idle`: nothing happened in it for five minutes.
        `expired`: its host cannot be reached, or its daemon has died; opening it again helps. `closed`: it has ended.
        """
        if self.calls and not self.reached:
            return "connecting"
        if isinstance(answer, NotFound):
            return "closed"
        if isinstance(answer, SeshError) or answer.get("state") == "lost":
            return "expired"
        if answer.get("state") == "exited":
            return "closed"
        last = measures.seconds(answer.get("last_activity"))
        return "idle" if last is not None and time.time() - last > IDLE else "connected"


class SessionTable:
    """The sessions that a server was asked about, in that order; safe for threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._entries: dict[Session, UsedSession] = {}

    def entry(self, session: Session) -> UsedSession:
        """Return the entry of a session; a new one may displace the oldest."""
        with self._lock:
            if session not in self._entries:
                self._entries[session] = UsedSession(session, path(session.name, session.host))
                for old in list(self._entries)[:-_MOST_SESSIONS]:
                    del self._entries[old]
            return self._entries[session]

    def all(self) -> list[UsedSession]:
        """Return the entries of all sessions that have answered, or are called now."""
        with self._lock:
            return [entry for entry in self._entries.values() if entry.reached or entry.calls]

    @contextmanager
    def during_call(self, session: Session, opening: str = "") -> Iterator[UsedSession]:
        """Give the entry of a session during a call.

        `opening`: what the log says of the first call, by default whether the session was created or found again.
        """
        entry = self.entry(session)
        with self._lock:
            entry.calls += 1
        try:
            yield entry
            with self._lock:
                if not entry.reached:
                    how = opening or ("created" if entry.ours else "found again")
                    log_opening(entry.log, session.name, session.host, how)
                entry.reached = True
        finally:
            with self._lock:
                entry.calls -= 1


_VARIABLE = "SESH_WORK_LOG"
LARGEST = 8 << 20  # bytes of a file
OLDEST = 30 * 24 * 3600.0  # seconds for which a file stays that nothing is added to
_LAST_LINES = 40  # last lines of an output that are logged


def directory() -> str | None:
    """Return the folder of the files; None if none are wanted."""
    named = os.environ.get(_VARIABLE, "")
    if named in ("none", "0"):
        return None
    return os.path.abspath(named) if named else os.path.join(paths.state_directory(), "work")


def path(name: str, host: str | None) -> str | None:
    """Return the file of a session from today on; None if none are wanted."""
    folder = directory()
    machine = (host or "local").replace("/", "_")
    return os.path.join(folder, machine, f"{measures.stamp()[:10]}-{name}.md") if folder is not None else None


def log_opening(file: str | None, name: str, host: str | None, reason: str) -> None:
    """Note that a session was opened, or is used for the first time."""
    session = f"`{name}` on `{host}`" if host is not None else f"`{name}`"
    _add(file, f"# {session}: {reason}, {measures.stamp()}\n\n")


def log_action(file: str | None, verb: str, command: str, ending: str, output: str = "") -> None:
    """Note one action: the verb, its words, how it ended, and the end of its output."""
    lines = output.splitlines()
    shown = lines[-_LAST_LINES:]
    left_out = f"({len(lines) - len(shown)} lines before)\n" if len(lines) > len(shown) else ""
    text = f"## {verb}, {measures.stamp()}\n\n{_block(command)}{ending}\n\n"
    _add(file, text + (f"{left_out}{_block(chr(10).join(shown))}" if shown else ""))


def prune() -> None:
    """Remove logs that nothing was added to for 30 days; no other file is removed."""
    folder, old = directory(), time.time() - OLDEST
    for path in glob(os.path.join(escape(folder), "*", "*.md")) if folder is not None else ():
        with suppress(OSError):  # gone already, or in a directory that cannot be changed
            if os.lstat(path).st_mtime < old and own.is_work_log(path):
                os.unlink(path)


def _block(text: str) -> str:
    """Return text as Markdown shows it untouched, without controls that a terminal could act upon."""
    return "".join(f"    {wording.plain(line, keep=chr(9))}\n" for line in text.split("\n")) + "\n"


def _add(file: str | None, text: str) -> None:
    """Append in one write. A file that cannot be written keeps nobody from working."""
    with suppress(OSError, Refused):
        if file is not None:
            files.make_private(os.path.dirname(file), _VARIABLE)
            files.append(file, text.encode("utf-8", "replace"), LARGEST)
