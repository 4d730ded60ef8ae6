"""The sessions that a server was asked about, and how each of them stands.

A file for each session in which an agent works: what was done, when, with which code, and how its output ended.

The files are Markdown, `~/.local/state/sesh/work/HOST/DATE-NAME.md` (`local` for this machine), readable by their owner
alone. `SESH_WORK_LOG` names another directory, or is `none`. Of what is sent only the length is kept, since it may be a
password. A file ends at 8 MiB; what nothing was added to for 30 days is removed when a server starts.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

from sesh import moments, paths, wording
from sesh.api import Session
from sesh.errors import Interrupted, NotDeployed, NotFound, Refused, SeshError, Unreachable
from sesh.schema import Summary

IDLE = 300.0
"""Seconds without activity after which a session counts as idle."""
_MOST = 500


@dataclass(eq=False)
class Entry:
    """One session. `ours`: the id of what this server created. `tried`: calls under way. `reached`: it has answered."""

    session: Session
    log: str | None
    ours: str | None = None
    tried: int = 0
    reached: bool = False

    def created(self) -> None:
        """This server has created it: another one, which somebody may make under that name later, is not ours."""
        try:
            self.ours = str(self.session.status().get("id") or "") or None
        except NotFound:
            self.ours = None  # it has ended already

    def close(self) -> None:
        """Ends it, where it is still the one that this server created. Raises NotFound where it is not."""
        if self.ours is None or self.session.status().get("id") != self.ours:
            raise NotFound(f"{self.session.name} has ended")
        self.session.kill()

    def standing(self, row: Summary | None, error: SeshError | None) -> str:
        """How it stands by the word of its host: `row` of the list, None if it is not there; or the `error`.

        `connecting`: nothing has come of the first call yet. `connected`; `idle`: nothing happened in it for five
        minutes. `expired`: its host cannot be reached, or its daemon has died; opening it again helps. `closed`: it has
        ended.
        """
        if self.tried and not self.reached:
            return "connecting"
        if error is not None or (row is not None and row.get("state") == "lost"):
            return "expired"
        if row is None or row.get("state") == "exited":
            return "closed"
        last = moments.seconds(row.get("last_activity"))
        return "idle" if last is not None and time.time() - last > IDLE else "connected"


class Ledger:
    """The entries, in the order in which they were heard of; safe for threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._entries: dict[Session, Entry] = {}

    def entry(self, session: Session) -> Entry:
        """The entry of a session; a new one where it was not heard of, for which the oldest may have to go."""
        with self._lock:
            if session not in self._entries:
                self._entries[session] = Entry(session, path(session.name, session.host))
                for old in list(self._entries)[:-_MOST]:
                    del self._entries[old]
            return self._entries[session]

    def all(self) -> list[Entry]:
        """All entries."""
        with self._lock:
            return list(self._entries.values())

    @contextmanager
    def used(self, session: Session) -> Iterator[Entry]:
        """A call for a session; that it answered is noted."""
        entry = self.entry(session)
        with self._lock:
            entry.tried += 1
        known = True
        try:
            yield entry
            with self._lock:
                if not entry.reached:
                    opened(entry.log, session.name, session.host, "created" if entry.ours else "found again")
                entry.reached = True
        except (Unreachable, NotDeployed, Interrupted):
            raise
        except BaseException:
            known = entry.reached
            raise
        finally:
            with self._lock:
                entry.tried -= 1
                if not known and not entry.tried:
                    self._entries.pop(session, None)  # there is no such session: it need not be listed as one


FOLDER = "SESH_WORK_LOG"
LOCAL = "local"
MOST = 8 << 20
OLDEST = 30 * 24 * 3600.0
"""Seconds."""
LINES = 40
"""Of an output, the last ones."""


def directory() -> str | None:
    """Where the files lie; None where none are wanted."""
    named = os.environ.get(FOLDER, "")
    if named in ("none", "0"):
        return None
    if named:
        return os.path.abspath(named)
    return os.path.join(paths.state_directory(), "work")


def path(name: str, host: str | None) -> str | None:
    """The file of a session from today on; None where none are wanted."""
    folder = directory()
    if folder is None:
        return None
    place = (host or LOCAL).replace("/", "_")
    return os.path.join(folder, place, f"{moments.stamp()[:10]}-{name}.md")


def opened(file: str | None, name: str, host: str | None, said: str) -> None:
    """Notes that a session was opened, or is used for the first time."""
    where = f"`{name}` on `{host}`" if host is not None else f"`{name}`"
    _add(file, f"# {where}: {said}, {moments.stamp()}\n\n")


def did(file: str | None, what: str, command: str, ending: str, output: str = "") -> None:
    """Notes one thing that was done: the verb, its words, how it ended, and the end of its output."""
    lines = output.splitlines()
    shown = lines[-LINES:]
    left = f"({len(lines) - len(shown)} lines before)\n" if len(lines) > len(shown) else ""
    text = f"## {what}, {moments.stamp()}\n\n{_block(command)}{ending}\n\n"
    _add(file, text + (f"{left}{_block(chr(10).join(shown))}" if shown else ""))


def prune() -> None:
    """Removes the files that nothing was added to for 30 days."""
    folder = directory()
    if folder is None or not os.path.isdir(folder):
        return
    old = time.time() - OLDEST
    for here, _, files in os.walk(folder):
        for entry in files:
            if not entry.endswith(".md"):
                continue
            try:
                if os.lstat(os.path.join(here, entry)).st_mtime < old:
                    os.unlink(os.path.join(here, entry))
            except OSError:
                continue  # somebody else's, or gone already


def _block(text: str) -> str:
    """Text as Markdown shows it untouched; controls that a terminal could act upon are left out."""
    lines = text.split("\n")
    plain = (wording.plain(line, keep="\t") for line in lines)
    return "".join(f"    {line}\n" for line in plain) + "\n"


def _add(file: str | None, text: str) -> None:
    """Appends in one write. A file that cannot be written keeps nobody from working."""
    if file is None:
        return
    try:
        paths.make_private(os.path.dirname(file), FOLDER)
        paths.append(file, text.encode("utf-8", "replace"), MOST)
    except (OSError, Refused):
        return
