"""The event log of remotes, for programs: JSON Lines in the file named by `SESH_EVENT_LOG`.

Without the variable, events are written to `sesh/events.jsonl` in `XDG_STATE_HOME` (`~/.local/state`) once a remote is
known, and stderr gets prose for the person. docs/HOSTS.md lists the events; keys are only ever added.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress

from sesh.about import PROGRAM
from sesh.errors import Refused, TimedOut
from sesh.names import printable
from sesh.system import paths
from sesh.system.files import PATIENCE, append, locked, read_regular
from sesh.text import safe, times

Event = dict[str, object]
_STDERR = 2
_ROTATED = ".1"
_MAX_SIZE = 1 << 20  # bytes, then the default log is rotated; one older file is kept
_MAX_READ = 64 << 20  # bytes; a larger log is refused. Only the log of `SESH_EVENT_LOG` can grow so large
_warned: set[str] = set()


def wanted() -> bool:
    """Return whether a program reads the events, so that stderr gets no prose."""
    return bool(os.environ.get("SESH_EVENT_LOG"))


def path() -> str:
    return os.environ.get("SESH_EVENT_LOG") or os.path.join(paths.state_directory(), "events.jsonl")


def read(session: str | None = None) -> list[Event]:
    """Return the events in the log, optionally of one session, the oldest first. Raises Refused."""
    files = [path()] if wanted() else [path() + _ROTATED, path()]
    events = [event for file in files for event in _events(file)]
    return [event for event in events if session is None or event.get("session") == session]


def _events(file: str) -> Iterator[Event]:
    try:
        content = read_regular(file, _MAX_READ)
    except FileNotFoundError:
        return
    except OSError as error:
        raise Refused(f"cannot read {printable(file)}: {error.strerror}; see SESH_EVENT_LOG") from error
    for line in content.decode("utf-8", "replace").split("\n"):
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            continue  # a malformed line, such as one that a full disk has truncated
        if isinstance(event, dict) and isinstance(event.get("event"), str):
            yield event


def log(event: str, **fields: object) -> None:
    """Append an event in a single write, so that processes may share the file.

    The file is created with mode 0600. A failed write to the default log is ignored, because its directory is missing
    until a remote is known. A failed write to `SESH_EVENT_LOG` is reported once, on stderr.
    """
    file, is_named = path(), wanted()
    line = json.dumps({"ts": times.stamp(), "event": event, **fields}, ensure_ascii=False, separators=(",", ":"))
    try:
        if not is_named:
            _rotate(file)
        # "replace": file names that are not UTF-8 have surrogates. `through_links`: /dev/stderr is a symbolic link.
        append(file, f"{line}\n".encode("utf-8", "replace"), through_links=is_named)
    except (OSError, Refused, TimedOut) as error:
        if is_named and file not in _warned:
            _warned.add(file)
            _print(f"cannot write events to SESH_EVENT_LOG={file}: {error}")


def _rotate(file: str) -> None:
    with locked(os.path.dirname(file), timeout=PATIENCE):
        if os.path.lexists(file) and os.lstat(file).st_size > _MAX_SIZE:
            os.replace(file, file + _ROTATED)


def prose(text: str) -> None:
    """Print a line on stderr, unless a program reads the events."""
    if not wanted():
        _print(text)


def _print(text: str) -> None:
    with suppress(OSError):  # stderr is closed
        os.write(_STDERR, f"{PROGRAM}: {safe.one_line(text)}\n".encode())
