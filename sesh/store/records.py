"""The record of a session, NAME.json: facts that need no daemon (`Record` in `sesh.schema`). No secret stands in it.

One with an exit_code and no daemon is that of a session that ended unseen.
"""

from __future__ import annotations

import os
import signal
import time

from sesh import identity, moments, paths, protocol, reading, writing
from sesh.errors import Refused
from sesh.store import files
from sesh.stored import Record

OLDEST = 7 * 86400.0
"""Seconds for which a session that ended unseen is kept."""
_SAME = 5
"""Seconds between the moment in a record and its file's date that count as the same moment."""
_LARGEST = 4 << 20
"""Bytes: a command may be long."""


def read(name: str) -> Record | None:
    """The record of a session, None if there is none. Raises Refused for a foreign file, and for a damaged one."""
    path = paths.record_path(name)
    record: Record | None = files.read(path, Record, _LARGEST)
    if record is None:
        return None
    if not record.get("machine"):
        raise reading.damaged(path, "machine is missing")
    return {**record, "name": name}  # what leads to it is its file's name


def write(record: Record, *, durable: bool = False) -> None:
    """Puts a session's record in place, 0600, in one step. See `writing.write_whole`."""
    writing.write_whole(paths.record_path(record["name"]), protocol.encode(record), durable=durable)


def moment_of_writing(boot: str) -> str:
    """The moment at which a record is written, for `age`: boot, uptime, wall clock."""
    return f"{boot} {moments.uptime():.0f} {time.time():.0f}"


def age(record: Record) -> float:
    """Seconds since a record was written; setting the clock changes that only if the machine has started since.

    A file whose date is not that of its writing (it was copied, or touched) counts from its date.
    """
    written = os.lstat(paths.record_path(record["name"])).st_mtime
    boot, *when = str(record.get("marked") or "").split(" ")
    if len(when) == 2 and all(part.isdecimal() and len(part) < 16 for part in when):
        uptime, moment = map(int, when)
        if abs(written - moment) < _SAME and boot == identity.boot_id():
            return moments.uptime() - uptime
    return time.time() - written


def here(record: Record) -> bool:
    """Returns whether the session belongs to this machine; another's is shown and never touched."""
    return bool(record.get("machine") == identity.machine())


def alive(record: Record) -> bool:
    """Returns whether the daemon that wrote the record lives: its pid, begun at the same time, since the same boot."""
    pid = record.get("daemon_pid")
    return (
        isinstance(pid, int)
        and pid > 1
        and record.get("boot") == identity.boot_id()
        and record.get("daemon_start") == identity.start_time(pid) != ""
    )


def wake(record: Record) -> bool:
    """Has a live daemon make its socket and record again if they are gone. Returns False if it does not live."""
    if not (here(record) and alive(record)):
        return False
    try:
        os.kill(record["daemon_pid"], signal.SIGUSR1)
    except ProcessLookupError:
        return False
    return True


def agent_path(session_id: str) -> str:
    """The link that leads to the ssh agent of a session's newest live client."""
    return os.path.join(paths.directory(), f".agent.{session_id}")


def link_agent(session_id: str, target: str) -> None:
    """Makes a session's agent path a symbolic link to `target`, in one step; if that fails it stays as it was."""
    link = agent_path(session_id)
    temporary = writing.unfinished(link)
    try:
        os.symlink(target, temporary)
        os.replace(temporary, link)
    except OSError:
        if os.path.islink(temporary):
            os.unlink(temporary)


def checkpoint_path(session_id: str) -> str:
    """The file of a session's checkpoint."""
    return os.path.join(paths.directory(), f".checkpoint.{session_id}")


def scrollback_paths(session_id: str) -> tuple[str, str]:
    """The files of what has scrolled off in a session: one that its checkpoint goes with, and one that replaces it."""
    folder = paths.directory()
    return os.path.join(folder, f".scrollback0.{session_id}"), os.path.join(folder, f".scrollback1.{session_id}")


def environment_path(session_id: str) -> str:
    """The file of variables for the shells of a session."""
    return os.path.join(paths.directory(), f".env.{session_id}")


def readable(name: str) -> Record | None:
    """The record of a session; None also if it cannot be believed."""
    try:
        return read(name)
    except Refused:
        return None


def remove(name: str, session_id: str = "") -> None:
    """Removes a session's files, its checkpoint too. The caller holds the directory's lock; nobody listens any more.

    `session_id`: as in the record, if the caller knows it. The socket goes last: by it a daemon knows the files as its
    own when a removal that failed is tried again.
    """
    session_id = session_id or (readable(name) or {}).get("id") or "none"  # an id that no session has
    own = (agent_path(session_id), checkpoint_path(session_id), environment_path(session_id))
    for path in (*own, *scrollback_paths(session_id), paths.record_path(name), paths.socket_path(name)):
        try:
            os.unlink(path)
        except FileNotFoundError:
            continue


def forget(name: str, session_id: str) -> None:
    """Removes the files of a session, if they still bear this name and have no daemon to remove them.

    Raises OSError, Refused.
    """
    with writing.locked(paths.directory()):
        if (readable(name) or {}).get("id") == session_id:
            remove(name, session_id)


def forget_ended() -> None:
    """Forgets the sessions that ended unseen more than `OLDEST` seconds ago. Raises OSError, Refused."""
    old = time.time() - OLDEST
    for name in paths.names():
        try:
            record = readable(name) if os.lstat(paths.record_path(name)).st_mtime < old else None
            if record is None or record.get("exit_code") is None or not here(record) or alive(record):
                continue
            if age(record) > OLDEST:
                forget(name, str(record.get("id")))
        except FileNotFoundError:
            continue  # another daemon forgets the same ones
