"""The log of what happens with remotes, for programs: JSON Lines in the file named by `SESH_EVENT_LOG`.

Without the variable they go to `sesh/events.jsonl` of `XDG_STATE_HOME` (`~/.local/state`), once a remote is known, and
the user gets prose on stderr (what failed in any case); that file is kept small. `sesh --events --log` shows either.

Every line has `ts` (RFC 3339, UTC), `event` and the fields of that event:

    sync_start         host
    sync_path_pushed   host, path, bytes; left_out where something in it is never copied
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

import json
import os
import threading
from collections.abc import Iterator

from sesh import moments, paths, reading, wording, writing
from sesh.about import CALLED
from sesh.errors import Refused
from sesh.names import printable

Event = dict[str, object]
"""An entry of the log."""

_STDERR = 2
_ROTATED = ".1"
_MAX_SIZE = 1 << 20
"""Bytes of the default log at which it is rotated; one older file is kept."""
_LARGEST = 64 << 20
"""Bytes; ours is cut at far less, but SESH_EVENT_LOG may name another one."""
_warned: set[str] = set()


def wanted() -> bool:
    """Return whether a program reads the events, so that there is no prose on stderr."""
    return bool(os.environ.get("SESH_EVENT_LOG"))


def path() -> str:
    """The path of the log: `SESH_EVENT_LOG`, else a file beside the known remotes."""
    return os.environ.get("SESH_EVENT_LOG") or os.path.join(paths.state_directory(), "events.jsonl")


def paths_of() -> list[str]:
    """The files of the log, the older one first."""
    return [path()] if wanted() else [path() + _ROTATED, path()]


def read(session: str | None = None) -> list[Event]:
    """The events that the log holds, the oldest first; those of one session if it is given. Raises Refused."""
    events = [event for path in paths_of() for event in _events(path)]
    return events if session is None else [event for event in events if event.get("session") == session]


def _events(path: str) -> Iterator[Event]:
    """The events of one file, in their order; other lines, as one cut short by a full disk, are passed over."""
    try:
        content = reading.read_regular(path, _LARGEST)
    except FileNotFoundError:
        return
    except OSError as error:
        raise Refused(f"cannot read {printable(path, 4096)}: {error.strerror}; see SESH_EVENT_LOG") from error
    for text in content.decode("utf-8", "replace").split("\n"):
        try:
            event = json.loads(text)
        except (ValueError, RecursionError):
            continue
        if isinstance(event, dict) and isinstance(event.get("event"), str):
            yield event


def log(event: str, **fields: object) -> None:
    """Append one event in a single write, so that processes may share the file; it is created with mode 0600.

    A log that cannot be written stops nothing; one that the user has named is reported once, on stderr.
    """
    name = path()
    if not wanted() and not _prepare(name):
        return
    line = (
        json.dumps({"ts": moments.stamp(), "event": event, **fields}, ensure_ascii=False, separators=(",", ":")) + "\n"
    )
    # File names that are not UTF-8 hold surrogates here; they become U+FFFD in the log.
    data = line.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()
    try:
        writing.append(name, data, through_links=wanted())  # one that the user has named may be /dev/stderr
    except OSError as error:
        tells = threading.current_thread() is threading.main_thread()  # no other one knows what the terminal shows
        if tells and wanted() and name not in _warned:
            _warned.add(name)
            _print(f"cannot write events to SESH_EVENT_LOG={name}: {error.strerror}")


def _prepare(name: str) -> bool:
    """Rotate the default log if it is full; return whether it can be written, which needs a known remote."""
    if not paths.knows_remotes():
        return False
    try:
        if _is_full(name):
            with writing.locked(os.path.dirname(name)):
                if _is_full(name):  # no other process has rotated it meanwhile
                    os.replace(name, name + _ROTATED)
    except FileNotFoundError:
        pass  # the first event makes it
    except (OSError, Refused):
        return False
    return True


def _is_full(name: str) -> bool:
    return os.lstat(name).st_size > _MAX_SIZE


def prose(text: str, *, failed: bool = False) -> None:
    """Print a line on stderr, unless a program reads the events instead; what `failed` is told in any case."""
    if failed or not wanted():
        _print(text)


def _print(text: str) -> None:
    try:
        os.write(_STDERR, f"{CALLED}: {wording.one_line(text)}\n".encode())
    except OSError:
        return  # nobody reads it
