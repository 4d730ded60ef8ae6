"""Records of sessions, NAME.json: the facts that need no daemon (`sesh.schema.facts.Record`), none of them secret.

A record with an exit_code and without a daemon belongs to a session that ended without a client.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

from sesh.errors import Refused
from sesh.schema import codec
from sesh.schema.check import checker
from sesh.schema.facts import SUMMARY_KEYS, Record, Summary
from sesh.store import session_files
from sesh.system import files, paths, platforms, processes

KEPT_SECONDS = 7 * 86400.0  # after these, a result is removed, and a session that ended without a client
FILES = ("agent", "checkpoint", "display", "env", "new-screen", "primary", "screen")  # `.KIND.ID`
_MAX_RECORD = 4 << 20  # bytes; a larger record is refused
_IN_SUMMARY = (
    "pid", "created", "last_activity", "cwd", "command", "resume", "exit_code", "columns", "rows", "ended", "reason",
    "last_line",
)  # fmt: skip


def read(name: str) -> Record | None:
    """Return a session's record, or None. Raises Refused for a foreign or damaged file."""
    path = paths.record_path(name)
    record: Record | None = files.read_json(path, checker(Record), _MAX_RECORD)
    if record is None:
        return None
    if not record.get("machine"):
        raise files.damaged(path, "machine is missing")
    return {**record, "name": name}  # the file name counts: the socket has it too


def readable(name: str) -> Record | None:
    """Return the record of a session; None also if its file is not trusted."""
    try:
        return read(name)
    except Refused:
        return None


def id_of(name: str) -> str:
    """Return the id of a session, empty without a trusted record."""
    return (readable(name) or {}).get("id", "")


def files_of(record: Record) -> str:
    """Return the id by which a session's directory of files is named; empty if it is unknown."""
    return record.get("files") or record.get("id", "")


def write(record: Record, *, durable: bool = False) -> None:
    files.write_whole(paths.record_path(record["name"]), codec.encode(record), durable=durable)


def move(old: str, new: str) -> None:
    """Rename a record in one step, so that no crash leaves a session under two names. Raises OSError.

    The caller holds the directory's lock. The file has the old name until it is written again, but `read` does not
    believe that.
    """
    os.rename(paths.record_path(old), paths.record_path(new))


def summary(name: str, record: Record, state: str) -> Summary:
    """Return the facts of a record as a summary, in which unknown keys are None."""
    summary: Summary = {
        **dict.fromkeys(SUMMARY_KEYS), **{key: record.get(key) for key in _IN_SUMMARY},  # type: ignore[typeddict-item]
        "name": name, "state": state, "attached": 0, "current": False, "labels": record.get("labels") or {},
        "shell": record.get("shell") is True,
    }  # fmt: skip
    if session_id := record.get("id"):
        summary["id"] = session_id
    return summary


def age(record: Record) -> float:
    """Return the seconds since a record was written."""
    return time.time() - os.lstat(paths.record_path(record["name"])).st_mtime


def here(record: Record) -> bool:
    """Return whether the session belongs to this machine; sesh never changes another machine's."""
    return bool(record.get("machine") == platforms.name())


def alive(record: Record) -> bool:
    """Return whether the daemon that wrote the record lives: same boot, pid, start time."""
    pid = record.get("daemon_pid")
    return (
        isinstance(pid, int)
        and pid > 1
        and record.get("boot") == platforms.boot_id()
        and record.get("daemon_start") == processes.start_time(pid) != ""
    )


def wake(record: Record) -> bool:
    """Signal a live daemon to restore its socket and record; return whether it lives."""
    if not (here(record) and alive(record)):
        return False
    try:
        os.kill(record["daemon_pid"], signal.SIGUSR1)
    except ProcessLookupError:
        return False
    return True


# -- the files of a session, by its id


def file_of(session_id: str, kind: str) -> str:
    """Return the path of a session's file of a kind in `FILES`.

    `agent` is a link to the ssh agent of the newest client; `env` has variables for the session's shells;
    `display` is there if the real programs for a display are to run (see `sesh.daemon.desktop.display`);
    `primary` is what shims keep of X11's other clipboard.
    """
    return os.path.join(paths.directory(), f".{kind}.{session_id}")


def link_agent(session_id: str, target: str) -> None:
    """Point a session's agent link to `target` atomically; leave it unchanged if that fails."""
    with suppress(OSError):
        files.replace_link(file_of(session_id, "agent"), target)


def remove(name: str, *, with_sent: bool = True) -> None:
    """Remove a session's files; the caller holds the directory's lock, and no daemon is left.

    `with_sent`: also those that were sent to it. The record is removed last, so that each caller that connects to the
    socket can read the id, by which the result is found.
    """
    record = readable(name) or {}
    session_id, sent = record.get("id", ""), files_of(record)
    own = [file_of(session_id, kind) for kind in FILES] if session_id else []
    if with_sent and sent:
        session_files.remove(session_files.folder_of(sent))
    for path in (*own, paths.socket_path(name), paths.record_path(name)):
        with suppress(FileNotFoundError):
            os.unlink(path)


def forget(name: str, session_id: str) -> None:
    """Remove a dormant session's files if it still has the name. Raises OSError, Refused."""
    with files.locked(paths.directory()):
        if (readable(name) or {}).get("id") == session_id:
            remove(name)


def forget_ended() -> None:
    """Remove sessions that ended without a client more than `KEPT_SECONDS` seconds ago. Raises OSError, Refused."""
    for name in paths.names():
        record = readable(name)
        if record is None or record.get("exit_code") is None or not here(record) or alive(record):
            continue
        with suppress(FileNotFoundError):  # another daemon has removed it
            if age(record) > KEPT_SECONDS:
                forget(name, str(record.get("id")))
