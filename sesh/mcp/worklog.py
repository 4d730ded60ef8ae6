"""The sessions that a server uses, the state of their connections, and the logs of the work in them.

A log has the commands of a session, their times and exit codes, and the ends of their output. It is a Markdown file,
`~/.local/state/sesh/work/HOST/DATE-NAME.md` (`local` for this machine), which only its owner can read. `SESH_WORK_LOG`
names another directory, or is `none`. Of sent text, which may be a password, only the length is logged. A log
ends at 8 MiB. A server removes logs unchanged for 30 days when it starts.
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
_MAX_SESSIONS = 500  # more displace the oldest


@dataclass(eq=False)
class UsedSession:
    """A session that the client uses. `created_id`: its id if this server created it. `reached`: it has answered."""

    session: Session
    log: str | None
    created_id: str | None = None
    calls: int = 0  # calls that run now
    reached: bool = False

    def note_created(self) -> None:
        """Note the id of the session that this server created; a later session of that name has another id."""
        try:
            self.created_id = str(self.session.status().get("id") or "") or None
        except NotFound:
            self.created_id = None  # the session has ended already

    def close(self) -> None:
        """End the session that this server created. Raises NotFound if another one has its name now."""
        if self.created_id is None or self.session.status().get("id") != self.created_id:
            raise NotFound(f"{self.session.name} has ended")
        self.session.kill()

    def connection(self, answer: Summary | SeshError) -> str:
        """Return the state of the connection, from the session's summary or the error of that call.

        `connecting`: the first call has not been answered yet. `connected`. `idle`: nothing happened for five minutes.
        `expired`: the host does not answer, or the daemon has died; opening the session again helps. `closed`: the
        session has ended.
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
    """The sessions that a server uses, the oldest first; safe for threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._entries: dict[Session, UsedSession] = {}

    def entry(self, session: Session) -> UsedSession:
        """Return the entry of a session, a new one if needed."""
        with self._lock:
            if session not in self._entries:
                self._entries[session] = UsedSession(session, path(session.name, session.host))
                for old in list(self._entries)[:-_MAX_SESSIONS]:
                    del self._entries[old]
            return self._entries[session]

    def all(self) -> list[UsedSession]:
        """Return the entries of all sessions that have answered, or have a running call."""
        with self._lock:
            return [entry for entry in self._entries.values() if entry.reached or entry.calls]

    @contextmanager
    def during_call(self, session: Session, opening: str = "") -> Iterator[UsedSession]:
        """Yield the entry of a session; the block counts as a running call.

        The first call that succeeds is logged. `opening`: the words for the log; by default `created` or `found again`.
        """
        entry = self.entry(session)
        with self._lock:
            entry.calls += 1
        try:
            yield entry
            with self._lock:
                if not entry.reached:
                    how = opening or ("created" if entry.created_id else "found again")
                    log_opening(entry.log, session.name, session.host, how)
                entry.reached = True
        finally:
            with self._lock:
                entry.calls -= 1


_VARIABLE = "SESH_WORK_LOG"
MAX_BYTES = 8 << 20  # nothing is added to a larger log
MAX_AGE = 30 * 24 * 3600.0  # seconds since the last change; an older log is removed
_LAST_LINES = 40  # of an output; the lines before are only counted


def directory() -> str | None:
    """Return the directory of the logs; None if no logs are wanted."""
    wanted = os.environ.get(_VARIABLE, "")
    if wanted in ("none", "0"):
        return None
    return os.path.abspath(wanted) if wanted else os.path.join(paths.state_directory(), "work")


def path(name: str, host: str | None) -> str | None:
    """Return the log file for a session first used today; None if no logs are wanted."""
    folder = directory()
    machine = (host or "local").replace("/", "_")
    return os.path.join(folder, machine, f"{measures.stamp()[:10]}-{name}.md") if folder is not None else None


def log_opening(file: str | None, name: str, host: str | None, reason: str) -> None:
    """Log that a session was opened, or is used for the first time."""
    session = f"`{name}` on `{host}`" if host is not None else f"`{name}`"
    _add(file, f"# {session}: {reason}, {measures.stamp()}\n\n")


def log_action(file: str | None, verb: str, command: str, ending: str, output: str = "") -> None:
    """Log an action: the verb, its words, how it ended, and the end of its output."""
    lines = output.splitlines()
    shown = lines[-_LAST_LINES:]
    left_out = f"({len(lines) - len(shown)} lines before)\n" if len(lines) > len(shown) else ""
    text = f"## {verb}, {measures.stamp()}\n\n{_block(command)}{ending}\n\n"
    _add(file, text + (f"{left_out}{_block(chr(10).join(shown))}" if shown else ""))


def prune() -> None:
    """Remove logs unchanged for MAX_AGE, and no other files."""
    folder = directory()
    old = time.time() - MAX_AGE
    for path in glob(os.path.join(escape(folder), "*", "*.md")) if folder is not None else ():
        with suppress(OSError):  # gone already, or in a read-only directory
            if os.lstat(path).st_mtime < old and own.is_work_log(path):
                os.unlink(path)


def _block(text: str) -> str:
    """Return text as a Markdown code block, without control characters."""
    return "".join(f"    {wording.plain(line, keep=chr(9))}\n" for line in text.split("\n")) + "\n"


def _add(file: str | None, text: str) -> None:
    """Append in one write; ignore an error, which must not stop the work."""
    with suppress(OSError, Refused):
        if file is not None:
            files.make_private(os.path.dirname(file), _VARIABLE)
            files.append(file, text.encode("utf-8", "replace"), MAX_BYTES)
