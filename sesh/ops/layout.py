"""Session layouts: the sessions of a machine and of known remotes as data, and the missing ones created again.

A layout is `{"version": 1, "sessions": […]}`, each session `{"name", "host", "directory", "command", "resume",
"labels"}`: `host` None for this machine, `command` None for the user's shell, `resume` None without a resume command.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence

from sesh import programs, shapes, wording
from sesh.errors import Exists, SeshError, UsageError
from sesh.names import check_host, check_label, check_name, near, printable
from sesh.ops import create, dormant, lookup
from sesh.reach import find
from sesh.reach.caller import Caller
from sesh.reach.op import op
from sesh.schema import LayoutEntry, Made, Summary
from sesh.store import files, listing

VERSION = 1
_KEYS = ("name", "host", "directory", "command", "resume", "labels")
_MOST_UNKNOWN = 3


@op(reads=True)
def sessions(caller: Caller) -> list[LayoutEntry]:
    """The sessions here and on known remotes, without those that have ended or run on another machine.

    Remotes that do not answer are noted.
    """
    here = [_entry(session, None) for session in listing.summaries() if _is_lasting(session)]
    find.note_damage(caller)
    elsewhere = []
    for host, rows, why in lookup.lists(caller):
        if why:
            caller.note(f"the sessions on @{host} are missing: {why}")
        else:
            elsewhere += [_entry(session, host) for session in rows if _is_lasting(session)]
    return here + elsewhere


def _is_lasting(session: Summary) -> bool:
    return session.get("state") != "exited" and "machine" not in session


def _entry(session: Summary, host: str | None) -> LayoutEntry:
    command = session.get("command")
    return {
        "name": str(session["name"]),
        "host": host,
        "directory": wording.at_home(session.get("cwd") or "") or None if host is None else session.get("cwd"),
        "command": None if session.get("shell") and (host or _is_shell(command)) else command,
        "resume": session.get("resume"),
        "labels": dict(session.get("labels") or {}),
    }


# -- reading a layout


def parse(data: bytes, source: str) -> list[LayoutEntry]:
    """The sessions of a layout: the output of `--export`, or a bare list of sessions.

    Raises UsageError with the place: line and column for invalid JSON, the path of a value for an invalid session.
    """
    try:
        text = data.decode("utf-8-sig")
        whole = json.loads(text)
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "replace")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        raise UsageError(f"{source}:{line}:{column}: not UTF-8; nothing was created") from error
    except (RecursionError, ValueError) as error:
        hint = "name a file written by --export; nothing was created"
        raise UsageError(f"{source}{_place(text)}: not JSON", hint=hint) from error
    try:
        return _sessions(whole)
    except UsageError as error:
        raise UsageError(f"{source}: {error}; nothing was created") from error


def _place(text: str) -> str:
    """The line and column where a text is not JSON any more, as they stand behind the file's name; empty if unknown."""
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return f":{error.lineno}:{error.colno}"
    except (RecursionError, ValueError):
        pass
    return ""


def _sessions(whole: object) -> list[LayoutEntry]:
    listed = whole
    if isinstance(whole, dict):
        version = whole.get("version", VERSION)
        if version != VERSION:
            raise UsageError(f"version: this sesh reads layouts of version {VERSION}, not {printable(str(version))}")
        listed = _required(whole, "sessions", ("version", "sessions"))
    if not isinstance(listed, list):
        raise UsageError("sessions: not a list")
    entries: list[LayoutEntry] = []
    indices: dict[tuple[str, str | None], int] = {}
    for index, value in enumerate(listed):
        entry = _session(value, f"sessions[{index}]")
        first = indices.setdefault((entry["name"], entry["host"]), index)
        if first != index:
            raise UsageError(f"sessions[{index}].name: {entry['name']} is already at sessions[{first}]")
        entries.append(entry)
    return entries


def _required(table: Mapping[str, object], key: str, keys: Sequence[str], prefix: str = "") -> object:
    """The value of a required key; if it is missing, the error names unknown keys that may be meant for it."""
    if key in table:
        return table[key]
    unknown = [f'"{printable(other)}"' for other in table if other not in keys][:_MOST_UNKNOWN]
    meant = f" ({', '.join(unknown)} {'is' if len(unknown) == 1 else 'are'} unknown)" if unknown else ""
    raise UsageError(f'{prefix}the key "{key}" is missing{meant}')


def _check_keys(table: Mapping[str, object], path: str) -> None:
    """Raises UsageError for a key that is one of ours but for one letter; others are ignored."""
    for key in table.keys() - set(_KEYS):
        if meant := near(key, _KEYS):
            raise UsageError(f'{path}: the key "{printable(key)}" is unknown; did you mean "{meant[0]}"?')


def _session(value: object, path: str) -> LayoutEntry:
    if not isinstance(value, dict):
        raise UsageError(f"{path}: not an object")
    name, host = _required(value, "name", _KEYS, f"{path}: "), value.get("host")
    _check_keys(value, path)
    if not isinstance(name, str):
        raise UsageError(f"{path}.name: not a string")
    if host is not None and not isinstance(host, str):
        raise UsageError(f"{path}.host: not a string or null")
    for key, text, check in (("name", name, check_name), ("host", host, check_host)):
        try:
            if text is not None:
                check(text)
        except UsageError as error:
            raise UsageError(f"{path}.{key}: {error}") from error
    directory, command, labels = value.get("directory"), value.get("command"), value.get("labels") or {}
    if directory is not None and not (directory and shapes.fits(shapes.system_text, directory)):
        raise UsageError(f"{path}.directory: not a directory name or null")
    if command is not None and not shapes.fits(files.words, command):
        raise UsageError(f"{path}.command: not a list of words or null")
    if (resume := value.get("resume") or None) is not None and not shapes.fits(files.resume, resume):
        raise UsageError(f"{path}.resume: not a list of words or null")
    if not isinstance(labels, dict):
        raise UsageError(f"{path}.labels: not an object")
    for key, label in labels.items():
        try:
            check_label(f"{key}={label}")
        except UsageError as error:
            raise UsageError(f"{path}.labels: {error}") from error
        if not isinstance(label, str) or "=" in key:
            raise UsageError(f"{path}.labels.{printable(key)}: not a valid label")
    return {
        "name": name, "host": host, "directory": directory, "command": command or None,
        "resume": resume, "labels": dict(labels),
    }  # fmt: skip


# -- creating what is missing


@op()
def make(caller: Caller, entries: Sequence[LayoutEntry]) -> list[Made]:
    """Creates the sessions of a layout that are not here, whatever host they name.

    Returns a row each: `name`, whether it was `created`, and if it could not be, the `error` as `SeshError.facts` gives
    it.
    """
    return [_make(caller, entry) for entry in entries]


def _make(caller: Caller, entry: LayoutEntry) -> Made:
    name = find.checked(str(entry["name"]))
    row: Made = {"name": name, "created": False}
    try:
        if (connection := find.running(name)) is not None:
            connection.close()
            if find.ended(name):
                raise find.taken(name)
            return row
        launch_spec = create.launch_spec(
            caller,
            directory=entry["directory"],
            command=None if _is_shell(entry["command"]) else entry["command"],
            label=[f"{key}={value}" for key, value in entry["labels"].items()],
        )
        launch_spec["resume"] = entry["resume"]
        if (summary := find.dormant(name)) is not None:
            dormant.start(caller, launch_spec, name, summary, again=True).close()
            row["again"] = True
        else:
            create.start(launch_spec, name).close()
    except SeshError as error:
        if isinstance(error, Exists) and not find.ended(name):
            return row  # another process was faster
        return {**row, "error": error.facts()}
    return {**row, "created": True}


def _is_shell(command: Sequence[str] | None) -> bool:
    """Returns whether a command is just a shell like the user's: on this machine that may lie elsewhere."""
    return command is None or (
        len(command) == 1 and os.path.basename(command[0]) == os.path.basename(programs.shell(os.environ))
    )
