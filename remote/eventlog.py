"""What happens with remotes, for programs: JSON Lines in the file that `SESH_EVENT_LOG` names, else prose on stderr.

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

from sesh import jsontext, paths

_STDERR = 2
_told: set[str] = set()


def wanted() -> bool:
    """Whether a program reads what happens, so that stderr is spared the prose."""
    return bool(os.environ.get("SESH_EVENT_LOG"))


def log(event: str, **fields: object) -> None:
    """Appends one event, whole; nothing without `SESH_EVENT_LOG`.

    Many processes may share the file, which is made with mode 0600 where it is missing. One that cannot be written is
    told of once, on stderr, and stops nothing.
    """
    path = os.environ.get("SESH_EVENT_LOG")
    if not path:
        return
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    line = jsontext.write({"ts": stamp, "event": event, **fields}) + "\n"
    # Bytes of file names that are no UTF-8 are surrogates here, and U+FFFD there.
    data = line.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()
    # O_NONBLOCK: a FIFO that nobody reads would hold up the session.
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
    try:
        descriptor = os.open(path, flags, paths.OWN)
        try:
            os.write(descriptor, data)
        finally:
            os.close(descriptor)
    except OSError as error:
        if path not in _told:
            _told.add(path)
            _print(f"events cannot be written to SESH_EVENT_LOG={path}: {error.strerror}")


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
