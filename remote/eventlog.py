"""What happens with remotes, for programs: JSON Lines in the file that `SESH_EVENT_LOG` names, else prose on stderr.

Without the variable the lines go to `sesh/events.jsonl` of `XDG_STATE_HOME` (`~/.local/state`), once a remote is known,
which is kept small; `sesh --events --log` shows either.

Every line has `ts` (RFC 3339, UTC), `event` and the fields of that event:

    sync_start         host
    sync_path_pushed   host, path, bytes
    sync_path_failed   host, path, exit_code (null where no program ran), stderr
    tool_missing       host, tool, path, where ("here" or "there")
    sync_done          host, ok
    deploy_start       host
    deploy_done        host, version, …
    deploy_failed      host, step, stderr
    connect, disconnect, reconnect    host; reconnect: gap, since, joined

Keys are only ever added.
"""

from __future__ import annotations

import os
import time

from sesh import lean, paths
from sesh.remote import known

_STDERR = 2
_OLDER = ".1"
_LARGEST = 1 << 20
"""Bytes of the log that nobody has named; then it becomes the older one, and the one before that goes."""
_told: set[str] = set()


def wanted() -> bool:
    """Whether a program reads what happens, so that stderr is spared the prose."""
    return bool(os.environ.get("SESH_EVENT_LOG"))


def path() -> str:
    """The file: what `SESH_EVENT_LOG` names, else the one beside the known remotes."""
    return os.environ.get("SESH_EVENT_LOG") or os.path.join(os.path.dirname(known.directory()), "events.jsonl")


def paths_of() -> list[str]:
    """The files that hold the log, the older one first."""
    return [path()] if wanted() else [path() + _OLDER, path()]


def log(event: str, **fields: object) -> None:
    """Appends one event, whole.

    Many processes may share the file, which is made with mode 0600 where it is missing. One that the user has named and
    that cannot be written is told of once, on stderr; neither stops anything.
    """
    name = path()
    if not wanted() and not _ready(name):
        return
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    line = lean.to_json({"ts": stamp, "event": event, **fields}) + "\n"
    # Bytes of file names that are no UTF-8 are surrogates here, and U+FFFD there.
    data = line.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()
    # O_NONBLOCK: a FIFO that nobody reads would hold up the session.
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
    try:
        descriptor = os.open(name, flags, paths.OWN)
        try:
            os.write(descriptor, data)
        finally:
            os.close(descriptor)
    except OSError as error:
        if wanted() and name not in _told:
            _told.add(name)
            _print(f"events cannot be written to SESH_EVENT_LOG={name}: {error.strerror}")


def _ready(name: str) -> bool:
    """Whether the log of sesh's own may be written: there are known remotes, and it has room, or gets some."""
    if not os.path.isdir(known.directory()):
        return False
    try:
        if os.lstat(name).st_size > _LARGEST:
            os.replace(name, name + _OLDER)
    except FileNotFoundError:
        pass  # the first event makes it
    except OSError:
        return False
    return True


def prose(text: str) -> None:
    """One line of sesh's own on stderr, where no program reads the events instead."""
    if not wanted():
        _print(text)


def _print(text: str) -> None:
    line = "".join(character for character in " ".join(text.split()) if character.isprintable())
    try:
        os.write(_STDERR, f"sesh: {line}\n".encode())
    except OSError:
        return  # nobody reads it
